"""Giving, refusing and withdrawing consent, and asking whether one stands."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import orjson

from backend.core.audit import Actor, AuditLog, Entry
from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.idempotency import Idempotency
from backend.core.mongo.client import Session
from backend.core.paging import Page, PageRequest
from backend.identity.consent.models import Consents, ConsentState, Decision, consent_texts
from backend.identity.consent.repository import ConsentRepository
from backend.identity.viewer import ResidentViewer

_ACTIONS: Final[Mapping[ConsentState, str]] = {
    ConsentState.GIVEN: "consent.given",
    ConsentState.REFUSED: "consent.refused",
    ConsentState.WITHDRAWN: "consent.withdrawn",
}


class ConsentService:
    """Consents (个人同意) of residents. A decision, its history and its audit entry are one transaction."""

    def __init__(
        self, repository: ConsentRepository, idempotency: Idempotency, audit: AuditLog, clock: Clock
    ) -> None:
        self._repository = repository
        self._idempotency = idempotency
        self._audit = audit
        self._clock = clock

    def give(self, viewer: ResidentViewer, purpose: str, resource: str, version: str, key: str) -> Decision:
        """Consents under the text that the resident was shown.

        `key` is the idempotency key. Refuses with CONSENT_UNKNOWN when the text asks for no such thing, and
        with CONSENT_TEXT_CHANGED when `version` isn't the one in force.
        """
        return self._answer(viewer, purpose, resource, version, ConsentState.GIVEN, key)

    def refuse(self, viewer: ResidentViewer, purpose: str, resource: str, version: str, key: str) -> Decision:
        """Says no, so that nobody asks again under this text; refuses as `give` does."""
        return self._answer(viewer, purpose, resource, version, ConsentState.REFUSED, key)

    def withdraw(self, viewer: ResidentViewer, purpose: str, resource: str, key: str) -> Decision:
        """Takes a consent back, whatever version it was given under; CONSENT_NOT_GIVEN when none stands."""
        request = {"purpose": purpose, "resource": resource}

        def work(session: Session) -> bytes:
            standing = self._repository.find(viewer.resident, session).decision(purpose, resource)
            if standing is None or standing.state is not ConsentState.GIVEN:
                raise Refusal("CONSENT_NOT_GIVEN")
            decision = self._decision(viewer, purpose, resource, standing.version, ConsentState.WITHDRAWN)
            return self._record(viewer, decision, session)

        return _read(self._idempotency.once(viewer.resident, key, "withdrawConsent", request, work))

    def of(self, resident: str) -> Consents:
        """All that stands for one resident: one query."""
        return self._repository.find(resident)

    def for_residents(self, residents: Iterable[str]) -> Mapping[str, Consents]:
        """All that stands for each of many residents: one query."""
        return self._repository.find_many(residents)

    def allowed(self, resident: str, purpose: str, resource: str) -> bool:
        """Whether the resident's consent for this purpose and resource stands now: one query."""
        return self._repository.find_one(resident, purpose, resource).allowed(purpose, resource)

    def history(self, viewer: ResidentViewer, page: PageRequest) -> Page[Decision]:
        """The resident's own decisions, newest first."""
        return self._repository.history(viewer.resident, page)

    def _answer(
        self,
        viewer: ResidentViewer,
        purpose: str,
        resource: str,
        version: str,
        state: ConsentState,
        key: str,
    ) -> Decision:
        request = {"purpose": purpose, "resource": resource, "version": version, "state": state}

        def work(session: Session) -> bytes:
            _check_text(purpose, resource, version)
            return self._record(viewer, self._decision(viewer, purpose, resource, version, state), session)

        return _read(self._idempotency.once(viewer.resident, key, "answerConsent", request, work))

    def _decision(
        self, viewer: ResidentViewer, purpose: str, resource: str, version: str, state: ConsentState
    ) -> Decision:
        return Decision(purpose, resource, state, version, self._clock.now(), viewer.resident, "self")

    def _record(self, viewer: ResidentViewer, decision: Decision, session: Session) -> bytes:
        self._repository.record(viewer.resident, decision, session)
        self._audit.append(
            Entry(
                action=_ACTIONS[decision.state],
                actor=Actor("resident", viewer.resident),
                subject=viewer.resident,
                purpose=decision.purpose,
                detail={"resource": decision.resource, "version": decision.version},
            ),
            session,
        )
        return orjson.dumps(decision)


def _check_text(purpose: str, resource: str, version: str) -> None:
    text = consent_texts().get(purpose)
    if text is None or resource not in text.resources:
        raise Refusal("CONSENT_UNKNOWN")
    if version != text.version:
        raise Refusal("CONSENT_TEXT_CHANGED")


def _read(stored: bytes) -> Decision:
    fields = orjson.loads(stored)
    state, at = ConsentState(fields.pop("state")), datetime.fromisoformat(fields.pop("at"))
    return Decision(**fields, state=state, at=at)


def build_consents(foundation: Foundation) -> ConsentService:
    """The consents on the foundation."""
    return ConsentService(
        ConsentRepository(foundation.db), foundation.idempotency, foundation.audit, foundation.clock
    )

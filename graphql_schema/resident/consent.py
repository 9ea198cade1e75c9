"""Consent in the residents' schema: what is asked, what stands, and its history."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.core.errors import Locale
from backend.core.paging import PageRequest
from backend.identity.consent import models
from graphql_schema.resident.base import Connection, Info, Refused, mutation, query, resident

strawberry.enum(models.ConsentStatus, description="What stands now; only GIVEN allows.")
strawberry.enum(models.ConsentState, description="What was decided.")


@strawberry.type(description="One matter that a resident is asked to consent to, and what stands.")
class Consent:
    """A purpose and a resource, the text in force, and the resident's answer."""

    purpose: str
    resource: str = strawberry.field(description="What it is about, such as `photo` or `mobile`.")
    version: str = strawberry.field(description="Version of the text, to be given back with the answer.")
    title: str
    body: str
    status: models.ConsentStatus
    decided_at: datetime | None

    @classmethod
    def of(
        cls, text: models.ConsentText, resource: str, consents: models.Consents, locale: Locale
    ) -> "Consent":
        """One resource of a text with what the resident said to it."""
        decision = consents.decision(text.purpose, resource)
        return cls(
            purpose=text.purpose,
            resource=resource,
            version=text.version,
            title=text.titles[locale],
            body=text.bodies[locale],
            status=consents.status(text.purpose, resource),
            decided_at=None if decision is None else decision.at,
        )


@strawberry.type(description="One decision; decisions are added, never changed.")
class ConsentDecision:
    """An entry of the history."""

    purpose: str
    resource: str
    state: models.ConsentState
    version: str
    at: datetime

    @classmethod
    def of(cls, decision: models.Decision) -> "ConsentDecision":
        """The decision, without who made it: it was the resident."""
        return cls(
            purpose=decision.purpose,
            resource=decision.resource,
            state=decision.state,
            version=decision.version,
            at=decision.at,
        )


GiveConsentResult = Annotated[ConsentDecision | Refused, strawberry.union("GiveConsentResult")]
RefuseConsentResult = Annotated[ConsentDecision | Refused, strawberry.union("RefuseConsentResult")]
WithdrawConsentResult = Annotated[ConsentDecision | Refused, strawberry.union("WithdrawConsentResult")]


@strawberry.type
class ConsentQuery:
    """What residents ask about their consents."""

    @query(resident(), description="Everything that consent is asked for, with what stands for each.")
    def consents(self, info: Info) -> list[Consent]:
        """One entry a purpose and resource, in the order of the texts."""
        standing = info.context.services.consents.of(info.context.resident.resident)
        return [
            Consent.of(text, resource, standing, info.context.locale)
            for text in models.consent_texts().values()
            for resource in text.resources
        ]

    @query(resident(), description="The resident's decisions, newest first.")
    def consent_history(
        self, info: Info, first: int, after: str | None = None
    ) -> Connection[ConsentDecision]:
        """A page of decisions."""
        page = info.context.services.consents.history(info.context.resident, PageRequest.of(first, after))
        return Connection.of(page.map(ConsentDecision.of))


@strawberry.type
class ConsentMutation:
    """Answering what is asked, and taking a consent back."""

    @mutation(resident(), description="Consents to one purpose and resource, under the text that was shown.")
    def give_consent(
        self, info: Info, purpose: str, resource: str, version: str, idempotency_key: str
    ) -> GiveConsentResult:
        """The decision."""
        consents = info.context.services.consents
        return ConsentDecision.of(
            consents.give(info.context.resident, purpose, resource, version, idempotency_key)
        )

    @mutation(resident(), description="Says no, so that nobody asks again under this text.")
    def refuse_consent(
        self, info: Info, purpose: str, resource: str, version: str, idempotency_key: str
    ) -> RefuseConsentResult:
        """The decision."""
        consents = info.context.services.consents
        return ConsentDecision.of(
            consents.refuse(info.context.resident, purpose, resource, version, idempotency_key)
        )

    @mutation(resident(), description="Takes a consent back; it counts from now on.")
    def withdraw_consent(
        self, info: Info, purpose: str, resource: str, idempotency_key: str
    ) -> WithdrawConsentResult:
        """The decision."""
        consents = info.context.services.consents
        return ConsentDecision.of(
            consents.withdraw(info.context.resident, purpose, resource, idempotency_key)
        )

"""Signing in with a one-time code."""

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.mongo.client import Session
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.login.codes import PhoneCodes
from backend.identity.login.models import (
    NUMBER_MAY_BE_RECYCLED,
    CodePurpose,
    ProvenMobile,
    RegistrationNeeded,
    TicketContent,
)
from backend.identity.login.tickets import Tickets
from backend.identity.models import Resident
from backend.identity.repository import ResidentRepository
from backend.identity.sessions.models import SignedIn
from backend.identity.sessions.service import SessionOpener

Outcome = SignedIn | RegistrationNeeded
OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)


class PhoneSignIn:
    """A proven number opens a session for the resident who holds it."""

    def __init__(
        self,
        core: Foundation,
        codes: PhoneCodes,
        tickets: Tickets,
        residents: ResidentRepository,
        opener: SessionOpener,
    ) -> None:
        self._core = core
        self._codes = codes
        self._tickets = tickets
        self._residents = residents
        self._opener = opener
        self._commands = Commands(core.idempotency)

    def sign_in(self, challenge: str, code: str, client: Client, key: str) -> Outcome:
        """A session, or a registration ticket when the number leads to nobody.

        A number that wasn't proven for 90 days may have gone to another person, so it leads to nobody until
        `register` has proven who holds it. Raises Refusal: PHONE_CODE_WRONG, IDENTITY_SUSPENDED,
        RATE_LIMITED.
        """
        command = Command(
            f"challenge:{challenge}", key, "identity.sign_in.phone", {"code": code, "entry": client.entry}
        )
        answered = self._commands.answered(command, OUTCOME)
        if answered is not None:
            return answered
        proven = self._codes.check(challenge, code, CodePurpose.SIGN_IN, client)
        return self._commands.once(command, OUTCOME, lambda session: self._enter(proven, client, session))

    def _enter(self, proven: ProvenMobile, client: Client, session: Session) -> Outcome:
        self._codes.consume(proven, session)
        holder = self._residents.find_by_mobile(proven.mobile_index, session)
        if holder is not None and not holder.is_active:
            raise Refusal("IDENTITY_SUSPENDED")
        if holder is None or self._may_be_recycled(holder):
            return self._tickets.issue(TicketContent(mobile=proven.mobile), session)
        now = self._core.clock.now()
        self._residents.prove_mobile(holder.id, now, session)
        signed_in = self._opener.open(holder.id, client, now, session)
        self._core.audit.append(signed_in_entry(signed_in, "phone", client), session)
        return signed_in

    def _may_be_recycled(self, holder: Resident) -> bool:
        proven_at = holder.mobile_proven_at
        return proven_at is None or self._core.clock.now() - proven_at > NUMBER_MAY_BE_RECYCLED


def signed_in_entry(signed_in: SignedIn, way: str, client: Client) -> Entry:
    """The audit entry of an opened session."""
    return Entry(
        action="identity.session.opened",
        actor=Actor("resident", signed_in.resident),
        subject=signed_in.resident,
        reference=signed_in.session,
        detail={"way": way, "entry": client.entry},
    )

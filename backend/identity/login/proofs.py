"""Two ways to prove a mobile number: a one-time code answered now, or the ticket of one answered before."""

import hashlib
from dataclasses import dataclass, field

from backend.core.errors import Refusal
from backend.core.mongo.client import Session
from backend.identity.client import Client
from backend.identity.login.codes import PhoneCodes
from backend.identity.login.models import CodePurpose, ProvenMobile
from backend.identity.login.tickets import Tickets
from backend.identity.residents import Residents


@dataclass(frozen=True, slots=True)
class ProofGiven:
    """A challenge with its code, or a ticket; both from this client."""

    challenge: str | None = None
    code: str | None = field(default=None, repr=False)
    ticket: str | None = field(default=None, repr=False)

    @property
    def reference(self) -> str:
        """A name of the whole proof that shows nothing of it: who knows a part of it can't name it."""
        text = self.ticket if self.ticket is not None else f"{self.challenge}:{self.code}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class MobileProof:
    """A proven number, and what must be used up with it."""

    mobile: str = field(repr=False)
    mobile_index: bytes = field(repr=False)
    code: ProvenMobile | None
    ticket: str | None = field(repr=False)


class MobileProofs:
    """Checks proofs of a mobile number, and uses them up."""

    def __init__(self, codes: PhoneCodes, tickets: Tickets, residents: Residents) -> None:
        self._codes = codes
        self._tickets = tickets
        self._residents = residents

    def check(self, given: ProofGiven, client: Client) -> MobileProof:
        """The proven number; Refusal PROOF_REQUIRED, PHONE_CODE_WRONG, TICKET_INVALID, RATE_LIMITED."""
        if given.ticket is not None:
            mobile = self._tickets.read(given.ticket).mobile
            if mobile is None:
                raise Refusal("TICKET_INVALID")
            return MobileProof(mobile, self._residents.mobile_index(mobile), None, given.ticket)
        if given.challenge is None or given.code is None:
            raise Refusal("PROOF_REQUIRED")
        proven = self._codes.check(given.challenge, given.code, CodePurpose.SIGN_IN, client)
        return MobileProof(proven.mobile, proven.mobile_index, proven, None)

    def consume(self, proof: MobileProof, session: Session) -> None:
        """Uses the code or ticket up, once."""
        if proof.code is not None:
            self._codes.consume(proof.code, session)
        if proof.ticket is not None:
            self._tickets.consume(proof.ticket, session)

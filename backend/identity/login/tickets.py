"""Registration tickets: what was proven at sign-in, carried to `register` by an opaque token."""

from pydantic import TypeAdapter

from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.ids import new_secret
from backend.core.mongo.client import Session
from backend.core.sealing import Sealer
from backend.identity.login.models import TICKET_LIFE, RegistrationNeeded, TicketContent
from backend.identity.login.repository import TicketRepository
from backend.identity.sessions.refresh_tokens import token_hash

_CONTENT = TypeAdapter(TicketContent)


class Tickets:
    """Issues tickets, reads them, uses them up. Only a ticket's hash and its sealed content are stored."""

    def __init__(self, repository: TicketRepository, sealer: Sealer, clock: Clock) -> None:
        self._repository = repository
        self._contents = sealer.system("registration-tickets")
        self._clock = clock

    def issue(self, content: TicketContent, session: Session) -> RegistrationNeeded:
        """A ticket good for 10 minutes and one registration."""
        ticket, expires_at = new_secret(), self._clock.now() + TICKET_LIFE
        sealed = self._contents.seal(_CONTENT.dump_json(content))
        self._repository.insert(token_hash(ticket), sealed, expires_at, session)
        return RegistrationNeeded(ticket, expires_at)

    def read(self, ticket: str) -> TicketContent:
        """What the ticket proves; Refusal TICKET_INVALID when it is unknown, used or too old."""
        sealed = self._repository.find(token_hash(ticket), self._clock.now())
        if sealed is None:
            raise Refusal("TICKET_INVALID")
        return _CONTENT.validate_json(self._contents.open(sealed))

    def consume(self, ticket: str, session: Session) -> None:
        """Uses the ticket up; TICKET_INVALID when another request was quicker."""
        if not self._repository.consume(token_hash(ticket), session):
            raise Refusal("TICKET_INVALID")

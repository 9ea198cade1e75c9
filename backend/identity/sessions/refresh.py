"""Renewing a session: each refresh token is good once, and a copy that is used later ends the family."""

from datetime import datetime

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.mongo.client import Session, transact
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.models import Assurance
from backend.identity.sessions.ending import SessionEnding
from backend.identity.sessions.models import (
    GRACE,
    IDLE_LIFE,
    EndReason,
    RefreshState,
    ResidentSession,
    SignedIn,
)
from backend.identity.sessions.refresh_tokens import RefreshTokens, token_hash
from backend.identity.sessions.repository import SessionRepository
from backend.identity.sessions.service import installation_hash
from backend.identity.sessions.tokens import ResidentTokens

_SIGNED_IN = TypeAdapter(SignedIn)


class _Reused(Exception):
    """A token of the family that had been used already was shown again; carries the session."""

    def __init__(self, reused: ResidentSession) -> None:
        super().__init__()
        self.session = reused


class RefreshService:
    """Gives new tokens for a refresh token."""

    def __init__(
        self,
        core: Foundation,
        sessions: SessionRepository,
        refresh_tokens: RefreshTokens,
        tokens: ResidentTokens,
        ending: SessionEnding,
    ) -> None:
        self._core = core
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._tokens = tokens
        self._ending = ending
        self._commands = Commands(core.idempotency)
        self._successors = core.sealer.system("refresh-successors")

    def refresh(self, token: str, client: Client, key: str) -> SignedIn:
        """New access and refresh tokens at L1; the old refresh token is used up.

        The token before the current one gives the same successor for 45 s to the same installation, whose
        answer may have been lost; under the same key it has its answer again for 24 h. Any other use of a
        used token ends the session. Raises Refusal: SESSION_ENDED,
        REFRESH_REUSED, RATE_LIMITED.
        """
        session_id = self._refresh_tokens.session_of(token)
        if session_id is None:
            raise Refusal("SESSION_ENDED")
        self._core.limits.hit("session.refresh", session_id)
        shown = token_hash(token)
        # Only the installation that asked has its answer again: a thief's repeat is a second use.
        actor = f"session:{session_id}:{client.installation}"
        command = Command(actor, key, "identity.session.refresh", {"token": shown.hex()})
        try:
            return self._commands.once(
                command, _SIGNED_IN, lambda session: self._renew(session_id, shown, client, session)
            )
        except _Reused as fault:
            reused = fault.session
            transact(self._core.db, lambda session: self._end_family(reused, session))
            raise Refusal("REFRESH_REUSED") from None

    def _renew(self, session_id: str, shown: bytes, client: Client, session: Session) -> SignedIn:
        now = self._core.clock.now()
        found = self._sessions.find_open(session_id, session)
        if found is None or not found.is_alive(now):
            raise Refusal("SESSION_ENDED")
        if shown == found.refresh.current:
            return self._rotate(found, now, session)
        if self._may_repeat(found, shown, client, now):
            assert found.refresh.successor is not None  # noqa: S101 - a previous token has a successor.
            return self._answer(found, self._successors.open(found.refresh.successor).decode())
        raise _Reused(found)

    def _rotate(self, found: ResidentSession, now: datetime, session: Session) -> SignedIn:
        token = self._refresh_tokens.make(found.id)
        state = RefreshState(
            token_hash(token), found.refresh.current, self._successors.seal(token.encode()), now
        )
        idle_until = min(now + IDLE_LIFE, found.absolute_until)
        rotated = self._sessions.rotate(found.id, found.refresh.current, state, idle_until, session)
        if rotated is None:
            raise Refusal("SESSION_ENDED")
        self._core.audit.append(_entry("identity.session.refreshed", rotated), session)
        return self._answer(rotated, token)

    def _may_repeat(self, found: ResidentSession, shown: bytes, client: Client, now: datetime) -> bool:
        return (
            shown == found.refresh.previous
            and now - found.refresh.rotated_at <= GRACE
            and installation_hash(client) == found.installation
        )

    def _answer(self, renewed: ResidentSession, token: str) -> SignedIn:
        grant = self._tokens.grant(
            renewed.resident, renewed.id, renewed.device, Assurance.L1, renewed.auth_time
        )
        return SignedIn(
            resident=renewed.resident,
            session=renewed.id,
            access_token=grant.access_token,
            access_expires_at=grant.expires_at,
            refresh_token=token,
            refresh_expires_at=renewed.idle_until,
            assurance=grant.assurance,
        )

    def _end_family(self, reused: ResidentSession, session: Session) -> None:
        now = self._core.clock.now()
        if self._ending.end(reused.id, reused.resident, EndReason.REFRESH_REUSED, now, session):
            self._core.audit.append(
                _entry("identity.session.refresh_reused", reused, "REFRESH_REUSED"), session
            )


def _entry(action: str, of: ResidentSession, code: str | None = None) -> Entry:
    return Entry(
        action=action,
        actor=Actor("resident", of.resident),
        subject=of.resident,
        outcome="ok" if code is None else "refused",
        code=code,
        reference=of.id,
    )

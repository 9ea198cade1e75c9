"""Staff sessions: opened by a sign-in, renewed for at most 8 hours, ended by sign-out or an administrator."""

from datetime import datetime

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.mongo.client import Session, transact
from backend.identity.commands import Command, Commands
from backend.identity.revocation import Revocations
from backend.identity.sessions.models import RefreshState
from backend.identity.sessions.refresh_tokens import RefreshTokens, token_hash
from backend.identity.staff.models import (
    ABSOLUTE_LIFE,
    IDLE_LIFE,
    StaffEnd,
    StaffMember,
    StaffSession,
    StaffSignedIn,
)
from backend.identity.staff.repository import StaffRepository, StaffSessionRepository
from backend.identity.staff.tokens import StaffTokens
from backend.identity.viewer import StaffViewer

_SIGNED_IN = TypeAdapter(StaffSignedIn)
_ENDED = TypeAdapter(str)


class StaffGrants:
    """Makes what a client gets: an access token with the present rights, and a refresh token."""

    def __init__(
        self, sessions: StaffSessionRepository, tokens: StaffTokens, refresh_tokens: RefreshTokens
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def open(self, member: StaffMember, at: datetime, session: Session) -> StaffSignedIn:
        """A new session."""
        session_id = new_id()
        token = self._refresh_tokens.make(session_id)
        state = RefreshState(token_hash(token), None, None, at)
        opened = StaffSession(session_id, member.id, at, at + IDLE_LIFE, at + ABSOLUTE_LIFE, state)
        self._sessions.insert(opened, session)
        return self._answer(member, opened, token, opened.idle_until)

    def renew(
        self, member: StaffMember, found: StaffSession, at: datetime, session: Session
    ) -> StaffSignedIn | None:
        """The next tokens of a session whose refresh token was shown; None when it was used meanwhile."""
        token = self._refresh_tokens.make(found.id)
        state = RefreshState(token_hash(token), found.refresh.current, None, at)
        idle_until = min(at + IDLE_LIFE, found.absolute_until)
        if not self._sessions.rotate(found.id, found.refresh.current, state, idle_until, session):
            return None
        return self._answer(member, found, token, idle_until)

    def session_of(self, refresh_token: str) -> str | None:
        """The session whose family a refresh token belongs to; None when we never made it."""
        return self._refresh_tokens.session_of(refresh_token)

    def _answer(
        self, member: StaffMember, of: StaffSession, token: str, refresh_expires_at: datetime
    ) -> StaffSignedIn:
        issued = self._tokens.issue(member, of.id, of.auth_time)
        return StaffSignedIn(member, of.id, issued.token, issued.expires_at, token, refresh_expires_at)


class _Reused(Exception):
    """A refresh token of the family that had been used already was shown again; carries the session."""

    def __init__(self, reused: StaffSession) -> None:
        super().__init__()
        self.session = reused


class StaffSessions:
    """What staff do with their own session."""

    def __init__(
        self,
        core: Foundation,
        staff: StaffRepository,
        sessions: StaffSessionRepository,
        grants: StaffGrants,
        revocations: Revocations,
    ) -> None:
        self._core = core
        self._staff = staff
        self._sessions = sessions
        self._grants = grants
        self._revocations = revocations
        self._commands = Commands(core.idempotency)

    def refresh(self, token: str, key: str) -> StaffSignedIn:
        """New tokens with the present roles and scope; the old refresh token is used up.

        A client whose answer was lost repeats with the same idempotency key and gets it again; any other
        use of a used token ends the session. Raises Refusal: SESSION_ENDED, REFRESH_REUSED, RATE_LIMITED.
        """
        session_id = self._grants.session_of(token)
        if session_id is None:
            raise Refusal("SESSION_ENDED")
        self._core.limits.hit("staff.refresh", session_id)
        shown = token_hash(token)
        command = Command(f"staff-session:{session_id}", key, "staff.refresh", {"token": shown.hex()})
        try:
            return self._commands.once(
                command, _SIGNED_IN, lambda session: self._renew(session_id, shown, session)
            )
        except _Reused as fault:
            reused = fault.session
            transact(self._core.db, lambda session: self._end_family(reused, session))
            raise Refusal("REFRESH_REUSED") from None

    def sign_out(self, viewer: StaffViewer, key: str) -> str:
        """Ends the viewer's session and its tokens; returns its id."""
        command = Command(viewer.staff, key, "staff.sign_out", {"session": viewer.session})

        def work(session: Session) -> str:
            self._end(viewer.session, viewer.staff, StaffEnd.SIGNED_OUT, session)
            return viewer.session

        return self._commands.once(command, _ENDED, work)

    def me(self, viewer: StaffViewer) -> StaffMember:
        """The viewer's account as it is now: one find."""
        member = self._staff.find(viewer.staff)
        if member is None or not member.is_active:
            raise Refusal("UNAUTHENTICATED")
        return member

    def _renew(self, session_id: str, shown: bytes, session: Session) -> StaffSignedIn:
        now = self._core.clock.now()
        found = self._sessions.find_open(session_id, session)
        if found is None or not found.is_alive(now):
            raise Refusal("SESSION_ENDED")
        if shown != found.refresh.current:
            raise _Reused(found)
        member = self._staff.find(found.staff, session)
        if member is None or not member.is_active:
            raise Refusal("SESSION_ENDED")
        renewed = self._grants.renew(member, found, now, session)
        if renewed is None:
            raise Refusal("SESSION_ENDED")
        self._core.audit.append(_entry("staff.session.refreshed", member.id, session_id), session)
        return renewed

    def _end_family(self, reused: StaffSession, session: Session) -> None:
        self._end(reused.id, reused.staff, StaffEnd.REFRESH_REUSED, session)

    def _end(self, session_id: str, staff: str, reason: StaffEnd, session: Session) -> None:
        """Ends a session with its tokens and leaves a trace; nothing when it ended before."""
        if self._sessions.end(session_id, reason, self._core.clock.now(), session):
            self._revocations.revoke_session(session_id, session)
            self._core.audit.append(_entry(f"staff.session.{reason.lower()}", staff, session_id), session)


def _entry(action: str, staff: str, session_id: str) -> Entry:
    return Entry(action, Actor("staff", staff), reference=session_id)

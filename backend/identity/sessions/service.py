"""Opening, listing and ending sessions."""

import hashlib
from datetime import datetime

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.mongo.client import Session
from backend.core.paging import Page, PageRequest
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.models import Assurance
from backend.identity.repository import ResidentRepository
from backend.identity.sessions.ending import SessionEnding
from backend.identity.sessions.models import (
    ABSOLUTE_LIFE,
    IDLE_LIFE,
    EndReason,
    RefreshState,
    ResidentSession,
    SignedIn,
)
from backend.identity.sessions.refresh_tokens import RefreshTokens, token_hash
from backend.identity.sessions.repository import SessionRepository
from backend.identity.sessions.tokens import ResidentTokens
from backend.identity.viewer import ResidentViewer

_ENDED = TypeAdapter(str)


class SessionOpener:
    """Opens a session inside the transaction of a sign-in."""

    def __init__(
        self,
        residents: ResidentRepository,
        sessions: SessionRepository,
        tokens: ResidentTokens,
        refresh_tokens: RefreshTokens,
    ) -> None:
        self._residents = residents
        self._sessions = sessions
        self._tokens = tokens
        self._refresh_tokens = refresh_tokens

    def open(self, resident: str, client: Client, at: datetime, session: Session) -> SignedIn:
        """A new session at L1 for an active resident; Refusal IDENTITY_SUSPENDED for any other."""
        if self._residents.touch_active(resident, at, session) is None:
            raise Refusal("IDENTITY_SUSPENDED")
        session_id = new_id()
        token = self._refresh_tokens.make(session_id)
        opened = _fresh(session_id, resident, client, token, at)
        self._sessions.insert(opened, session)
        grant = self._tokens.grant(resident, session_id, None, Assurance.L1, at)
        return SignedIn(
            resident=resident,
            session=session_id,
            access_token=grant.access_token,
            access_expires_at=grant.expires_at,
            refresh_token=token,
            refresh_expires_at=opened.idle_until,
            assurance=grant.assurance,
        )


class SessionService:
    """What residents do with their own sessions."""

    def __init__(
        self,
        core: Foundation,
        sessions: SessionRepository,
        ending: SessionEnding,
    ) -> None:
        self._core = core
        self._sessions = sessions
        self._ending = ending
        self._commands = Commands(core.idempotency)

    def list(self, viewer: ResidentViewer, page: PageRequest) -> Page[ResidentSession]:
        """The viewer's live sessions, newest first: one find."""
        return self._sessions.page(viewer.resident, self._core.clock.now(), page)

    def sign_out(self, viewer: ResidentViewer, key: str) -> str:
        """Ends the viewer's own session; returns its id."""
        return self._end(viewer, viewer.session, EndReason.SIGNED_OUT, key)

    def revoke(self, viewer: ResidentViewer, session_id: str, key: str) -> str:
        """Ends another session of the viewer; returns its id. NOT_FOUND when it isn't theirs or ended."""
        return self._end(viewer, session_id, EndReason.REVOKED, key)

    def _end(self, viewer: ResidentViewer, session_id: str, reason: EndReason, key: str) -> str:
        command = Command(viewer.resident, key, f"identity.session.{reason}", {"session": session_id})

        def work(session: Session) -> str:
            if not self._ending.end(session_id, viewer.resident, reason, self._core.clock.now(), session):
                raise Refusal("NOT_FOUND")
            entry = Entry(
                action=f"identity.session.{reason.lower()}",
                actor=Actor("resident", viewer.resident),
                subject=viewer.resident,
                reference=session_id,
            )
            self._core.audit.append(entry, session)
            return session_id

        return self._commands.once(command, _ENDED, work)


def installation_hash(client: Client) -> bytes:
    """SHA-256 of the client's installation id, which is random."""
    return hashlib.sha256(client.installation.encode()).digest()


def _fresh(session_id: str, resident: str, client: Client, token: str, at: datetime) -> ResidentSession:
    return ResidentSession(
        id=session_id,
        resident=resident,
        entry=client.entry,
        installation=installation_hash(client),
        label=client.label,
        device=None,
        auth_time=at,
        opened_at=at,
        last_used_at=at,
        idle_until=at + IDLE_LIFE,
        absolute_until=at + ABSOLUTE_LIFE,
        refresh=RefreshState(token_hash(token), None, None, at),
    )

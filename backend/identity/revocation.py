"""Revoked tokens, known to every API process within a second.

Each process holds the revocations in force in memory, fed by a change stream, and by polling while there is
none. When the feed is older than a second, every question goes to the database; when that is away too, the
question fails, and so does the request: a token is never believed on stale knowledge.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from backend.core.clock import Clock
from backend.core.mongo.client import Session
from backend.identity.revocations.repository import (
    DatabaseAway,
    Revocation,
    RevocationFeed,
    RevocationRepository,
)

TOKEN_LIFE: Final = timedelta(minutes=15)
FRESH_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.3
REOPEN_SECONDS: Final = 5.0

_MARGIN: Final = timedelta(minutes=1)  # Clocks of two machines differ, and a token's times are whole seconds.

_log = structlog.get_logger(__name__)


class Revocations:
    """Answers whether a token was revoked, and revokes inside the caller's transaction."""

    def __init__(
        self,
        repository: RevocationRepository,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, Revocation] = {}
        self._confirmed = float("-inf")

    @property
    def fresh(self) -> bool:
        """Whether the memory is known to be at most a second behind the database."""
        return self._monotonic() - self._confirmed <= FRESH_SECONDS

    @property
    def size(self) -> int:
        """How many revocations the memory holds."""
        return len(self._known)

    def is_revoked(self, session: str, subject: str, issued_at: datetime) -> bool:
        """Whether a token of this session and subject, issued at `issued_at`, no longer counts.

        Raises DatabaseAway when neither the feed nor the database can tell.
        """
        targets = (session_target(session), subject_target(subject))
        if self.fresh:
            known = self._known
            found: Sequence[Revocation] = [known[target] for target in targets if target in known]
        else:
            found = self._repository.among(targets)
        return any(one.target == targets[0] or _whole_second(issued_at) <= one.at for one in found)

    def revoke_sessions(self, sessions: Iterable[str], session: Session) -> None:
        """Ends all access tokens of these sessions, whenever they were issued, when `session` commits."""
        self._add([session_target(one) for one in sessions], session)

    def revoke_session(self, ended: str, session: Session) -> None:
        """Ends all access tokens of one session when `session` commits."""
        self.revoke_sessions([ended], session)

    def revoke_subject(self, subject: str, session: Session) -> None:
        """Ends all access tokens that this resident or member of staff has now, when `session` commits."""
        self._add([subject_target(subject)], session)

    def run(self, stop: threading.Event) -> None:
        """Keeps the memory fed until `stop` is set; a thread of each API process runs this."""
        while not stop.is_set():
            try:
                with self._repository.watch() as feed:
                    self._load()
                    self._follow(feed, stop)
            except DatabaseAway as fault:
                _log.warning("revocation_feed_lost", kind=type(fault).__name__)
                self._poll(stop)

    def start(self) -> Callable[[], None]:
        """Runs the feed in a daemon thread; the returned function stops it and waits."""
        stop = threading.Event()
        thread = threading.Thread(target=self.run, args=(stop,), name="revocations", daemon=True)
        thread.start()

        def close() -> None:
            stop.set()
            thread.join(timeout=REOPEN_SECONDS)

        return close

    def _add(self, targets: Sequence[str], session: Session) -> None:
        now = self._clock.now()
        self._repository.add(targets, now, now + TOKEN_LIFE + _MARGIN, session)

    def _load(self) -> None:
        asked = self._monotonic()
        self._known = {one.target: one for one in self._repository.in_force(self._clock.now())}
        self._confirmed = asked

    def _follow(self, feed: RevocationFeed, stop: threading.Event) -> None:
        while not stop.is_set():
            asked = self._monotonic()
            one = feed.next()
            if one is None:
                self._confirmed = asked
                self._forget()
            else:
                self._known[one.target] = one

    def _poll(self, stop: threading.Event) -> None:
        """Reads the collection while the change stream can't be had, then returns to try it again."""
        give_back = self._monotonic() + REOPEN_SECONDS
        while not stop.wait(POLL_SECONDS) and self._monotonic() < give_back:
            try:
                self._load()
            except DatabaseAway as fault:
                _log.warning("revocation_poll_failed", kind=type(fault).__name__)

    def _forget(self) -> None:
        now = self._clock.now()
        for target in [target for target, one in self._known.items() if one.expires_at <= now]:
            del self._known[target]


def session_target(session: str) -> str:
    """The name of a session in the collection."""
    return f"session:{session}"


def subject_target(subject: str) -> str:
    """The name of a resident or member of staff in the collection."""
    return f"subject:{subject}"


def _whole_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)

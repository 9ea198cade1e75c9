"""A lease on leadership, kept in MongoDB and timed by its clock, so that hosts need not agree on the time."""

import time
from datetime import UTC, datetime
from typing import Any, Final

from pymongo import ReturnDocument

from backend.core.audit.head import STATE
from backend.core.ids import new_id
from backend.core.mongo.client import Db, Document, Session

_LEASE: Final = "lease"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """Held by one process at a time and renewed after a third of its term.

    The document is `{_id: "lease", owner, token, session, expires_at}`. The token grows with every change of
    owner. It fences: whoever is guarded by the lease refuses a token lower than one it has seen, so an owner
    that slept through the end of its term does no harm.

    A transaction outlives a killed process: MongoDB keeps it, and its locks, for up to a minute
    (`transactionLifetimeLimitSeconds`). So the leader's transactions run in `session`, and whoever takes over
    ends the session of the one before.
    """

    def __init__(self, db: Db, owner: str, seconds: float) -> None:
        self._db = db
        self._state = db[STATE]
        self._owner = f"{owner}/{new_id()}"
        self._seconds = seconds
        self._session: Session | None = None
        self._token: int | None = None
        self._renew_at = 0.0

    @property
    def session(self) -> Session:
        """The session in which all transactions of the leader run."""
        if self._session is None:
            self._session = self._db.client.start_session()
        return self._session

    def hold(self) -> int | None:
        """The fencing token while we hold the lease or could take it, None while another holds it."""
        if self._token is None or time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + self._seconds / 3
            self._token = self._take()
        return self._token

    def release(self) -> None:
        """Lets the next owner in at once."""
        self._token = None
        change = {"expires_at": _LONG_AGO, "owner": None, "session": None}
        self._state.update_one({"_id": _LEASE, "owner": self._owner}, {"$set": change})
        if self._session is not None:
            self._session.end_session()
            self._session = None

    def _take(self) -> int | None:
        free = {"$or": [{"owner": self._owner}, {"$expr": {"$lt": ["$expires_at", "$$NOW"]}}]}
        before = self._state.find_one_and_update(
            {"_id": _LEASE} | free, [self._taken()], return_document=ReturnDocument.BEFORE
        )
        if before is None:
            return self._take() if self._create() else None
        if before["owner"] == self._owner:
            return int(before["token"])
        if before["session"] is not None:
            self._db.client.admin.command("killSessions", [{"id": before["session"]}])
        return int(before["token"]) + 1

    def _create(self) -> bool:
        """Makes the lease's document; False when it is there, and so held by another."""
        fresh = {"owner": None, "token": 0, "session": None, "expires_at": _LONG_AGO}
        done = self._state.update_one({"_id": _LEASE}, {"$setOnInsert": fresh}, upsert=True)
        return done.upserted_id is not None

    def _taken(self) -> Document:
        token: dict[str, Any] = {
            "$cond": [{"$eq": ["$owner", _literal(self._owner)]}, "$token", {"$add": ["$token", 1]}]
        }
        return {
            "$set": {
                "owner": _literal(self._owner),
                "token": token,
                "session": _literal(self.session.session_id["id"]),
                "expires_at": {"$add": ["$$NOW", int(self._seconds * 1000)]},
            }
        }


def _literal(value: object) -> Document:
    return {"$literal": value}

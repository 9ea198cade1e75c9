"""A lease on leadership, kept in MongoDB and timed by its clock, so that hosts need not agree on the time."""

import time
from datetime import UTC, datetime
from typing import Final

from pymongo import ReturnDocument

from backend.core.audit.head import STATE
from backend.core.mongo.client import Db, Document

_LEASE: Final = "lease"
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """Held by one owner at a time, `{_id: "lease", owner, token, expires_at}`, renewed after a third of it.

    The token grows with every change of owner. It fences: whoever is guarded by the lease refuses a token
    lower than one it has seen, so an owner that slept through the end of its term does no harm.
    """

    def __init__(self, db: Db, owner: str, seconds: float) -> None:
        self._state = db[STATE]
        self._owner = owner
        self._seconds = seconds
        self._token: int | None = None
        self._renew_at = 0.0

    def hold(self) -> int | None:
        """The fencing token while we hold the lease or could take it, None while another holds it."""
        if self._token is None or time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + self._seconds / 3
            self._token = self._take()
        return self._token

    def release(self) -> None:
        """Lets the next owner in at once."""
        self._token = None
        self._state.update_one(
            {"_id": _LEASE, "owner": self._owner}, {"$set": {"expires_at": _LONG_AGO, "owner": None}}
        )

    def _take(self) -> int | None:
        ours_or_over = {"$or": [{"owner": self._owner}, {"$expr": {"$lt": ["$expires_at", "$$NOW"]}}]}
        row = self._state.find_one_and_update(
            {"_id": _LEASE} | ours_or_over, [self._taken()], return_document=ReturnDocument.AFTER
        )
        if row is None and self._create():
            return self._take()
        return None if row is None else int(row["token"])

    def _create(self) -> bool:
        """Makes the lease's document; False when it is there, and so held by another."""
        fresh = {"owner": None, "token": 0, "expires_at": _LONG_AGO}
        done = self._state.update_one({"_id": _LEASE}, {"$setOnInsert": fresh}, upsert=True)
        return done.upserted_id is not None

    def _taken(self) -> Document:
        ours = {"$literal": self._owner}
        token = {"$cond": [{"$eq": ["$owner", ours]}, "$token", {"$add": ["$token", 1]}]}
        expires_at = {"$add": ["$$NOW", int(self._seconds * 1000)]}
        return {"$set": {"owner": ours, "token": token, "expires_at": expires_at}}

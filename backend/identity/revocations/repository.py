"""The `revocations` collection: one document a session or subject, gone when no token can be hit any more."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo.change_stream import CollectionChangeStream
from pymongo.errors import PyMongoError

from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index

INDEXES: Final[tuple[Index, ...]] = (
    index("revocations", "expires_at", expire_after_seconds=0),
    index("revocations", "at"),
)

AWAIT_MILLISECONDS: Final = 250

DatabaseAway = PyMongoError


class FeedLost(DatabaseAway):
    """The change stream ended for good, as when its collection was dropped or renamed."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens of `target` ("session:…" or "subject:…") that were issued at or before `at` don't count."""

    target: str
    at: datetime
    expires_at: datetime


class RevocationRepository:
    """Writes revocations, reads those in force and watches for new ones."""

    def __init__(self, db: Db) -> None:
        self._revocations = db["revocations"]

    def add(self, targets: Iterable[str], at: datetime, expires_at: datetime, session: Session) -> None:
        """Revokes the targets; a later revocation of the same target takes the earlier one's place."""
        for target in targets:
            self._revocations.replace_one(
                {"_id": target}, {"at": at, "expires_at": expires_at}, upsert=True, session=session
            )

    def among(self, targets: Iterable[str]) -> list[Revocation]:
        """The revocations of these targets, from the primary."""
        return [_revocation(row) for row in self._revocations.find({"_id": {"$in": list(targets)}})]

    def since(self, moment: datetime) -> list[Revocation]:
        """The revocations made at `moment` or later."""
        return [_revocation(row) for row in self._revocations.find({"at": {"$gte": moment}})]

    def in_force(self, now: datetime) -> list[Revocation]:
        """Every revocation that can still hit a token."""
        return [_revocation(row) for row in self._revocations.find({"expires_at": {"$gt": now}})]

    def watch(self) -> AbstractContextManager["RevocationFeed"]:
        """A feed of revocations as they are committed, from now on."""
        stream = self._revocations.watch(
            [{"$match": {"operationType": {"$in": ["insert", "replace"]}}}],
            max_await_time_ms=AWAIT_MILLISECONDS,
        )
        return RevocationFeed(stream)


class RevocationFeed(AbstractContextManager["RevocationFeed"]):
    """A change stream over the collection."""

    def __init__(self, stream: CollectionChangeStream[Document]) -> None:
        self._stream = stream

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def next(self) -> Revocation | None:
        """The next revocation; None when none came within 250 ms: the feed is then known to be up to date.

        Raises FeedLost when no more can come.
        """
        change = self._stream.try_next()
        if change is None and not self._stream.alive:
            # A dead stream is silent for ever; silence must never count as knowledge.
            raise FeedLost("the change stream has ended")
        return None if change is None else _revocation(change["fullDocument"])


def _revocation(row: Document) -> Revocation:
    return Revocation(row["_id"], row["at"], row["expires_at"])

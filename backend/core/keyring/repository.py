"""The collection `signing_keys`: one document a key, its private half wrapped by the KEK.

`{_id: "<purpose>|<generation>", purpose, generation, kid, algorithm, public, wrapped, created_at,
active_from, verify_for (s), revoked_at}`. The id makes a generation unique, whoever inserts it first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from backend.core.keyring.models import KeyRecord, Purpose
from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index

COLLECTION: Final = "signing_keys"
INDEXES: Final[tuple[Index, ...]] = (index(COLLECTION, "kid", unique=True),)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A record with its wrapped private half, which is None once destroyed."""

    record: KeyRecord
    wrapped: bytes | None


class SigningKeys:
    """Reads and writes of `signing_keys`."""

    def __init__(self, db: Db) -> None:
        self._rows = db[COLLECTION]

    def all(self, session: Session | None = None) -> tuple[StoredKey, ...]:
        """Every key of every purpose, in order of generation."""
        return tuple(_stored(row) for row in self._rows.find({}, session=session).sort("generation", 1))

    def insert(self, record: KeyRecord, wrapped: bytes, session: Session | None = None) -> bool:
        """Stores a key; False when its purpose already has that generation."""
        try:
            self._rows.insert_one(_document(record, wrapped), session=session)
        except DuplicateKeyError:
            return False
        return True

    def bring_forward(self, record: KeyRecord, now: datetime, session: Session) -> None:
        """Makes an announced key active at once."""
        self._rows.update_one({"_id": row_id(record)}, {"$set": {"active_from": now}}, session=session)

    def revoke(self, record: KeyRecord, now: datetime, session: Session) -> None:
        """Ends a key at once and destroys its private half."""
        change = {"$set": {"revoked_at": now}, "$unset": {"wrapped": ""}}
        self._rows.update_one({"_id": row_id(record)}, change, session=session)

    def destroy_private(self, records: Iterable[KeyRecord]) -> None:
        """Destroys the private halves of keys whose time is over; the public ones stay as evidence."""
        ids = [row_id(record) for record in records]
        self._rows.update_many({"_id": {"$in": ids}}, {"$unset": {"wrapped": ""}})


def row_id(record: KeyRecord) -> str:
    """The `_id` of a key's document."""
    return f"{record.purpose}|{record.generation}"


def context(record: KeyRecord) -> bytes:
    """What a wrapped private half is bound to, so that it can't be moved to another purpose."""
    return f"{COLLECTION}|{row_id(record)}".encode()


def _document(record: KeyRecord, wrapped: bytes) -> Document:
    return {
        "_id": row_id(record),
        "purpose": str(record.purpose),
        "generation": record.generation,
        "kid": record.kid,
        "algorithm": record.algorithm,
        "public": dict(record.public),
        "wrapped": wrapped,
        "created_at": record.created_at,
        "active_from": record.active_from,
        "verify_for": int(record.verify_for.total_seconds()),
    }


def _stored(row: Mapping[str, Any]) -> StoredKey:
    record = KeyRecord(
        purpose=Purpose(row["purpose"]),
        generation=row["generation"],
        kid=row["kid"],
        algorithm=row["algorithm"],
        public=row["public"],
        created_at=row["created_at"],
        active_from=row["active_from"],
        verify_for=timedelta(seconds=row["verify_for"]),
        revoked_at=row.get("revoked_at"),
    )
    return StoredKey(record, row.get("wrapped"))

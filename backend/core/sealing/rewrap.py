"""Rewrapping: after a change of KEK, everything it sealed is sealed again under its newest key."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from pymongo import UpdateOne

from backend.core.mongo.client import Db, Document
from backend.core.sealing.ports import KeyEncryption

COLLECTIONS: Final = ("secrets", "signing_keys", "data_keys")
"""Where the KEK's work lies: `{_id, wrapped}`, with `<collection>|<_id>` as context."""

_BATCH = 1000


def rewrap(db: Db, kek: KeyEncryption) -> int:
    """Seals every key and secret again that isn't under the newest key of `kek`; returns how many.

    Works in batches of 1,000 while everything runs, may be stopped and repeated. Once it returns 0, the
    older keys of the KEK can be dropped. Raises Unopenable when a key of the KEK is missing.
    """
    return sum(_rewrap_collection(db, collection, kek) for collection in COLLECTIONS)


def _rewrap_collection(db: Db, collection: str, kek: KeyEncryption) -> int:
    rows = db[collection].find({"wrapped": {"$exists": True}}, {"wrapped": 1}, batch_size=_BATCH)
    old = (row for row in rows if not kek.is_current(row["wrapped"]))
    done = 0
    for batch in _batches(old):
        done += db[collection].bulk_write([_change(collection, row, kek) for row in batch]).modified_count
    return done


def _change(collection: str, row: Document, kek: KeyEncryption) -> UpdateOne:
    context = f"{collection}|{row['_id']}".encode()
    fresh = kek.encrypt(kek.decrypt(row["wrapped"], context), context)
    # With the old bytes in the filter, an erasure that came in between stays one.
    return UpdateOne({"_id": row["_id"], "wrapped": row["wrapped"]}, {"$set": {"wrapped": fresh}})


def _batches(rows: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch

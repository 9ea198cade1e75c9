"""The `face_checks` collection, by the hash of the check's secret."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from pymongo import ReturnDocument

from backend.core.mongo.client import Db, Session
from backend.core.mongo.schema import Index, index
from backend.identity.face.models import FaceCheck

INDEXES: Final[tuple[Index, ...]] = (index("face_checks", "expires_at", expire_after_seconds=0),)


class FaceCheckRepository:
    """Face checks under way."""

    def __init__(self, db: Db) -> None:
        self._checks = db["face_checks"]

    def insert(self, check: FaceCheck, session: Session) -> None:
        """Adds an unused check."""
        row = asdict(check)
        self._checks.insert_one({"_id": row.pop("id"), "used": False, **row}, session=session)

    def find(self, check_id: bytes, now: datetime) -> FaceCheck | None:
        """The unused check with this id that is in its time."""
        row = self._checks.find_one({"_id": check_id, "used": False, "expires_at": {"$gt": now}})
        return None if row is None else _check(row)

    def passed(self, check_id: bytes, at: datetime) -> FaceCheck | None:
        """Notes when a check was passed, the first time it is told; None when it was used meanwhile."""
        self._checks.update_one(
            {"_id": check_id, "used": False, "passed_at": None}, {"$set": {"passed_at": at}}
        )
        row = self._checks.find_one({"_id": check_id, "used": False})
        return None if row is None else _check(row)

    def consume(self, check_id: bytes, session: Session) -> bool:
        """Uses a check up; False when it was used already."""
        row = self._checks.find_one_and_update(
            {"_id": check_id, "used": False},
            {"$set": {"used": True}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return row is not None


def _check(row: dict[str, object]) -> FaceCheck:
    fields = {name: row[name] for name in FaceCheck.__slots__ if name != "id"}
    return FaceCheck(id=row["_id"], **fields)  # type: ignore[arg-type]  # As `insert` wrote it.

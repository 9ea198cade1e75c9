"""The collections `devices` and `device_challenges`."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.paging import Page, PageRequest
from backend.identity.devices.models import Device

INDEXES: Final[tuple[Index, ...]] = (
    index("devices", "resident", "-_id", partial={"active": True}),
    index("devices", "thumbprint", unique=True, partial={"active": True}),
    index("device_challenges", "expires_at", expire_after_seconds=0),
)


class ThumbprintTaken(Exception):
    """Another active device has this key."""


class DeviceRepository:
    """Residents' devices, and the challenges given to their sessions."""

    def __init__(self, db: Db) -> None:
        self._devices = db["devices"]
        self._challenges = db["device_challenges"]

    def insert(self, device: Device, session: Session) -> None:
        """Adds an active device; raises ThumbprintTaken."""
        row = asdict(device)
        try:
            self._devices.insert_one({"_id": row.pop("id"), "active": True, **row}, session=session)
        except DuplicateKeyError:
            raise ThumbprintTaken from None

    def find(self, resident: str, device: str, session: Session | None = None) -> Device | None:
        """The resident's active device with this id."""
        where = {"_id": device, "resident": resident, "active": True}
        return _device(self._devices.find_one(where, session=session))

    def count(self, resident: str, limit: int, session: Session) -> int:
        """How many active devices the resident has, counted up to `limit`."""
        where = {"resident": resident, "active": True}
        return self._devices.count_documents(where, limit=limit, session=session)

    def page(self, resident: str, page: PageRequest) -> Page[Device]:
        """The resident's active devices, newest first."""
        where: Document = {"resident": resident, "active": True}
        if page.after is not None:
            where["_id"] = {"$lt": page.after}
        rows = self._devices.find(where).sort("_id", -1).limit(page.first + 1)
        return Page.cut([from_document(row) for row in rows], page, lambda device: device.id)

    def hold_active(self, device: str, resident: str, session: Session) -> bool:
        """Whether this device of the resident is active, with a write that conflicts with its end."""
        done = self._devices.update_one(
            {"_id": device, "resident": resident, "active": True}, {"$inc": {"holds": 1}}, session=session
        )
        return done.matched_count == 1

    def revoke(self, resident: str, device: str, at: datetime, session: Session) -> bool:
        """Ends an active device of the resident; False when there is none."""
        done = self._devices.update_one(
            {"_id": device, "resident": resident, "active": True},
            {"$set": {"active": False, "revoked_at": at}},
            session=session,
        )
        return done.modified_count == 1

    def revoke_all(self, resident: str, at: datetime, session: Session) -> None:
        """Ends every active device of the resident."""
        self._devices.update_many(
            {"resident": resident, "active": True},
            {"$set": {"active": False, "revoked_at": at}},
            session=session,
        )

    def insert_challenge(
        self, challenge: str, login_session: str, expires_at: datetime, session: Session
    ) -> None:
        """Adds a challenge for one session."""
        row = {"_id": challenge, "session": login_session, "expires_at": expires_at}
        self._challenges.insert_one(row, session=session)

    def consume_challenge(self, challenge: str, login_session: str, now: datetime, session: Session) -> bool:
        """Uses a challenge of this session up; False when unknown, used or too old."""
        where = {"_id": challenge, "session": login_session, "expires_at": {"$gt": now}}
        return self._challenges.find_one_and_delete(where, session=session) is not None


def from_document(row: Mapping[str, Any]) -> Device:
    """A device as read."""
    return Device(id=row["_id"], **{name: row[name] for name in Device.__slots__ if name != "id"})


def _device(row: Mapping[str, Any] | None) -> Device | None:
    return None if row is None else from_document(row)

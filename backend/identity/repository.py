"""Residents in MongoDB: the only place that queries the `residents` and `wechat_links` collections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument

from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.resident_id import IdKind, Sex
from backend.identity.models import IdentityStatus, Resident

INDEXES: Final[tuple[Index, ...]] = (
    index("residents", "id_index", unique=True),
    index("residents", "mobile_index", unique=True, partial={"mobile_index": {"$exists": True}}),
    index("wechat_links", "resident"),
    index("wechat_links", "union_index", partial={"union_index": {"$exists": True}}),
)


@dataclass(frozen=True, slots=True)
class BlindIndexes:
    """The keyed hashes under which a resident is found: of identity number and of mobile."""

    id_number: bytes
    mobile: bytes | None


@dataclass(frozen=True, slots=True)
class WeChatLink:
    """A WeChat account of a resident: keyed hashes of openid and unionid, the openid sealed."""

    openid_index: bytes
    union_index: bytes | None
    openid: bytes
    resident: str
    linked_at: datetime


class ResidentRepository:
    """Residents and their WeChat accounts."""

    def __init__(self, db: Db) -> None:
        self._residents = db["residents"]
        self._links = db["wechat_links"]

    def insert(self, resident: Resident, indexes: BlindIndexes, session: Session) -> None:
        """Adds a resident; a person or number that is there already breaks a unique index."""
        self._residents.insert_one(to_document(resident, indexes), session=session)

    def find(self, resident: str, session: Session | None = None) -> Resident | None:
        """The resident with this id."""
        return _resident(self._residents.find_one({"_id": resident}, session=session))

    def find_by_id_number(self, id_index: bytes, session: Session | None = None) -> Resident | None:
        """The resident with this identity number."""
        return _resident(self._residents.find_one({"id_index": id_index}, session=session))

    def find_by_mobile(self, mobile_index: bytes, session: Session | None = None) -> Resident | None:
        """The resident who holds this mobile number."""
        return _resident(self._residents.find_one({"mobile_index": mobile_index}, session=session))

    def find_by_wechat(
        self, openid_index: bytes, union_index: bytes | None, session: Session | None = None
    ) -> str | None:
        """The id of the resident that this WeChat account is linked to, in this or a sister mini-program."""
        link = self._links.find_one({"_id": openid_index}, session=session)
        if link is None and union_index is not None:
            link = self._links.find_one({"union_index": union_index}, session=session)
        return None if link is None else str(link["resident"])

    def touch_active(self, resident: str, at: datetime, session: Session) -> Resident | None:
        """Notes a sign-in of an active resident; None when suspended or unknown.

        The write makes a suspension at the same moment conflict, so that no session slips past it. It counts
        as in `hold_active`, because two sign-ins may fall into one millisecond.
        """
        active = {"_id": resident, "status": IdentityStatus.ACTIVE}
        return self._change(active, {"signed_in_at": at}, session, counter="holds")

    def hold_active(self, resident: str, session: Session) -> bool:
        """Whether the resident is active, with a write that conflicts with any other at that moment.

        So what the caller decides on in this transaction holds until it commits: no suspension, and no other
        holder, comes in between. A counter, because setting a field to the value that it has is no write.
        """
        done = self._residents.update_one(
            {"_id": resident, "status": IdentityStatus.ACTIVE}, {"$inc": {"holds": 1}}, session=session
        )
        return done.matched_count == 1

    def prove_mobile(self, resident: str, at: datetime, session: Session) -> None:
        """Notes that the resident's number answered a one-time code."""
        self._residents.update_one({"_id": resident}, {"$set": {"mobile_proven_at": at}}, session=session)

    def set_status(
        self, resident: str, before: IdentityStatus, after: IdentityStatus, at: datetime, session: Session
    ) -> Resident | None:
        """Moves a resident from one status to another; None when not in `before`."""
        return self._change(
            {"_id": resident, "status": before},
            {"status": after, "status_at": at},
            session,
            counter="version",
        )

    def set_mobile(
        self, resident: str, mobile: bytes, mobile_index: bytes, at: datetime, session: Session
    ) -> Resident | None:
        """Gives an active resident a number just proven; None when suspended or unknown."""
        changes = {"mobile": mobile, "mobile_index": mobile_index, "mobile_proven_at": at}
        return self._change(
            {"_id": resident, "status": IdentityStatus.ACTIVE}, changes, session, counter="version"
        )

    def release_mobile(self, mobile_index: bytes, but: str | None, session: Session) -> str | None:
        """Takes a recycled number from whoever holds it, except `but`; the id of that resident."""
        row = self._residents.find_one_and_update(
            {"mobile_index": mobile_index, "_id": {"$ne": but}},
            {"$unset": {"mobile": 1, "mobile_index": 1, "mobile_proven_at": 1}, "$inc": {"version": 1}},
            projection={"_id": 1},
            session=session,
        )
        return None if row is None else str(row["_id"])

    def link_wechat(self, link: WeChatLink, session: Session) -> None:
        """Links a WeChat account to its resident, taking it from another one if it was linked there."""
        row: Document = {"resident": link.resident, "openid": link.openid, "linked_at": link.linked_at}
        if link.union_index is not None:
            row["union_index"] = link.union_index
        self._links.replace_one({"_id": link.openid_index}, row, upsert=True, session=session)

    def unlink_wechat(self, resident: str, session: Session) -> None:
        """Removes every WeChat account of the resident."""
        self._links.delete_many({"resident": resident}, session=session)

    def _change(
        self, where: Document, changes: Mapping[str, Any], session: Session, *, counter: str
    ) -> Resident | None:
        update: Document = {"$set": dict(changes), "$inc": {counter: 1}}
        return _resident(
            self._residents.find_one_and_update(
                where, update, return_document=ReturnDocument.AFTER, session=session
            )
        )


class SeedRepository(ResidentRepository):
    """Residents added by the thousand, for demonstrations and load tests."""

    def __init__(self, db: Db) -> None:
        super().__init__(db)
        self._data_keys = db["data_keys"]

    def existing(self, ids: Sequence[str]) -> set[str]:
        """Which of `ids` are residents."""
        return {row["_id"] for row in self._residents.find({"_id": {"$in": list(ids)}}, {"_id": 1})}

    def insert_seeded(
        self, data_keys: Sequence[Mapping[str, Any]], residents: Sequence[Mapping[str, Any]]
    ) -> None:
        """Adds residents that aren't there, after their data keys.

        Keys that an interrupted run left without their resident open nothing, and are replaced.
        """
        self._data_keys.delete_many({"_id": {"$in": [key["_id"] for key in data_keys]}})
        self._data_keys.insert_many([dict(key) for key in data_keys], ordered=False)
        self._residents.insert_many([dict(resident) for resident in residents], ordered=False)


def to_document(resident: Resident, indexes: BlindIndexes) -> Document:
    """A resident as stored; what isn't there is left out, so that partial indexes stay small."""
    row: Document = {
        "_id": resident.id,
        "id_index": indexes.id_number,
        "mobile_index": indexes.mobile,
        "kind": resident.kind,
        "sex": resident.sex,
        "birth_year": resident.birth_year,
        "city": resident.city,
        "district": resident.district,
        "insured_city": resident.insured_city,
        "status": resident.status,
        "name": resident.name,
        "id_number": resident.id_number,
        "mobile": resident.mobile,
        "photo": resident.photo,
        "mobile_proven_at": resident.mobile_proven_at,
        "registered_at": resident.registered_at,
        "version": resident.version,
    }
    return {key: value for key, value in row.items() if value is not None}


def from_document(row: Mapping[str, Any]) -> Resident:
    """A resident as read, for aggregates of other parts that have fetched the document already."""
    return Resident(
        id=row["_id"],
        kind=IdKind(row["kind"]),
        sex=Sex(row["sex"]) if "sex" in row else None,
        birth_year=row["birth_year"],
        city=row.get("city"),
        district=row.get("district"),
        insured_city=row.get("insured_city"),
        status=IdentityStatus(row["status"]),
        name=row["name"],
        id_number=row["id_number"],
        mobile=row.get("mobile"),
        photo=row.get("photo"),
        mobile_proven_at=row.get("mobile_proven_at"),
        registered_at=row["registered_at"],
        version=row["version"],
    )


def _resident(row: Mapping[str, Any] | None) -> Resident | None:
    return None if row is None else from_document(row)

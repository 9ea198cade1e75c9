"""Scans in MongoDB, and the one query that fetches all that a scan needs to know.

`scans`: `{_id, scan, resident, at, staff, city?, department?, desk?, medium, domain, purpose, refusal?,
level?, disclosed, withheld, audit}`. An accepted scan's `_id` is made of handle, step and nonce, so that a
second one of the same code breaks it; it also has `request` and `asked` (unique by desk), and `challenge`.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from backend.core.mongo.client import Db, Document, Session, transact
from backend.core.mongo.schema import Index, index
from backend.core.paging import Page, PageRequest, moment_and_id
from backend.identity.consent.models import Consents
from backend.identity.consent.repository import from_document as consents_from
from backend.identity.models import Assurance, IdentityStatus
from backend.onecode.models import Held
from backend.onecode.policies import Attribute, Withheld
from backend.onecode.repository import CREDENTIALS
from backend.onecode.scans import Medium, Scan, ScanPlace

SCANS: Final = "scans"
CHALLENGES: Final = "scan_challenges"
_THREE_YEARS: Final = 3 * 366 * 86_400  # 《个人信息保护法》第五十六条: records are kept three years at least.
INDEXES: Final[tuple[Index, ...]] = (
    index(SCANS, "resident", "-at", "-scan"),
    index(SCANS, "staff", "request", unique=True, partial={"request": {"$exists": True}}),
    index(SCANS, "challenge", unique=True, partial={"challenge": {"$exists": True}}),
    index(SCANS, "at", expire_after_seconds=_THREE_YEARS),
    index(CHALLENGES, "expires_at", expire_after_seconds=0),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What makes an accepted scan the only one: of its code, of its desk's request, of its challenge."""

    guard: str
    request: str
    asked: bytes
    challenge: bytes | None = None


@dataclass(frozen=True, slots=True)
class EarlierScan:
    """An accepted scan that stands in the way of another, and what was asked then."""

    scan: Scan
    request: str
    asked: bytes


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge that a desk shows, in whose scan alone it counts."""

    value: bytes
    staff: str
    domain: str
    purpose: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """All that a scan needs: credential or card, its resident, data key, consents, what is in the way."""

    resident: str
    held: Held
    revoked: bool
    status: IdentityStatus | None
    stored: Mapping[str, Any] = field(repr=False)
    wrapped_key: bytes | None = field(repr=False)
    consents: Consents
    earlier: EarlierScan | None
    challenge: Challenge | None


def guard(handle: bytes, step: int, nonce: bytes) -> str:
    """The `_id` of the one accepted scan of a code; it begins with the handle, to be found by it."""
    digest = hashlib.sha256(handle + step.to_bytes(4, "big") + nonce).hexdigest()
    return f"{handle.hex()}:{digest}"


class ScanRepository:
    """Scans, and the challenges that desks show."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._scans = db[SCANS]
        self._challenges = db[CHALLENGES]

    def look(
        self,
        handle: bytes,
        guard_id: str,
        fields: Iterable[str],
        challenge: bytes | None = None,
        source: str = CREDENTIALS,
    ) -> Found | None:
        """The credential with this handle and all about it, in one command; None when there is none."""
        pipeline: list[Document] = [
            {"$match": {"_id": handle}},
            {"$project": {"resident": 1, "held": 1, "revoked_at": 1}},
            _joined("residents", "resident", {"status": 1} | dict.fromkeys(fields, 1)),
            _joined("data_keys", "resident", {"wrapped": 1, "_id": 0}),
            _joined("consents", "resident", {"current": 1, "_id": 0}),
            _alone(SCANS, guard_id),
        ]
        if challenge is not None:
            pipeline.append(_alone(CHALLENGES, challenge))
        row = next(iter(self._db[source].aggregate(pipeline)), None)
        return None if row is None else _found(row)

    def record(self, scan: Scan, claim: Claim | None, append: Callable[[Session], str]) -> Scan | None:
        """Stores the scan and its audit entry in one transaction: two inserts and the commit.

        None, with nothing stored, when another scan holds what `claim` claims.
        """

        def work(session: Session) -> str:
            entry = append(session)
            self._scans.insert_one(_to_document(scan, claim, entry), session=session)
            return entry

        try:
            entry = transact(self._db, work)
        except DuplicateKeyError:
            return None
        return replace(scan, audit=entry)

    def by_guard(self, guard_id: str) -> EarlierScan | None:
        """The accepted scan of this code: one find."""
        return _earlier(self._scans.find_one({"_id": guard_id}))

    def by_request(self, staff: str, request: str) -> EarlierScan | None:
        """The accepted scan that answered this request of this member of staff: one find."""
        return _earlier(self._scans.find_one({"staff": staff, "request": request}))

    def was_accepted(self, handle: bytes) -> bool:
        """Whether a code of this credential was accepted at a desk: one find, on the `_id` alone."""
        prefix = handle.hex()
        found = self._scans.find_one({"_id": {"$gt": f"{prefix}:", "$lt": f"{prefix};"}}, {"_id": 1})
        return found is not None

    def holder(self, handle: bytes) -> str | None:
        """The resident to whom the credential with this handle was issued: one find."""
        row = self._db[CREDENTIALS].find_one({"_id": handle}, {"resident": 1})
        return None if row is None else str(row["resident"])

    def page(self, resident: str, page: PageRequest) -> Page[Scan]:
        """Scans of a resident's codes and cards, newest first: one find."""
        query: Document = {"resident": resident}
        if page.after is not None:
            query |= _before(page.after)
        rows = self._scans.find(query).sort([("at", -1), ("scan", -1)]).limit(page.first + 1)
        return Page.cut([_from_document(row) for row in rows], page, _sort_key)

    def keep_challenge(self, challenge: Challenge) -> Challenge:
        """The stored challenge of this value, which is this one unless it was there already: one command."""
        fresh = {
            "staff": challenge.staff,
            "domain": challenge.domain,
            "purpose": challenge.purpose,
            "expires_at": challenge.expires_at,
        }
        row = self._challenges.find_one_and_update(
            {"_id": challenge.value},
            {"$setOnInsert": fresh},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return challenge if row is None else _challenge(row)

    def find(self, resident: str, scan: str) -> Scan | None:
        """One scan of a resident's code or card: one find."""
        row = self._scans.find_one({"resident": resident, "scan": scan})
        return None if row is None else _from_document(row)


def _joined(collection: str, by: str, shown: Mapping[str, int]) -> Document:
    return {
        "$lookup": {
            "from": collection,
            "localField": by,
            "foreignField": "_id",
            "pipeline": [{"$project": dict(shown)}],
            "as": collection,
        }
    }


def _alone(collection: str, key: str | bytes) -> Document:
    """The document with this `_id`, joined to the one that was found."""
    return {"$lookup": {"from": collection, "pipeline": [{"$match": {"_id": key}}], "as": collection}}


def _first(row: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next(iter(row.get(name, ())), None)


def _found(row: Mapping[str, Any]) -> Found:
    resident, stored = row["resident"], _first(row, "residents")
    challenge = _first(row, CHALLENGES)
    return Found(
        resident=resident,
        held=Held(row["held"]),
        revoked=row.get("revoked_at") is not None,
        status=None if stored is None else IdentityStatus(stored["status"]),
        stored=stored or {},
        wrapped_key=(_first(row, "data_keys") or {}).get("wrapped"),
        consents=consents_from(resident, _first(row, "consents")),
        earlier=_earlier(_first(row, SCANS)),
        challenge=None if challenge is None else _challenge(challenge),
    )


def _challenge(row: Mapping[str, Any]) -> Challenge:
    return Challenge(row["_id"], row["staff"], row["domain"], row["purpose"], row["expires_at"])


def _earlier(row: Mapping[str, Any] | None) -> EarlierScan | None:
    return None if row is None else EarlierScan(_from_document(row), row["request"], row["asked"])


def _to_document(scan: Scan, claim: Claim | None, audit: str) -> Document:
    row: Document = {
        "_id": scan.id if claim is None else claim.guard,
        "scan": scan.id,
        "resident": scan.resident,
        "at": scan.at,
        "staff": scan.staff,
        **scan.place.known(),
        "medium": scan.medium,
        "domain": scan.domain,
        "purpose": scan.purpose,
        "refusal": scan.refusal,
        "level": None if scan.level is None else int(scan.level),
        "disclosed": list(scan.disclosed),
        "withheld": [list(one) for one in scan.withheld],
        "audit": audit,
    }
    if claim is not None:
        row |= {"request": claim.request, "asked": claim.asked, "challenge": claim.challenge}
    return {key: value for key, value in row.items() if value is not None}


def _from_document(row: Mapping[str, Any]) -> Scan:
    return Scan(
        id=row["scan"],
        resident=row["resident"],
        at=row["at"],
        staff=row["staff"],
        place=ScanPlace(row.get("city"), row.get("department"), row.get("desk")),
        medium=Medium(row["medium"]),
        domain=row["domain"],
        purpose=row["purpose"],
        refusal=row.get("refusal"),
        level=None if "level" not in row else Assurance(row["level"]),
        disclosed=tuple(Attribute(one) for one in row["disclosed"]),
        withheld=tuple((Attribute(one), Withheld(why)) for one, why in row["withheld"]),
        audit=row["audit"],
    )


def _sort_key(scan: Scan) -> str:
    return f"{scan.at.isoformat()} {scan.id}"


def _before(after: str) -> Document:
    at, scan = moment_and_id(after)
    return {"$or": [{"at": {"$lt": at}}, {"at": at, "scan": {"$lt": scan}}]}

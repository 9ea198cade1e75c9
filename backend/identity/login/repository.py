"""The collections `phone_codes`, `blocked_numbers` and `registration_tickets`."""

from dataclasses import asdict
from datetime import datetime
from typing import Final

from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.identity.login.models import MAX_ATTEMPTS, CodePurpose, PhoneCode

INDEXES: Final[tuple[Index, ...]] = (
    index("phone_codes", "expires_at", expire_after_seconds=0),
    index("phone_codes", "mobile_index", "-created_at"),
    index("blocked_numbers", "until", expire_after_seconds=0),
    index("registration_tickets", "expires_at", expire_after_seconds=0),
)


class PhoneCodeRepository:
    """Challenges that were sent, with their attempts, and numbers that get none."""

    def __init__(self, db: Db) -> None:
        self._codes = db["phone_codes"]
        self._blocked = db["blocked_numbers"]

    def insert(self, code: PhoneCode, session: Session) -> None:
        """Adds an unused challenge."""
        row = asdict(code)
        self._codes.insert_one({"_id": row.pop("id"), "attempts": 0, "used": False, **row}, session=session)

    def recent(
        self, mobile_index: bytes, purpose: CodePurpose, installation: bytes, since: datetime
    ) -> PhoneCode | None:
        """The newest unused challenge of this number, purpose and installation made after `since`."""
        where: Document = {
            "mobile_index": mobile_index,
            "created_at": {"$gt": since},
            "purpose": purpose,
            "installation": installation,
            "used": False,
        }
        row = self._codes.find_one(where, sort=[("created_at", -1)])
        return None if row is None else _code(row)

    def attempt(self, challenge: str, purpose: CodePurpose, now: datetime) -> PhoneCode | None:
        """Spends one of the five attempts; None when unknown, used, expired, spent or for something else."""
        row = self._codes.find_one_and_update(
            {
                "_id": challenge,
                "purpose": purpose,
                "used": False,
                "attempts": {"$lt": MAX_ATTEMPTS},
                "expires_at": {"$gt": now},
            },
            {"$inc": {"attempts": 1}},
        )
        return None if row is None else _code(row)

    def consume(self, challenge: str, session: Session) -> bool:
        """Uses a challenge up; False when it was used already."""
        done = self._codes.update_one(
            {"_id": challenge, "used": False}, {"$set": {"used": True}}, session=session
        )
        return done.modified_count == 1

    def kill(self, mobile_index: bytes, session: Session) -> None:
        """Makes every open challenge of a number useless."""
        self._codes.update_many(
            {"mobile_index": mobile_index, "used": False}, {"$set": {"used": True}}, session=session
        )

    def block(self, mobile_index: bytes, until: datetime) -> None:
        """Sends no codes to a number until then."""
        self._blocked.update_one({"_id": mobile_index}, {"$max": {"until": until}}, upsert=True)

    def is_blocked(self, mobile_index: bytes, now: datetime) -> bool:
        """Whether a number gets no codes."""
        return self._blocked.find_one({"_id": mobile_index, "until": {"$gt": now}}) is not None


class TicketRepository:
    """Registration tickets, by the hash of the ticket."""

    def __init__(self, db: Db) -> None:
        self._tickets = db["registration_tickets"]

    def insert(self, ticket_hash: bytes, content: bytes, expires_at: datetime, session: Session) -> None:
        """Adds an unused ticket with its sealed content."""
        row = {"_id": ticket_hash, "content": content, "expires_at": expires_at, "used": False}
        self._tickets.insert_one(row, session=session)

    def find(self, ticket_hash: bytes, now: datetime) -> bytes | None:
        """The sealed content of a ticket that is good now."""
        row = self._tickets.find_one({"_id": ticket_hash, "used": False, "expires_at": {"$gt": now}})
        return None if row is None else bytes(row["content"])

    def consume(self, ticket_hash: bytes, session: Session) -> bool:
        """Uses a ticket up; False when it was used already."""
        done = self._tickets.update_one(
            {"_id": ticket_hash, "used": False}, {"$set": {"used": True}}, session=session
        )
        return done.modified_count == 1


def _code(row: Document) -> PhoneCode:
    fields = {name: row[name] for name in PhoneCode.__slots__ if name not in {"id", "purpose"}}
    return PhoneCode(id=row["_id"], purpose=CodePurpose(row["purpose"]), **fields)

"""Cards in MongoDB.

`cards`: `{_id: handle, serial, resident, held, list, index, iat, exp, issued_by, revoked_at?}`. `held` is
always "card", so that a scan reads a card as it reads a credential.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from backend.core.errors import Refusal
from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.paging import Page, PageRequest
from backend.onecode.cards.models import KeptCard
from backend.onecode.models import Held

CARDS: Final = "cards"
INDEXES: Final[tuple[Index, ...]] = (
    index(CARDS, "resident", "-serial"),
    index(CARDS, "serial", unique=True),
    index(CARDS, "list", "exp", partial={"revoked_at": {"$exists": True}}),
)


class CardRepository:
    """Cards that were issued, and which of them were revoked."""

    def __init__(self, db: Db) -> None:
        self._cards = db[CARDS]

    def insert(self, card: KeptCard, issued_by: str, session: Session) -> None:
        """Adds a card."""
        row: Document = {
            "_id": card.handle,
            "serial": card.serial,
            "resident": card.resident,
            "held": Held.CARD,
            "list": card.status_list,
            "index": card.status_index,
            "iat": card.issued_at,
            "exp": card.expires_at,
            "issued_by": issued_by,
        }
        self._cards.insert_one(row, session=session)

    def page(self, resident: str, page: PageRequest) -> Page[KeptCard]:
        """A resident's cards, newest first: one find. Serials sort by time."""
        query: Document = {"resident": resident}
        if page.after is not None:
            query["serial"] = {"$lt": page.after}
        rows = self._cards.find(query).sort("serial", -1).limit(page.first + 1)
        return Page.cut([_from_document(row) for row in rows], page, lambda card: card.serial)

    def revoke_all(self, resident: str, at: datetime, session: Session) -> int:
        """Revokes every live card of a resident; how many they were."""
        live = {"resident": resident, "exp": {"$gt": at}, "revoked_at": None}
        return int(
            self._cards.update_many(live, {"$set": {"revoked_at": at}}, session=session).modified_count
        )

    def revoke(self, resident: str, serial: str, at: datetime, session: Session) -> None:
        """Revokes one live card of the resident's; Refusal NOT_FOUND for anything else."""
        live = {"resident": resident, "serial": serial, "revoked_at": None}
        if self._cards.update_one(live, {"$set": {"revoked_at": at}}, session=session).modified_count == 0:
            raise Refusal("NOT_FOUND")

    def revoked_in(self, number: int, now: datetime) -> list[int]:
        """The indices in a status list of cards that were revoked and haven't expired: one find."""
        rows = self._cards.find(
            {"list": number, "exp": {"$gt": now}, "revoked_at": {"$exists": True}}, {"_id": 0, "index": 1}
        )
        return [row["index"] for row in rows]


def _from_document(row: Mapping[str, Any]) -> KeptCard:
    return KeptCard(
        handle=row["_id"],
        serial=row["serial"],
        resident=row["resident"],
        status_list=row["list"],
        status_index=row["index"],
        issued_at=row["iat"],
        expires_at=row["exp"],
        revoked_at=row.get("revoked_at"),
    )

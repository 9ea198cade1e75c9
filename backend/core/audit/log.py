"""Writing audit entries, and reading who touched a resident's data."""

from datetime import datetime, timedelta
from typing import Final

from backend.core.audit.models import Entry, Record, canonical, digest, instant, parse
from backend.core.clock import Clock
from backend.core.ids import new_id
from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.paging import MAX_FIRST, Page, PageRequest, moment_and_id

ENTRIES: Final = "audit_entries"
INDEXES: Final[tuple[Index, ...]] = (
    # The places: one entry each, and the order of the whole walk.
    index(ENTRIES, "seq", unique=True, partial={"seq": {"$gte": 0}}),
    # The entries without one, which is next to nothing whatever the log's size.
    index(ENTRIES, "at", "_id", partial={"seq": None}),
    index(ENTRIES, "subject", "-at", "-_id", partial={"subject": {"$exists": True}}),
    index(ENTRIES, "reference", "at", "_id", partial={"reference": {"$exists": True}}),
)


class AuditLog:
    """Appends entries with the change that they record; the sequencer gives them their place afterwards."""

    def __init__(self, db: Db, clock: Clock) -> None:
        self._entries = db[ENTRIES]
        self._clock = clock

    def append(self, entry: Entry, session: Session | None) -> str:
        """Stores the entry in the caller's transaction and returns its id: one insert.

        With `session` None (a refusal, which changes nothing else) it is one acknowledged insert of its own.
        """
        entry_id, at = new_id(), self._clock.now()
        self._entries.insert_one(_document(entry_id, at, entry), session=session)
        return entry_id

    def for_subject(self, resident: str, page: PageRequest) -> Page[Record]:
        """Who did what with this resident's data, newest first: one find."""
        query: Document = {"subject": resident}
        if page.after is not None:
            query |= _before(page.after)
        rows = self._entries.find(query).sort([("at", -1), ("_id", -1)]).limit(page.first + 1)
        return Page.cut([_read(row) for row in rows], page, _sort_key)

    def by_reference(self, reference: str, limit: int = MAX_FIRST) -> tuple[Record, ...]:
        """What was done under one case, scan or request, oldest first, at most `limit`: one find."""
        rows = self._entries.find({"reference": reference}).sort([("at", 1), ("_id", 1)]).limit(limit)
        return tuple(_read(row) for row in rows)

    def find(self, entry_id: str) -> Record | None:
        """One entry by its id: one find."""
        row = self._entries.find_one({"_id": entry_id})
        return None if row is None else _read(row)

    def oldest_unplaced_age(self) -> timedelta:
        """How long the oldest entry without a place has waited; zero when none waits: one find."""
        waiting = self._entries.find({"seq": None}, {"at": 1}).sort([("at", 1), ("_id", 1)]).limit(1)
        row = next(iter(waiting), None)
        return max(self._clock.now() - row["at"], timedelta(0)) if row else timedelta(0)


def _document(entry_id: str, at: datetime, entry: Entry) -> Document:
    content = canonical(entry_id, at, entry)
    row: Document = {"_id": entry_id, "at": at, "content": content, "digest": digest(content), "seq": None}
    # Copies for the indexes only: answers come from the content, and verification compares the two.
    row |= {"subject": entry.subject} if entry.subject is not None else {}
    row |= {"reference": entry.reference} if entry.reference is not None else {}
    return row


def _read(row: Document) -> Record:
    return parse(row["content"], row["seq"])


def _sort_key(record: Record) -> str:
    return f"{instant(record.at)} {record.id}"


def _before(after: str) -> Document:
    at, entry_id = moment_and_id(after)
    return {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry_id}}]}

"""Consents in MongoDB: a document of what stands for each resident, and the history, which only grows.

`consents`: `{_id: resident, current: {"medical_contact:mobile": {state, version, at, by, by_kind}}}`, small
enough to be joined into another query. `consent_history`: one document a decision.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from backend.core.ids import new_id
from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.paging import Page, PageRequest, moment_and_id
from backend.identity.consent.models import Consents, ConsentState, Decision, consent_key

COLLECTION: Final = "consents"
_HISTORY: Final = "consent_history"
INDEXES: Final[tuple[Index, ...]] = (index(_HISTORY, "resident", "-at", "-_id"),)


class ConsentRepository:
    """Current consents and their history."""

    def __init__(self, db: Db) -> None:
        self._current = db[COLLECTION]
        self._history = db[_HISTORY]

    def record(self, resident: str, decision: Decision, session: Session) -> None:
        """Adds a decision to the history and makes it the current one."""
        row = _to_document(decision)
        self._current.update_one(
            {"_id": resident},
            {"$set": {f"current.{consent_key(decision.purpose, decision.resource)}": row}},
            upsert=True,
            session=session,
        )
        entry = {"_id": new_id(), "resident": resident, "purpose": decision.purpose}
        self._history.insert_one(entry | {"resource": decision.resource} | row, session=session)

    def find(self, resident: str, session: Session | None = None) -> Consents:
        """What stands for one resident: one find by `_id`."""
        return from_document(resident, self._current.find_one({"_id": resident}, session=session))

    def find_one(self, resident: str, purpose: str, resource: str) -> Consents:
        """What stands for one resident, purpose and resource: one find that fetches no more."""
        shown = {f"current.{consent_key(purpose, resource)}": 1}
        return from_document(resident, self._current.find_one({"_id": resident}, shown))

    def find_many(self, residents: Iterable[str]) -> Mapping[str, Consents]:
        """What stands for each of these residents, also for those who were never asked: one find."""
        wanted = set(residents)
        rows = {row["_id"]: row for row in self._current.find({"_id": {"$in": sorted(wanted)}})}
        return {resident: from_document(resident, rows.get(resident)) for resident in wanted}

    def history(self, resident: str, page: PageRequest) -> Page[Decision]:
        """A resident's decisions, newest first: one find."""
        query: Document = {"resident": resident}
        if page.after is not None:
            query |= _before(page.after)
        found = self._history.find(query).sort([("at", -1), ("_id", -1)]).limit(page.first + 1)
        rows = Page.cut(list(found), page, _sort_key)
        return rows.map(lambda row: _decision(row["purpose"], row["resource"], row))


def from_document(resident: str, row: Mapping[str, Any] | None) -> Consents:
    """A resident's consents from their document of the `consents` collection, None when there is none."""
    current = {} if row is None else row.get("current", {})
    return Consents(resident, {key: _keyed(key, decision) for key, decision in current.items()})


def _keyed(key: str, row: Mapping[str, Any]) -> Decision:
    purpose, _, resource = key.partition(":")
    return _decision(purpose, resource, row)


def _to_document(decision: Decision) -> Document:
    return {
        "state": decision.state,
        "version": decision.version,
        "at": decision.at,
        "by": decision.by,
        "by_kind": decision.by_kind,
    }


def _decision(purpose: str, resource: str, row: Mapping[str, Any]) -> Decision:
    return Decision(
        purpose=purpose,
        resource=resource,
        state=ConsentState(row["state"]),
        version=row["version"],
        at=row["at"],
        by=row["by"],
        by_kind=row["by_kind"],
    )


def _sort_key(row: Document) -> str:
    return f"{row['at'].isoformat()} {row['_id']}"


def _before(after: str) -> Document:
    at, entry = moment_and_id(after)
    return {"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": entry}}]}

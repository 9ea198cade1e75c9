"""The `sessions` collection."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument

from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.paging import Page, PageRequest
from backend.identity.models import Entry
from backend.identity.sessions.models import EndReason, RefreshState, ResidentSession

INDEXES: Final[tuple[Index, ...]] = (
    index("sessions", "resident", "-_id", partial={"open": True}),
    index("sessions", "absolute_until", expire_after_seconds=0),
)


class SessionRepository:
    """Residents' sessions. `open` is true until one ends; past their time they are gone by TTL."""

    def __init__(self, db: Db) -> None:
        self._sessions = db["sessions"]

    def insert(self, opened: ResidentSession, session: Session) -> None:
        """Adds an open session."""
        row = asdict(opened)
        self._sessions.insert_one({"_id": row.pop("id"), "open": True, **row}, session=session)

    def find_open(self, session_id: str, session: Session | None = None) -> ResidentSession | None:
        """The session with this id unless it ended; it may still be past its time."""
        return _session(self._sessions.find_one({"_id": session_id, "open": True}, session=session))

    def page(self, resident: str, now: datetime, page: PageRequest) -> Page[ResidentSession]:
        """The resident's live sessions, newest first."""
        where: Document = {"resident": resident, "open": True, "idle_until": {"$gt": now}}
        if page.after is not None:
            where["_id"] = {"$lt": page.after}
        rows = self._sessions.find(where).sort("_id", -1).limit(page.first + 1)
        return Page.cut([from_document(row) for row in rows], page, lambda one: one.id)

    def rotate(
        self, session_id: str, expected: bytes, refresh: RefreshState, idle_until: datetime, session: Session
    ) -> ResidentSession | None:
        """Makes `refresh` the family's state if `expected` still counts; None when it doesn't."""
        row = self._sessions.find_one_and_update(
            {"_id": session_id, "open": True, "refresh.current": expected},
            {
                "$set": {
                    "refresh": asdict(refresh),
                    "idle_until": idle_until,
                    "last_used_at": refresh.rotated_at,
                }
            },
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return _session(row)

    def bind_device(self, session_id: str, resident: str, device: str, session: Session) -> bool:
        """Notes which registered device holds the session; False when it ended."""
        done = self._sessions.update_one(
            {"_id": session_id, "resident": resident, "open": True},
            {"$set": {"device": device}},
            session=session,
        )
        return done.matched_count == 1

    def hold_open(self, session_id: str, resident: str, session: Session) -> bool:
        """Whether this session of the resident is open, with a write that conflicts with its end."""
        done = self._sessions.update_one(
            {"_id": session_id, "resident": resident, "open": True}, {"$inc": {"holds": 1}}, session=session
        )
        return done.matched_count == 1

    def end(self, session_id: str, resident: str, reason: EndReason, at: datetime, session: Session) -> bool:
        """Ends one session of the resident; False when there is no such open one."""
        done = self._sessions.update_one(
            {"_id": session_id, "resident": resident, "open": True}, _ending(reason, at), session=session
        )
        return done.modified_count == 1

    def end_all(
        self,
        resident: str,
        reason: EndReason,
        at: datetime,
        session: Session,
        *,
        device: str | None = None,
    ) -> tuple[str, ...]:
        """Ends the resident's open sessions, or those of one device; returns their ids."""
        where: Document = {"resident": resident, "open": True}
        if device is not None:
            where["device"] = device
        ids = tuple(row["_id"] for row in self._sessions.find(where, {"_id": 1}, session=session))
        if ids:
            self._sessions.update_many(where, _ending(reason, at), session=session)
        return ids


def _ending(reason: EndReason, at: datetime) -> Document:
    return {"$set": {"open": False, "ended_at": at, "end_reason": reason}, "$unset": {"refresh.successor": 1}}


def from_document(row: Mapping[str, Any]) -> ResidentSession:
    """A session as read."""
    fields = {name: row[name] for name in ResidentSession.__slots__ if name not in {"id", "entry", "refresh"}}
    return ResidentSession(
        id=row["_id"], entry=Entry(row["entry"]), refresh=RefreshState(**row["refresh"]), **fields
    )


def _session(row: Mapping[str, Any] | None) -> ResidentSession | None:
    return None if row is None else from_document(row)

"""The `staff` and `staff_sessions` collections."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from backend.core.errors import Refusal
from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.core.paging import Page, PageRequest
from backend.identity.sessions.models import RefreshState
from backend.identity.staff.models import (
    Credentials,
    StaffEnd,
    StaffMember,
    StaffRole,
    StaffScope,
    StaffSession,
    StaffStatus,
)

INDEXES: Final[tuple[Index, ...]] = (
    index("staff", "username", unique=True),
    index("staff_sessions", "staff", partial={"open": True}),
    index("staff_sessions", "absolute_until", expire_after_seconds=0),
)


class StaffRepository:
    """Accounts; `totp_step` is the last step of the TOTP clock whose code was used."""

    def __init__(self, db: Db) -> None:
        self._staff = db["staff"]

    def insert(self, member: StaffMember, credentials: Credentials, session: Session) -> None:
        """Adds an account; Refusal STAFF_EXISTS when the user name is taken."""
        row: Document = {
            "_id": member.id,
            "username": member.username,
            "roles": sorted(member.roles),
            "scope": _scope_document(member.scope),
            "status": member.status,
            "password": credentials.password,
            "totp": credentials.totp,
            "totp_step": 0,
            "created_at": member.created_at,
        }
        try:
            self._staff.insert_one(row, session=session)
        except DuplicateKeyError:
            raise Refusal("STAFF_EXISTS") from None

    def find(self, staff: str, session: Session | None = None) -> StaffMember | None:
        """The account with this id."""
        return _member(self._staff.find_one({"_id": staff}, _SHOWN, session=session))

    def find_by_username(self, username: str, session: Session | None = None) -> StaffMember | None:
        """The account with this user name."""
        return _member(self._staff.find_one({"username": username}, _SHOWN, session=session))

    def credentials(self, username: str) -> Credentials | None:
        """What a sign-in under this user name is checked against: one find."""
        row = self._staff.find_one({"username": username}, {"password": 1, "totp": 1})
        return None if row is None else Credentials(row["_id"], row["password"], row["totp"])

    def totp(self, staff: str, session: Session | None = None) -> bytes | None:
        """The account's sealed TOTP secret."""
        row = self._staff.find_one({"_id": staff}, {"totp": 1}, session=session)
        return None if row is None else bytes(row["totp"])

    def page(self, page: PageRequest) -> Page[StaffMember]:
        """Accounts by user name."""
        where: Document = {} if page.after is None else {"username": {"$gt": page.after}}
        rows = self._staff.find(where, _SHOWN).sort("username", 1).limit(page.first + 1)
        return Page.cut([from_document(row) for row in rows], page, lambda member: member.username)

    def accept(
        self, credentials: Credentials, step: int, at: datetime, session: Session
    ) -> StaffMember | None:
        """Uses up a TOTP step and notes the sign-in.

        None when the step or a later one was used before, or when the account was disabled or its
        credentials changed since they were checked.
        """
        row = self._staff.find_one_and_update(
            {
                "_id": credentials.staff,
                "status": StaffStatus.ACTIVE,
                "password": credentials.password,
                "totp": credentials.totp,
                "totp_step": {"$lt": step},
            },
            {"$set": {"totp_step": step, "signed_in_at": at}},
            projection=_SHOWN,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        return _member(row)

    def set_password(self, staff: str, password: str, session: Session) -> None:
        """Replaces the password's hash."""
        self._staff.update_one({"_id": staff}, {"$set": {"password": password}}, session=session)

    def replace_password(self, before: Credentials, password: str) -> bool:
        """Replaces the hash of an account's password; False when it isn't as in `before` any more."""
        done = self._staff.update_one(
            {"_id": before.staff, "password": before.password}, {"$set": {"password": password}}
        )
        return done.modified_count == 1

    def set_totp(self, staff: str, totp: bytes, session: Session) -> None:
        """Replaces the TOTP secret."""
        self._staff.update_one({"_id": staff}, {"$set": {"totp": totp, "totp_step": 0}}, session=session)

    def set_status(
        self, staff: str, before: StaffStatus, after: StaffStatus, session: Session
    ) -> StaffMember | None:
        """Moves an account from one status to another; None when it isn't in `before`."""
        return self._change({"_id": staff, "status": before}, {"$set": {"status": after}}, session)

    def add_role(self, staff: str, role: StaffRole, session: Session) -> StaffMember | None:
        """Gives a role; None when they have it."""
        return self._change({"_id": staff, "roles": {"$ne": role}}, {"$addToSet": {"roles": role}}, session)

    def remove_role(self, staff: str, role: StaffRole, session: Session) -> StaffMember | None:
        """Takes a role; None when they don't have it."""
        return self._change({"_id": staff, "roles": role}, {"$pull": {"roles": role}}, session)

    def set_scope(self, staff: str, scope: StaffScope, session: Session) -> StaffMember | None:
        """Replaces the scope."""
        return self._change({"_id": staff}, {"$set": {"scope": _scope_document(scope)}}, session)

    def _change(self, where: Document, update: Document, session: Session) -> StaffMember | None:
        row = self._staff.find_one_and_update(
            where, update, projection=_SHOWN, return_document=ReturnDocument.AFTER, session=session
        )
        return _member(row)


class StaffSessionRepository:
    """Sessions of staff. `open` is true until one ends; past their time they are gone by TTL."""

    def __init__(self, db: Db) -> None:
        self._sessions = db["staff_sessions"]

    def insert(self, opened: StaffSession, session: Session) -> None:
        """Adds an open session."""
        row = asdict(opened)
        self._sessions.insert_one({"_id": row.pop("id"), "open": True, **row}, session=session)

    def find_open(self, session_id: str, session: Session | None = None) -> StaffSession | None:
        """The session with this id unless it ended; it may still be past its time."""
        row = self._sessions.find_one({"_id": session_id, "open": True}, session=session)
        return None if row is None else _session(row)

    def rotate(
        self, session_id: str, expected: bytes, refresh: RefreshState, idle_until: datetime, session: Session
    ) -> bool:
        """Makes `refresh` the family's state if `expected` still counts."""
        done = self._sessions.update_one(
            {"_id": session_id, "open": True, "refresh.current": expected},
            {"$set": {"refresh": asdict(refresh), "idle_until": idle_until}},
            session=session,
        )
        return done.modified_count == 1

    def end(self, session_id: str, reason: StaffEnd, at: datetime, session: Session) -> bool:
        """Ends one session; False when it ended before."""
        done = self._sessions.update_one(
            {"_id": session_id, "open": True}, _ending(reason, at), session=session
        )
        return done.modified_count == 1

    def end_all(self, staff: str, reason: StaffEnd, at: datetime, session: Session) -> int:
        """Ends all open sessions of a member of staff; how many there were."""
        done = self._sessions.update_many(
            {"staff": staff, "open": True}, _ending(reason, at), session=session
        )
        return done.modified_count


_SHOWN: Final = {"password": 0, "totp": 0, "totp_step": 0}


def from_document(row: Mapping[str, Any]) -> StaffMember:
    """An account as read, without its credentials."""
    scope = row["scope"]
    return StaffMember(
        id=row["_id"],
        username=row["username"],
        roles=frozenset(StaffRole(role) for role in row["roles"]),
        scope=StaffScope(
            scope.get("city"), scope.get("department"), scope.get("desk"), frozenset(scope["domains"])
        ),
        status=StaffStatus(row["status"]),
        created_at=row["created_at"],
        signed_in_at=row.get("signed_in_at"),
    )


def _scope_document(scope: StaffScope) -> Document:
    place = {"city": scope.city, "department": scope.department, "desk": scope.desk}
    return {"domains": sorted(scope.domains), **{k: v for k, v in place.items() if v is not None}}


def _member(row: Mapping[str, Any] | None) -> StaffMember | None:
    return None if row is None else from_document(row)


def _session(row: Mapping[str, Any]) -> StaffSession:
    return StaffSession(
        id=row["_id"],
        staff=row["staff"],
        auth_time=row["auth_time"],
        idle_until=row["idle_until"],
        absolute_until=row["absolute_until"],
        refresh=RefreshState(**row["refresh"]),
    )


def _ending(reason: StaffEnd, at: datetime) -> Document:
    return {"$set": {"open": False, "ended_at": at, "end_reason": reason}}

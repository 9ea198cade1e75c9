"""Credentials in MongoDB, the counters of status indices, and the sequence number of the trust list.

`credentials`: `{_id: handle, resident, session, device?, held, domains, list, index, iat, exp, shown_from,
signed, revoked_at?}`; each is removed a day after its `exp`. A handle is 16 random bytes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from backend.core.mongo.client import Db, Document, Session
from backend.core.mongo.schema import Index, index
from backend.onecode.models import Held, IssuedCredential
from backend.onecode.wire.domains import Domain

CREDENTIALS: Final = "credentials"
_DAY: Final = 86_400
INDEXES: Final[tuple[Index, ...]] = (
    index(CREDENTIALS, "exp", expire_after_seconds=_DAY),
    # The latest credential that the server showed for a session; also a session's, to revoke them.
    index(CREDENTIALS, "session", "-shown_from"),
    index(CREDENTIALS, "resident", "exp"),
    index(CREDENTIALS, "device", "exp", partial={"device": {"$exists": True}}),
    # A status list is built from these alone.
    index(CREDENTIALS, "list", "exp", partial={"revoked_at": {"$exists": True}}),
)


class CredentialRepository:
    """Credentials that were issued, and which of them were revoked."""

    def __init__(self, db: Db) -> None:
        self._credentials = db[CREDENTIALS]

    def insert(self, credentials: Sequence[IssuedCredential], session: Session) -> None:
        """Adds credentials in one command."""
        self._credentials.insert_many([_to_document(one) for one in credentials], session=session)

    def latest_shown(
        self, session_id: str, domains: Domain, shown_after: datetime, now: datetime
    ) -> IssuedCredential | None:
        """The live server-held credential that this session showed last, after `shown_after`: one find."""
        row = self._credentials.find_one(
            {
                "session": session_id,
                "shown_from": {"$gt": shown_after},
                "held": Held.SERVER,
                "domains": int(domains),
                "exp": {"$gt": now},
                "revoked_at": None,
            },
            sort=[("shown_from", -1)],
        )
        return None if row is None else _from_document(row)

    def revoke_resident(self, resident: str, at: datetime, session: Session | None) -> int:
        """Revokes all that the resident has; how many they were."""
        return self._revoke({"resident": resident}, at, session)

    def revoke_session(self, session_id: str, at: datetime, session: Session | None) -> int:
        """Revokes all that was issued to a session; how many they were."""
        return self._revoke({"session": session_id}, at, session)

    def revoke_device(self, device: str, at: datetime, session: Session | None) -> int:
        """Revokes all that was issued to a device; how many they were."""
        return self._revoke({"device": device}, at, session)

    def revoked_in(self, number: int, now: datetime) -> list[int]:
        """The indices in a status list of credentials that were revoked and haven't expired: one find."""
        rows = self._credentials.find(
            {"list": number, "exp": {"$gt": now}, "revoked_at": {"$exists": True}}, {"_id": 0, "index": 1}
        )
        return [row["index"] for row in rows]

    def _revoke(self, whose: Mapping[str, Any], at: datetime, session: Session | None) -> int:
        live = {**whose, "exp": {"$gt": at}, "revoked_at": None}
        done = self._credentials.update_many(live, {"$set": {"revoked_at": at}}, session=session)
        return int(done.modified_count)


class StatusCounters:
    """How many status indices of each family were handed out: `status_counters`: `{_id: name, next}`."""

    def __init__(self, db: Db) -> None:
        self._counters = db["status_counters"]

    def reserve(self, name: str, count: int) -> int:
        """Takes `count` consecutive numbers for good; returns the first: one atomic command."""
        row = self._counters.find_one_and_update(
            {"_id": name}, {"$inc": {"next": count}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        return int((row or {"next": count})["next"]) - count

    def reserved(self, name: str) -> int:
        """How many numbers were taken so far: one find."""
        row = self._counters.find_one({"_id": name})
        return 0 if row is None else int(row["next"])


class TrustSequences:
    """The number of the current trust list: `trust_sequences`: `{_id: name, sequence, content}`."""

    def __init__(self, db: Db) -> None:
        self._sequences = db["trust_sequences"]

    def number(self, name: str, content: bytes) -> int:
        """The list's sequence number, one higher than before when `content` isn't what it was. Atomic."""
        for _ in range(3):
            row = self._sequences.find_one({"_id": name})
            if row is not None and row["content"] == content:
                return int(row["sequence"])
            if (changed := self._changed(name, content)) is not None:
                return changed
        raise RuntimeError("the trust list changes faster than it can be numbered")

    def _changed(self, name: str, content: bytes) -> int | None:
        try:
            row = self._sequences.find_one_and_update(
                {"_id": name, "content": {"$ne": content}},
                {"$set": {"content": content}, "$inc": {"sequence": 1}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return None  # Another process has just numbered this very content.
        return int((row or {"sequence": 1})["sequence"])


def _to_document(one: IssuedCredential) -> Document:
    row: Document = {
        "_id": one.handle,
        "resident": one.resident,
        "session": one.session,
        "device": one.device,
        "held": one.held,
        "domains": int(one.domains),
        "list": one.status_list,
        "index": one.status_index,
        "iat": one.issued_at,
        "exp": one.expires_at,
        "shown_from": one.shown_from,
        "signed": one.signed,
    }
    return {key: value for key, value in row.items() if value is not None}


def _from_document(row: Mapping[str, Any]) -> IssuedCredential:
    return IssuedCredential(
        handle=row["_id"],
        resident=row["resident"],
        session=row["session"],
        device=row.get("device"),
        held=Held(row["held"]),
        domains=Domain(row["domains"]),
        status_list=row["list"],
        status_index=row["index"],
        issued_at=row["iat"],
        expires_at=row["exp"],
        shown_from=row["shown_from"],
        signed=row["signed"],
    )

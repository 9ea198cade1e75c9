"""A department's registry: what was written, in one collection of the sandbox's own database.

Records that nobody ever changed are not here: they are made from the population whenever they are asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError

from backend.core.clock import Clock
from backend.core.mongo.client import Db, Session, transact
from backend.exchange.sandbox.departments.department import Department

Content = dict[str, Any]
T = TypeVar("T")

_TRIES: Final = 5


class Registry:
    """Records of one department, by what they are and their key; `owner` is whom they are about.

    Made by `transaction`, it reads and writes inside it.
    """

    def __init__(self, db: Db, department: Department, clock: Clock, session: Session | None = None) -> None:
        self._db = db
        self._department = department
        self._clock = clock
        self._session = session
        self._records = db[f"{department.city}.{department.kind}"]

    def prepare(self) -> None:
        """Makes the index that lists of a person's records need."""
        self._records.create_index([("what", ASCENDING), ("owner", ASCENDING), ("at", DESCENDING)])

    def get(self, what: str, key: str) -> Content | None:
        """The record's content; None when there is none."""
        found = self._records.find_one({"_id": f"{what}:{key}"}, session=self._session)
        return None if found is None else dict(found["content"])

    def several(self, what: str, keys: Iterable[str]) -> dict[str, Content]:
        """The contents of those records that there are, by key."""
        wanted = {"_id": {"$in": [f"{what}:{key}" for key in keys]}}
        found = self._records.find(wanted, session=self._session)
        return {record["_id"].partition(":")[2]: dict(record["content"]) for record in found}

    def list(self, what: str, owner: str) -> list[Content]:
        """All of a person's records of a sort, newest first."""
        found = self._records.find({"what": what, "owner": owner}, session=self._session)
        return [dict(record["content"]) for record in found.sort("at", DESCENDING)]

    def put(self, what: str, key: str, content: Mapping[str, Any], owner: str = "") -> None:
        """Writes a record, in place of the one before."""
        record = {"what": what, "owner": owner, "at": self._clock.now(), "content": dict(content)}
        self._records.replace_one({"_id": f"{what}:{key}"}, record, upsert=True, session=self._session)

    def remove(self, what: str, key: str) -> None:
        """Forgets a record."""
        self._records.delete_one({"_id": f"{what}:{key}"}, session=self._session)

    def clear(self) -> None:
        """Forgets everything: the registry is as the population has it."""
        self._records.delete_many({})

    def transaction(self, work: Callable[["Registry"], T]) -> T:
        """Runs `work` with a registry inside one transaction, and commits unless it raises."""

        def inside(session: Session) -> T:
            return work(Registry(self._db, self._department, self._clock, session))

        for _ in range(_TRIES - 1):
            try:
                return transact(self._db, inside)
            except DuplicateKeyError:  # Another call made the same record first: look again.
                continue
        return transact(self._db, inside)

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return self._clock.now()

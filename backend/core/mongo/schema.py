"""Declared indexes and numbered migrations: what `tongyu migrate` and every start bring the database to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo import ASCENDING, IndexModel

from backend.core.clock import Clock
from backend.core.mongo.client import Db


@dataclass(frozen=True, slots=True)
class Index:
    """One index of one collection, declared beside the queries that need it."""

    collection: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None

    @property
    def name(self) -> str:
        """A stable name from the keys, as MongoDB would make it."""
        return "_".join(f"{key}_{order}" for key, order in self.keys)

    def model(self) -> IndexModel:
        """The driver's form of the declaration."""
        options: dict[str, Any] = {"name": self.name, "unique": self.unique}
        if self.partial is not None:
            options["partialFilterExpression"] = dict(self.partial)
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return IndexModel(list(self.keys), **options)


def index(
    collection: str,
    *keys: str,
    unique: bool = False,
    partial: Mapping[str, Any] | None = None,
    expire_after_seconds: int | None = None,
) -> Index:
    """An ascending index on `keys`; a leading `-` makes a key descending."""
    pairs = tuple((key.removeprefix("-"), -1 if key.startswith("-") else ASCENDING) for key in keys)
    return Index(collection, pairs, unique, partial, expire_after_seconds)


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered change of stored data. `run` must be safe to repeat, as a crash can leave it half done."""

    number: int
    name: str
    run: Callable[[Db], None] = field(compare=False)


def ensure_indexes(db: Db, declared: Iterable[Index]) -> None:
    """Creates every declared index that is missing; an index that differs from its declaration raises."""
    wanted: dict[str, list[IndexModel]] = {}
    for one in declared:
        wanted.setdefault(one.collection, []).append(one.model())
    for collection, models in sorted(wanted.items()):
        db[collection].create_indexes(models)


def migrate(db: Db, migrations: Iterable[Migration], clock: Clock) -> list[int]:
    """Runs the migrations that this database hasn't had, in order of number; returns their numbers."""
    done = {row["_id"] for row in db["migrations"].find({}, {"_id": 1})}
    ran: list[int] = []
    for migration in sorted(migrations, key=lambda m: m.number):
        if migration.number not in done:
            migration.run(db)
            db["migrations"].update_one(
                {"_id": migration.number},
                {"$setOnInsert": {"name": migration.name, "at": clock.now()}},
                upsert=True,
            )
            ran.append(migration.number)
    return ran

"""Filling a database with made-up residents, fast: batched, resumable, the same ids for the same seed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

from backend.core.ids import ulid
from backend.core.mongo.client import Db
from backend.core.resident_id import IdNumber
from backend.core.sealing import Sealer
from backend.identity.place import Place
from backend.identity.repository import BlindIndexes, SeedRepository, to_document
from backend.identity.residents import Particulars, Residents, seal_resident

BATCH: Final = 1000

_INDEX_BITS: Final = 40


@dataclass(frozen=True, slots=True)
class SeedPerson:
    """A made-up person: `district` and `insured_city` are six-digit division codes."""

    name: str = field(repr=False)
    id_number: IdNumber
    mobile: str = field(repr=False)
    district: str
    insured_city: str
    photo: str | None = None


def seed_id(seed: int, index: int, at: datetime) -> str:
    """The id of the `index`-th made-up resident: a ULID of the time `at`, so that inserts go in order."""
    tail = blake2b(f"seed-{seed}".encode(), digest_size=5).digest()
    return ulid(int(at.timestamp() * 1000), int.from_bytes(tail, "big") << _INDEX_BITS | index)


def seed_residents(
    db: Db,
    sealer: Sealer,
    people: Iterable[SeedPerson],
    at: datetime,
    *,
    seed: int = 0,
    start: int = 0,
    progress: Callable[[int], None] = lambda _done: None,
) -> int:
    """Registers `people` as residents number `start` and on, at the moment `at`; returns how many were new.

    Who is there already is left alone, so an interrupted run can be repeated. A person or number that
    belongs to somebody else raises the driver's BulkWriteError. `progress` gets the number done after each
    batch of 1,000.
    """
    repository, residents = SeedRepository(db), Residents(SeedRepository(db), sealer)
    added = done = 0
    for batch in _batches(enumerate(people, start)):
        numbered = {seed_id(seed, index, at): person for index, person in batch}
        missing = numbered.keys() - repository.existing(list(numbered))
        wanted = {one: person for one, person in numbered.items() if one in missing}
        made = [_documents(sealer, residents, one, person, at) for one, person in wanted.items()]
        if made:
            repository.insert_seeded([key for key, _ in made], [resident for _, resident in made])
        added, done = added + len(made), done + len(batch)
        progress(done)
    return added


def _documents(
    sealer: Sealer, residents: Residents, resident_id: str, person: SeedPerson, at: datetime
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The data key's document and the resident's."""
    key, key_document = sealer.mint(resident_id)
    place = Place.given(person.district)
    given = Particulars(
        person.name, person.id_number, person.mobile, place, person.insured_city, person.photo
    )
    resident = seal_resident(resident_id, given, key, at)
    indexes = BlindIndexes(residents.id_index(person.id_number), residents.mobile_index(person.mobile))
    return key_document, to_document(resident, indexes)


def _batches(numbered: Iterable[tuple[int, SeedPerson]]) -> Iterator[list[tuple[int, SeedPerson]]]:
    rest = iter(numbered)
    while batch := list(islice(rest, BATCH)):
        yield batch

"""Made-up residents come in batches, with the same ids each time, and an interrupted run can go on."""

from collections.abc import Iterator
from datetime import date
from itertools import islice

import pytest
from pymongo.errors import BulkWriteError

from backend.core.resident_id import parse_id_number
from backend.exchange.sandbox.population import person
from backend.identity.seeding import BATCH, SeedPerson, seed_id, seed_residents
from backend.identity.sessions.models import SignedIn
from tests.integration.identity.world import World

TODAY = date(2026, 1, 1)


def people(count: int) -> Iterator[SeedPerson]:
    for index in range(count):
        one = person(index)
        number = parse_id_number(one.id_number, today=TODAY)
        yield SeedPerson(one.name, number, one.mobile, one.district, one.insurance_place)


def test_seeded_people_are_residents_like_any_other(world: World) -> None:
    at = world.clock.now()
    assert seed_residents(world.core.db, world.core.sealer, people(3), at) == 3
    found = world.identity.residents.find(seed_id(0, 2, at))
    assert found is not None
    opened = world.identity.residents.person(found)
    assert (opened.name, opened.mobile) == (person(2).name, person(2).mobile)
    signed_in = world.sign_in(person(2).mobile)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.resident == found.id


def test_an_interrupted_run_goes_on_where_it_was(world: World) -> None:
    at, count = world.clock.now(), BATCH + 5

    def interrupted() -> Iterator[SeedPerson]:
        yield from islice(people(count), BATCH + 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seed_residents(world.core.db, world.core.sealer, interrupted(), at)
    # As after a crash between the two writes of a batch: a key without its resident.
    _, orphan = world.core.sealer.mint(seed_id(0, BATCH + 3, at))
    world.core.db["data_keys"].insert_one(orphan)
    done: list[int] = []
    added = seed_residents(world.core.db, world.core.sealer, people(count), at, progress=done.append)
    assert (added, done) == (5, [BATCH, count])
    assert seed_residents(world.core.db, world.core.sealer, people(count), at) == 0
    assert world.core.db["residents"].count_documents({}) == count
    assert world.core.db["data_keys"].count_documents({}) == count


def test_a_person_is_never_seeded_twice_under_another_id(world: World) -> None:
    at = world.clock.now()
    seed_residents(world.core.db, world.core.sealer, people(2), at)
    with pytest.raises(BulkWriteError):
        seed_residents(world.core.db, world.core.sealer, people(2), at, seed=1)
    assert world.core.db["residents"].count_documents({}) == 2

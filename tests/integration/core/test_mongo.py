"""MongoDB: transactions, declared indexes, migrations."""

import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure

from backend.core.mongo.client import transact
from backend.core.mongo.schema import Migration, ensure_indexes, index, migrate


def test_a_transaction_commits_all_or_nothing(db):
    def half(session):
        db["a"].insert_one({"_id": 1}, session=session)
        raise RuntimeError("no further")

    with pytest.raises(RuntimeError):
        transact(db, half)
    assert db["a"].count_documents({}) == 0

    transact(db, lambda session: db["a"].insert_one({"_id": 1}, session=session))
    assert db["a"].count_documents({}) == 1


def test_dates_come_back_as_aware_utc(db, clock):
    db["a"].insert_one({"_id": 1, "at": clock.now()})
    assert db["a"].find_one({"_id": 1})["at"] == clock.now()


def test_declared_indexes_are_made_once_and_hold(db):
    declared = [
        index("people", "number", unique=True),
        index("people", "city", "-at", partial={"city": {"$exists": True}}),
        index("people", "expires_at", expire_after_seconds=0),
    ]
    ensure_indexes(db, declared)
    ensure_indexes(db, declared)

    assert set(db["people"].index_information()) == {"_id_", "number_1", "city_1_at_-1", "expires_at_1"}
    db["people"].insert_one({"number": 1})
    with pytest.raises(DuplicateKeyError):
        db["people"].insert_one({"number": 1})


def test_an_index_that_differs_from_its_declaration_is_found(db):
    ensure_indexes(db, [index("people", "number")])
    with pytest.raises(OperationFailure):
        ensure_indexes(db, [index("people", "number", unique=True)])


def test_migrations_run_once_in_order_and_again_after_a_crash(db, clock):
    ran = []

    def fails(_db):
        ran.append("fails")
        raise RuntimeError("crash")

    first = Migration(1, "first", lambda _db: ran.append("first"))
    with pytest.raises(RuntimeError):
        migrate(db, [Migration(2, "second", fails), first], clock)
    assert ran == ["first", "fails"]

    second = Migration(2, "second", lambda _db: ran.append("second"))
    assert migrate(db, [second, first], clock) == [2]
    assert migrate(db, [second, first], clock) == []
    assert ran == ["first", "fails", "second"]

"""Idempotent commands: one effect a key, whatever is sent again."""

import threading

import pytest

from backend.core.errors import Refusal
from backend.core.idempotency import Idempotency
from backend.core.sealing import Kek, Sealer

KEY = "k" * 16


@pytest.fixture
def idempotency(db, clock):
    return Idempotency(db, Sealer(db, Kek.parse(Kek.generate()), clock), clock)


def counting(db):
    """A command that adds one row and answers with how many there are."""

    def work(session):
        db["effects"].insert_one({}, session=session)
        return str(db["effects"].count_documents({}, session=session)).encode()

    return work


def test_the_same_request_gets_the_first_answer_and_has_one_effect(db, idempotency):
    first = idempotency.once("actor", KEY, "pay", {"cents": 5}, counting(db))
    again = idempotency.once("actor", KEY, "pay", {"cents": 5}, counting(db))
    assert first == again == b"1"
    assert db["effects"].count_documents({}) == 1


@pytest.mark.parametrize(("operation", "request_"), [("pay", {"cents": 6}), ("refund", {"cents": 5})])
def test_another_request_under_the_same_key_is_a_conflict(db, idempotency, operation, request_):
    idempotency.once("actor", KEY, "pay", {"cents": 5}, counting(db))
    with pytest.raises(Refusal, match="IDEMPOTENCY_KEY_REUSED"):
        idempotency.once("actor", KEY, operation, request_, counting(db))
    assert db["effects"].count_documents({}) == 1


def test_a_key_belongs_to_its_actor(db, idempotency):
    idempotency.once("one", KEY, "pay", {}, counting(db))
    idempotency.once("two", KEY, "pay", {}, counting(db))
    assert db["effects"].count_documents({}) == 2


def test_a_refused_command_leaves_nothing_and_frees_its_key(db, idempotency):
    def refuses(session):
        db["effects"].insert_one({}, session=session)
        raise Refusal("FORBIDDEN")

    with pytest.raises(Refusal, match="FORBIDDEN"):
        idempotency.once("actor", KEY, "pay", {}, refuses)
    assert db["effects"].count_documents({}) == db["idempotency"].count_documents({}) == 0
    assert idempotency.once("actor", KEY, "pay", {}, counting(db)) == b"1"


@pytest.mark.parametrize("key", ["", "short", "k" * 129, "k" * 15 + " ", "键" * 16, "k" * 16 + "\n"])
def test_a_key_of_another_shape_is_refused(db, idempotency, key):
    with pytest.raises(Refusal) as refused:
        idempotency.once("actor", key, "pay", {}, counting(db))
    assert refused.value.params == {"field": "idempotencyKey"}
    assert db["effects"].count_documents({}) == 0


def test_twins_that_arrive_together_have_one_effect(db, idempotency):
    barrier = threading.Barrier(8)
    answers = []

    def send():
        barrier.wait()
        answers.append(idempotency.once("actor", KEY, "pay", {}, counting(db)))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [b"1"] * 8
    assert db["effects"].count_documents({}) == 1


def test_answers_are_stored_sealed_and_for_a_day(db, idempotency, clock):
    idempotency.once("actor", KEY, "sign_in", {}, lambda _session: b"a very secret token")
    (row,) = db["idempotency"].find()
    assert b"secret" not in row["answer"]
    assert (row["expires_at"] - clock.now()).total_seconds() == 86400


def test_a_stored_answer_can_be_had_before_the_command_asks_outside(db, idempotency):
    assert idempotency.answered("actor", KEY, "pay", {"cents": 5}) is None
    idempotency.once("actor", KEY, "pay", {"cents": 5}, counting(db))
    assert idempotency.answered("actor", KEY, "pay", {"cents": 5}) == b"1"
    assert idempotency.answered("another", KEY, "pay", {"cents": 5}) is None
    with pytest.raises(Refusal, match="IDEMPOTENCY_KEY_REUSED"):
        idempotency.answered("actor", KEY, "pay", {"cents": 6})
    with pytest.raises(Refusal, match="BAD_INPUT"):
        idempotency.answered("actor", "short", "pay", {"cents": 5})

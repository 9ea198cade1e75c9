"""Sealing against a real MongoDB: erasure, tampering, rotation, races, and that nothing secret shows."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import DuplicateKeyError

from backend.core.errors import Refusal
from backend.core.mongo.client import connect, transact
from backend.core.sealing import BadKek, Kek, Sealer, Secrets, Unopenable, rewrap

KEK_TEXT = Kek.generate()
NAME = "欧阳娜娜"


@pytest.fixture
def kek():
    return Kek.parse(KEK_TEXT)


@pytest.fixture
def sealer(db, kek, clock):
    return Sealer(db, kek, clock)


@pytest.fixture
def log():
    stream = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    yield stream
    structlog.configure(**before)


def erase(db, sealer: Sealer, resident: str) -> None:
    transact(db, lambda session: sealer.erase(resident, session))


def test_a_sealed_field_opens_in_every_process_that_has_the_kek(db, sealer, clock):
    sealed = sealer.create("r1").seal("residents", "name", NAME)
    elsewhere = Sealer(db, Kek.parse(KEK_TEXT), clock)
    assert NAME.encode() not in sealed
    assert elsewhere.key("r1").open("residents", "name", sealed) == NAME


@pytest.mark.parametrize("text", ["", "a", "𠮷" * 1000, "\x00\n"])
def test_any_text_comes_back_as_it_was(sealer, text):
    key = sealer.create("r1")
    assert key.open("c", "f", key.seal("c", "f", text)) == text


def test_sealing_twice_gives_different_bytes(sealer):
    key = sealer.create("r1")
    assert key.seal("c", "f", NAME) != key.seal("c", "f", NAME)


def test_a_field_does_not_open_at_another_collection_field_or_resident(sealer, log):
    key, other = sealer.create("r1"), sealer.create("r2")
    sealed = key.seal("residents", "name", NAME)
    assert key.open("residents", "mobile", sealed) is None
    assert key.open("devices", "name", sealed) is None
    assert other.open("residents", "name", sealed) is None
    assert key.open("residents", "name", sealed) == NAME
    assert NAME not in log.getvalue()


def test_no_field_is_no_text(sealer):
    assert sealer.create("r1").open("c", "f", None) is None


def test_no_flipped_bit_of_a_sealed_field_is_accepted(sealer, log):
    key = sealer.create("r1")
    sealed = key.seal("c", "f", NAME)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert key.open("c", "f", bytes(changed)) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(junk=st.binary(max_size=80))
def test_arbitrary_bytes_read_as_erased_and_never_raise(sealer, log, junk):
    assert sealer.create("r1").open("c", "f", junk) is None


def test_no_flipped_bit_of_a_wrapped_key_is_accepted(sealer, kek, db, log):
    sealer.create("r1")
    wrapped = db["data_keys"].find_one({"_id": "r1"})["wrapped"]
    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        assert sealer.unwrap("r1", bytes(changed)) is None
        # Also when the right one is cached.
        assert sealer.unwrap("r1", wrapped) is not None


def test_a_wrapped_key_moved_to_another_resident_does_not_open(sealer, db, log):
    sealer.create("r1")
    sealer.create("r2")
    stolen = db["data_keys"].find_one({"_id": "r1"})["wrapped"]
    db["data_keys"].update_one({"_id": "r2"}, {"$set": {"wrapped": stolen}})
    assert sealer.key("r2") is None


def test_creating_twice_gives_the_same_key(sealer):
    sealed = sealer.create("r1").seal("c", "f", NAME)
    assert sealer.create("r1").open("c", "f", sealed) == NAME


def test_creating_from_many_threads_at_once_ends_with_one_key(db, clock):
    barrier = threading.Barrier(8)

    def create(_n: int) -> bytes:
        sealer = Sealer(db, Kek.parse(KEK_TEXT), clock)
        barrier.wait()
        return sealer.create("r1").seal("c", "f", NAME)

    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(create, range(8)))
    key = Sealer(db, Kek.parse(KEK_TEXT), clock).key("r1")
    assert [key.open("c", "f", each) for each in sealed] == [NAME] * 8


def test_creating_in_racing_transactions_ends_with_one_key(db, sealer):
    barrier = threading.Barrier(4)

    def register(_n: int) -> bytes:
        barrier.wait()
        return transact(db, lambda session: sealer.create("r1", session).seal("c", "f", NAME))

    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(register, range(4)))
    assert [sealer.key("r1").open("c", "f", each) for each in sealed] == [NAME] * 4


def test_a_key_of_an_aborted_transaction_never_existed(db, sealer):
    def work(session):
        sealer.create("r1", session)
        raise Refusal("BAD_INPUT", field="x")

    with pytest.raises(Refusal):
        transact(db, work)
    assert sealer.key("r1") is None
    assert db["data_keys"].find_one({"_id": "r1"}) is None


def test_minted_keys_can_be_inserted_in_bulk(db, sealer):
    minted = [sealer.mint(f"r{n}") for n in range(50)]
    db["data_keys"].insert_many([document for _, document in minted])
    keys = sealer.keys([f"r{n}" for n in range(50)])
    for key, document in minted:
        assert keys[document["_id"]].open("c", "f", key.seal("c", "f", NAME)) == NAME


def test_an_erased_resident_reads_as_none_and_is_not_made_again(db, sealer):
    sealer.create("r1")
    erase(db, sealer, "r1")
    assert sealer.key("r1") is None
    assert sealer.keys(["r1"]) == {}
    with pytest.raises(Refusal) as refusal:
        sealer.create("r1")
    assert refusal.value.code == "RESIDENT_ERASED"
    with pytest.raises(DuplicateKeyError):
        db["data_keys"].insert_one(sealer.mint("r1")[1])


def test_erasure_leaves_a_tombstone_without_key_and_keeps_its_first_time(db, sealer, clock):
    sealer.create("r1")
    erased_at = clock.advance(60)
    erase(db, sealer, "r1")
    clock.advance(60)
    erase(db, sealer, "r1")
    row = db["data_keys"].find_one({"_id": "r1"})
    assert set(row) == {"_id", "created_at", "erased_at"}
    assert row["erased_at"] == erased_at


def test_someone_never_registered_can_be_erased_ahead(db, sealer):
    erase(db, sealer, "r9")
    with pytest.raises(Refusal):
        sealer.create("r9")


def test_an_erasure_that_was_rolled_back_erased_nothing(db, sealer):
    sealed = sealer.create("r1").seal("c", "f", NAME)

    def work(session):
        sealer.erase("r1", session)
        raise Refusal("BAD_INPUT", field="x")

    with pytest.raises(Refusal):
        transact(db, work)
    assert sealer.key("r1").open("c", "f", sealed) == NAME


def test_an_erasure_elsewhere_arrives_within_a_second(db, sealer, kek, clock):
    elsewhere = Sealer(db, kek, clock)
    sealer.create("r1")
    assert elsewhere.key("r1") is not None
    erase(db, sealer, "r1")
    clock.advance(1.001)
    assert elsewhere.key("r1") is None


def test_a_document_read_after_erasure_ends_the_cached_key_at_once(db, sealer, kek, clock):
    elsewhere = Sealer(db, kek, clock)
    sealer.create("r1")
    assert elsewhere.key("r1") is not None
    erase(db, sealer, "r1")
    assert elsewhere.unwrap("r1", None) is None
    assert elsewhere.key("r1") is None


def test_a_system_key_opens_under_its_name_only(db, sealer, kek, clock):
    sealed = sealer.system("totp").seal(b"seed")
    assert Sealer(db, kek, clock).system("totp").open(sealed) == b"seed"
    with pytest.raises(Unopenable):
        sealer.system("answers").open(sealed)
    with pytest.raises(Unopenable):
        sealer.system("totp").open(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_blind_indexes_agree_between_processes_and_differ_by_kind_value_and_database(db, sealer, kek, clock):
    blind = sealer.blind("id-number", "430102199001011234")
    assert len(blind) == 32
    assert Sealer(db, kek, clock).blind("id-number", "430102199001011234") == blind
    assert sealer.blind("mobile", "430102199001011234") != blind
    assert sealer.blind("id-number", "430102199001011235") != blind
    db["secrets"].drop()
    assert Sealer(db, kek, clock).blind("id-number", "430102199001011234") != blind


def test_blind_indexes_do_not_confuse_the_end_of_the_kind_with_the_start_of_the_value(sealer):
    assert sealer.blind("ab", "c") != sealer.blind("a", "bc")


def test_blind_indexes_are_equal_for_composed_and_decomposed_text(sealer):
    assert sealer.blind("name", "Jose\u0301") == sealer.blind("name", "Jos\u00e9")


def test_a_secret_asked_for_by_many_processes_at_once_is_one(db, mongo, clock):
    barrier = threading.Barrier(8)

    def ask(_n: int) -> bytes:
        with connect(mongo) as client:
            secrets = Secrets(client[db.name], Kek.parse(KEK_TEXT), clock)
            barrier.wait()
            return secrets.get("pairwise")

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(8)))
    assert len(answers) == 1
    assert len(answers.pop()) == 32


def test_another_kek_on_the_same_database_is_noticed_at_start(db, sealer, clock):
    sealer.check()
    with pytest.raises(BadKek, match="another key-encryption key"):
        Sealer(db, Kek.parse(Kek.generate()), clock).check()


def test_a_resident_of_an_unknown_kek_reads_as_erased_and_is_reported(db, sealer, clock, log):
    sealer.create("r1")
    assert Sealer(db, Kek.parse(Kek.generate()), clock).key("r1") is None
    assert "data_key_unopenable" in log.getvalue()


def test_rewrapping_lets_the_old_kek_go(db, sealer, clock):
    sealed = {n: sealer.create(f"r{n}").seal("c", "f", NAME) for n in range(25)}
    answer, blind = sealer.system("answers").seal(b"a"), sealer.blind("mobile", "1")
    erase(db, sealer, "r7")

    promoted = Kek.with_newest_primary(Kek.with_new_key(KEK_TEXT))
    assert rewrap(db, Kek.parse(promoted)) == 24 + 2
    assert rewrap(db, Kek.parse(promoted)) == 0

    renewed = Sealer(db, Kek.parse(Kek.with_primary_only(promoted)), clock)
    assert renewed.key("r7") is None
    opened = {n: renewed.key(f"r{n}").open("c", "f", sealed[n]) for n in sealed if n != 7}
    assert set(opened.values()) == {NAME}
    assert renewed.system("answers").open(answer) == b"a"
    assert renewed.blind("mobile", "1") == blind


def test_rewrapping_without_the_old_key_stops_instead_of_losing_anything(db, sealer):
    sealer.create("r1")
    before = db["data_keys"].find_one({"_id": "r1"})
    with pytest.raises(Unopenable):
        rewrap(db, Kek.parse(Kek.generate()))
    assert db["data_keys"].find_one({"_id": "r1"}) == before


class InterruptedKek(Kek):
    """A KEK that lets something happen between the reading and the writing of a rewrap."""

    meanwhile = staticmethod(lambda: None)

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        self.meanwhile()
        return super().encrypt(plain, context)


def test_an_erasure_in_the_middle_of_a_rewrap_stays_one(db, sealer):
    sealer.create("r1")
    promoted = InterruptedKek.parse(Kek.with_newest_primary(Kek.with_new_key(KEK_TEXT)))
    promoted.meanwhile = lambda: erase(db, sealer, "r1")
    rewrap(db, promoted)
    assert "wrapped" not in db["data_keys"].find_one({"_id": "r1"})


def test_a_rewrapped_key_is_taken_up_by_a_process_that_cached_the_old_wrapping(db, kek, clock):
    promoted = Kek.parse(Kek.with_newest_primary(Kek.with_new_key(KEK_TEXT)))
    sealer = Sealer(db, promoted, clock)
    sealed = Sealer(db, kek, clock).create("r1").seal("c", "f", NAME)
    assert sealer.key("r1") is not None
    rewrap(db, promoted)
    clock.advance(2)
    assert sealer.key("r1").open("c", "f", sealed) == NAME


def test_nothing_secret_shows_in_reprs(sealer):
    key, system = sealer.create("r1"), sealer.system("totp")
    for shown in (repr(key), repr(system), repr(sealer)):
        assert "r1" not in shown
        assert "Cipher" not in shown

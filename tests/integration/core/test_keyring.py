"""The keyring against a real MongoDB: first start, rotation by the clock, compromise, several processes."""

import base64
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import KeySet
from pymongo.monitoring import CommandListener

from backend.core.clock import SystemClock
from backend.core.errors import Refusal
from backend.core.keyring import INDEXES, Keyring, NoActiveKey, Purpose, State
from backend.core.mongo.client import connect
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import BadKek, Kek, rewrap

KEK_TEXT = Kek.generate()
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TOKEN = Purpose.TOKEN


class Counter(CommandListener):
    """Counts the commands that a client sent."""

    def __init__(self) -> None:
        self.finds = 0

    def started(self, event) -> None:
        self.finds += event.command_name == "find"

    def succeeded(self, event) -> None:
        """Of no interest here."""

    def failed(self, event) -> None:
        """Of no interest here."""


@pytest.fixture
def kek():
    return Kek.parse(KEK_TEXT)


@pytest.fixture
def keyring(db, kek, clock):
    ensure_indexes(db, INDEXES)
    ring = Keyring(db, kek, clock)
    ring.ensure()
    return ring


def ensure_and_tell(uri: str, database: str, kek_text: str, start, answers) -> None:
    """What a process does at its first start; runs in a process of its own."""
    with connect(uri) as client:
        ring = Keyring(client[database], Kek.parse(kek_text), SystemClock())
        start.wait()
        ring.ensure()
        answers.put([ring.active(purpose).kid for purpose in Purpose])


def states(keyring: Keyring) -> dict[str, State]:
    return {key.kid: key.state for key in keyring.published(TOKEN)}


def test_every_purpose_has_one_active_key_after_the_first_start(keyring):
    keys = [keyring.active(purpose) for purpose in Purpose]
    assert len({key.kid for key in keys}) == len(Purpose)
    assert {key.state for key in keys} == {State.ACTIVE}
    assert {key.purpose: key.algorithm for key in keys} == {
        purpose: "EdDSA" if purpose is Purpose.AUDIT else "ES256" for purpose in Purpose
    }


def test_a_purpose_that_was_not_ensured_has_no_active_key(db, kek, clock):
    ring = Keyring(db, kek, clock)
    ring.ensure([Purpose.AUDIT])
    ring.active(Purpose.AUDIT)
    with pytest.raises(NoActiveKey):
        ring.active(TOKEN)


def test_two_processes_that_start_at_once_end_with_the_same_keys(db, mongo):
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    arguments = (mongo, db.name, KEK_TEXT, start, answers)
    processes = [context.Process(target=ensure_and_tell, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    first, second = answers.get(timeout=60), answers.get(timeout=60)
    for process in processes:
        process.join(timeout=60)
    assert first == second
    assert db["signing_keys"].count_documents({}) == len(Purpose)


def test_many_threads_that_ensure_at_once_end_with_the_same_keys(db, clock):
    barrier = threading.Barrier(8)

    def start(_n: int) -> tuple[str, ...]:
        ring = Keyring(db, Kek.parse(KEK_TEXT), clock)
        barrier.wait()
        ring.ensure()
        return tuple(ring.active(purpose).kid for purpose in Purpose)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1


def test_a_rotation_announces_then_signs_then_the_old_key_verifies_then_is_gone(keyring, clock):
    old = keyring.active(TOKEN)
    new = keyring.rotate(TOKEN, publish_ahead=DAY, verify_for=HOUR)
    assert new.state is State.ANNOUNCED
    assert keyring.active(TOKEN).kid == old.kid
    assert keyring.active(TOKEN).retire_at == clock.now() + DAY + HOUR

    clock.advance(86_400 - 0.001)
    assert states(keyring) == {old.kid: State.ACTIVE, new.kid: State.ANNOUNCED}
    clock.advance(0.001)
    assert states(keyring) == {old.kid: State.RETIRED, new.kid: State.ACTIVE}
    assert keyring.active(TOKEN).kid == new.kid
    assert keyring.find(TOKEN, old.kid).state is State.RETIRED

    clock.advance(3600)
    assert states(keyring) == {new.kid: State.ACTIVE}
    assert keyring.find(TOKEN, old.kid) is None


def test_states_turn_by_time_alone_without_reading_the_database_again(db, mongo, kek, clock, keyring):
    new = keyring.rotate(TOKEN, publish_ahead=timedelta(seconds=2), verify_for=HOUR)
    counter = Counter()
    with connect(mongo, listeners=[counter]) as client:
        ring = Keyring(client[db.name], kek, clock)
        assert ring.active(TOKEN).kid != new.kid
        clock.advance(2)
        assert ring.active(TOKEN).kid == new.kid
    assert counter.finds == 1


def test_the_private_half_of_a_key_whose_time_is_over_is_destroyed_at_the_next_rotation(db, keyring, clock):
    old = keyring.active(TOKEN)
    keyring.rotate(TOKEN, publish_ahead=HOUR, verify_for=HOUR)
    clock.advance(7200)
    keyring.rotate(TOKEN, publish_ahead=HOUR, verify_for=HOUR)
    row = db["signing_keys"].find_one({"kid": old.kid})
    assert "wrapped" not in row
    assert row["public"]["kty"] == "EC"
    assert [s.state for s in keyring.statuses(TOKEN)] == [State.GONE, State.ACTIVE, State.ANNOUNCED]


def test_the_old_keys_signature_verifies_with_what_is_published_after_the_rotation(keyring, clock):
    old = keyring.active(TOKEN)
    signature = old.private.sign(b"message", ECDSA(SHA256()))
    keyring.rotate(TOKEN, publish_ahead=timedelta(0), verify_for=HOUR)
    assert keyring.active(TOKEN).kid != old.kid
    keyring.find(TOKEN, old.kid).public.verify(signature, b"message", ECDSA(SHA256()))


def test_retiring_the_active_key_puts_a_new_one_in_its_place_at_once(db, keyring):
    bad = keyring.active(TOKEN)
    keyring.retire(TOKEN, bad.kid)
    assert keyring.find(TOKEN, bad.kid) is None
    assert keyring.active(TOKEN).kid != bad.kid
    assert "wrapped" not in db["signing_keys"].find_one({"kid": bad.kid})


def test_retiring_the_active_key_brings_the_announced_one_forward(keyring):
    bad = keyring.active(TOKEN)
    announced = keyring.rotate(TOKEN, publish_ahead=DAY, verify_for=HOUR)
    keyring.retire(TOKEN, bad.kid)
    assert states(keyring) == {announced.kid: State.ACTIVE}


def test_retiring_an_announced_key_leaves_the_active_one_in_place_for_good(keyring, clock):
    active = keyring.active(TOKEN)
    announced = keyring.rotate(TOKEN, publish_ahead=DAY, verify_for=HOUR)
    keyring.retire(TOKEN, announced.kid)
    clock.advance(30 * 86_400)
    assert states(keyring) == {active.kid: State.ACTIVE}
    assert keyring.active(TOKEN).retire_at is None


def test_retiring_a_retired_key_does_not_touch_the_active_one(keyring):
    old = keyring.active(TOKEN)
    new = keyring.rotate(TOKEN, publish_ahead=timedelta(0), verify_for=HOUR)
    keyring.retire(TOKEN, old.kid)
    assert states(keyring) == {new.kid: State.ACTIVE}


@pytest.mark.parametrize("purpose", [TOKEN, Purpose.CODE])
def test_retiring_a_key_that_is_not_there_or_of_another_purpose_is_refused(keyring, purpose):
    kid = "0" * 16 if purpose is TOKEN else keyring.active(TOKEN).kid
    with pytest.raises(Refusal) as refusal:
        keyring.retire(purpose, kid)
    assert refusal.value.code == "SIGNING_KEY_NOT_FOUND"
    assert keyring.active(TOKEN).state is State.ACTIVE


def test_two_processes_that_retire_the_same_key_at_once_leave_one_active_key(db, kek, clock, keyring):
    bad = keyring.active(TOKEN)
    barrier = threading.Barrier(2)

    def retire(_n: int) -> str:
        ring = Keyring(db, kek, clock)
        barrier.wait()
        try:
            ring.retire(TOKEN, bad.kid)
        except Refusal as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(retire, range(2))) == ["SIGNING_KEY_NOT_FOUND", "done"]
    assert list(states(Keyring(db, kek, clock)).values()) == [State.ACTIVE]


def test_of_rotations_at_once_each_makes_a_generation_or_is_refused(db, kek, clock, keyring):
    barrier = threading.Barrier(4)

    def rotate(_n: int) -> str:
        ring = Keyring(db, kek, clock)
        barrier.wait()
        try:
            ring.rotate(TOKEN, publish_ahead=DAY, verify_for=HOUR)
        except Refusal as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(rotate, range(4)))
    made = outcomes.count("made")
    assert made >= 1
    assert set(outcomes) <= {"made", "STALE_WRITE"}
    assert [s.record.generation for s in keyring.statuses(TOKEN)] == list(range(1, made + 2))


def test_another_process_learns_of_a_rotation_within_five_seconds(db, kek, clock, keyring):
    elsewhere = Keyring(db, kek, clock)
    elsewhere.active(TOKEN)
    new = keyring.rotate(TOKEN, publish_ahead=timedelta(0), verify_for=HOUR)
    clock.advance(5)
    assert elsewhere.active(TOKEN).kid == new.kid


def test_an_unknown_kid_is_looked_up_again_after_a_second_and_found(db, kek, clock, keyring):
    elsewhere = Keyring(db, kek, clock)
    elsewhere.active(TOKEN)
    new = keyring.rotate(TOKEN, publish_ahead=timedelta(0), verify_for=HOUR)
    assert elsewhere.find(TOKEN, new.kid) is None
    clock.advance(1)
    assert elsewhere.find(TOKEN, new.kid).kid == new.kid


def test_forged_kids_read_the_database_at_most_once_a_second(db, mongo, kek, clock, keyring):
    counter = Counter()
    with connect(mongo, listeners=[counter]) as client:
        ring = Keyring(client[db.name], kek, clock)
        for n in range(300):
            assert ring.find(TOKEN, f"{n:016x}") is None
            clock.advance(0.01)
    assert counter.finds == 3


def test_a_key_is_found_under_its_own_purpose_only(keyring):
    assert keyring.find(Purpose.CODE, keyring.active(TOKEN).kid) is None


def test_a_stored_key_moved_to_another_purpose_is_not_usable(db, kek, clock, keyring):
    row = db["signing_keys"].find_one({"purpose": "card"})
    db["signing_keys"].delete_one({"_id": "code-root|1"})
    db["signing_keys"].delete_one({"_id": row["_id"]})
    db["signing_keys"].insert_one({**row, "_id": "code-root|1", "purpose": "code-root"})
    with pytest.raises(BadKek):
        Keyring(db, kek, clock).active(Purpose.CODE_ROOT)


def test_the_jwk_set_is_public_and_its_kids_are_thumbprints(keyring):
    keyring.rotate(TOKEN, publish_ahead=DAY, verify_for=HOUR, algorithm="EdDSA")
    exported = keyring.jwks(TOKEN)
    assert [key["alg"] for key in exported["keys"]] == ["ES256", "EdDSA"]
    assert not any(private in key for key in exported["keys"] for private in ("d", "p", "q", "k"))
    for jwk, key in zip(KeySet.import_key_set(exported).keys, keyring.published(TOKEN), strict=True):
        assert jwk.kid == key.kid
        assert bytes.fromhex(key.kid) == base64.urlsafe_b64decode(jwk.thumbprint() + "=")[:8]


def test_the_algorithm_can_be_chosen_per_purpose_and_is_kept_by_rotations(db, kek, clock):
    ring = Keyring(db, kek, clock, algorithms={Purpose.CARD: "EdDSA"})
    ring.ensure()
    assert isinstance(ring.active(Purpose.CARD).public, Ed25519PublicKey)
    assert isinstance(ring.active(TOKEN).public, EllipticCurvePublicKey)
    assert ring.rotate(Purpose.CARD, publish_ahead=HOUR, verify_for=HOUR).algorithm == "EdDSA"


def test_named_secrets_are_stable_between_processes_and_differ_by_name(db, kek, clock, keyring):
    assert keyring.secret("pairwise") == Keyring(db, kek, clock).secret("pairwise")
    assert keyring.secret("pairwise") != keyring.secret("index-permutation")


def test_signing_keys_survive_a_change_of_kek(db, clock, keyring):
    kid = keyring.active(TOKEN).kid
    promoted = Kek.with_newest_primary(Kek.with_new_key(KEK_TEXT))
    assert rewrap(db, Kek.parse(promoted)) == len(Purpose)
    renewed = Keyring(db, Kek.parse(Kek.with_primary_only(promoted)), clock)
    assert renewed.active(TOKEN).kid == kid


def test_another_kek_is_reported_as_such(db, clock, keyring):
    with pytest.raises(BadKek, match="another key-encryption key") as refusal:
        Keyring(db, Kek.parse(Kek.generate()), clock).active(TOKEN)
    assert refusal.value.__suppress_context__


def test_nothing_private_is_stored_in_clear_or_shown(db, keyring):
    key = keyring.active(TOKEN)
    number = key.private.private_numbers().private_value
    row = db["signing_keys"].find_one({"kid": key.kid})
    for shown in (repr(key), str(key), repr(row), repr(keyring)):
        assert str(number) not in shown
        assert f"{number:x}" not in shown
    assert number.to_bytes(32, "big") not in row["wrapped"]


def test_a_clock_that_ran_backwards_makes_the_keys_be_read_again(db, kek, clock, keyring):
    elsewhere = Keyring(db, kek, clock)
    clock.advance(3600)
    elsewhere.active(TOKEN)
    clock.advance(-3600)
    new = keyring.rotate(TOKEN, publish_ahead=timedelta(0), verify_for=HOUR)
    assert elsewhere.active(TOKEN).kid == new.kid


def test_a_clock_set_back_across_a_rotation_gives_the_key_of_that_time(keyring, clock):
    old = keyring.active(TOKEN)
    new = keyring.rotate(TOKEN, publish_ahead=timedelta(seconds=2), verify_for=HOUR)
    clock.advance(3)
    assert keyring.active(TOKEN).kid == new.kid
    clock.advance(-2)
    assert keyring.active(TOKEN).kid == old.kid

"""Placing entries: order, fencing, crashes."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from structlog.testing import capture_logs

from backend.core.audit.checkpoint import CHECKPOINTS, Checkpoints
from backend.core.audit.head import GENESIS, STATE, DamagedLog, Heads, link
from backend.core.audit.lease import Lease
from backend.core.audit.log import ENTRIES, INDEXES, AuditLog
from backend.core.audit.models import digest
from backend.core.audit.sequencer import Sequencer
from backend.core.audit.tiles import NODES, DamagedTree, TileStore
from backend.core.audit.verify import verify
from backend.core.clock import SystemClock
from backend.core.keyring import Keyring, Purpose
from backend.core.mongo.client import Client, Db, transact
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from tests.fakes import StandingClock
from tests.integration.core.audit.conftest import ORIGIN, scan

DECADE = timedelta(days=3652)


def placed(db: Db) -> list[str]:
    return [row["_id"] for row in db[ENTRIES].find({"seq": {"$gte": 0}}).sort("seq", 1)]


def until(holds, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_waiting_entries_are_placed_by_time(
    db: Db, log: AuditLog, clock: StandingClock, sequencer: Sequencer
) -> None:
    clock.advance(60)
    later = log.append(scan(1), None)
    clock.advance(-30)
    earlier = log.append(scan(2), None)

    assert sequencer.step() == 2
    assert placed(db) == [earlier, later]


def test_an_entry_committed_late_comes_after_those_already_placed(
    db: Db, log: AuditLog, clock: StandingClock, sequencer: Sequencer
) -> None:
    clock.advance(60)
    first = log.append(scan(1), None)
    sequencer.step()
    clock.advance(-30)
    late = log.append(scan(2), None)

    assert sequencer.step() == 1
    assert placed(db) == [first, late]


def test_each_entry_is_chained_to_the_one_before(db: Db, log: AuditLog, sequencer: Sequencer) -> None:
    for number in range(5):
        log.append(scan(number), None)
    sequencer.step()

    chain = GENESIS
    for seq, row in enumerate(db[ENTRIES].find().sort("seq", 1)):
        assert (row["seq"], row["previous"]) == (seq, chain)
        chain = link(chain, seq, digest(row["content"]))
        assert row["chain"] == chain


def test_an_uncommitted_entry_waits_and_holds_nobody_up(db: Db, log: AuditLog, sequencer: Sequencer) -> None:
    with db.client.start_session() as session, session.start_transaction():
        pending = log.append(scan(1), session)
        done = log.append(scan(2), None)
        assert sequencer.step() == 1
        assert placed(db) == [done]

    assert sequencer.step() == 1
    assert placed(db) == [done, pending]


def test_batches_go_on_where_the_last_one_ended(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    small = Sequencer(db, keyring, clock, "worker-1", origin=ORIGIN, batch=7)
    for number in range(20):
        log.append(scan(number), None)

    assert [small.step() for _ in range(4)] == [7, 7, 6, 0]
    assert verify(db, checkpoints).sound


def test_a_new_sequencer_goes_on_where_another_ended(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    for owner in ("worker-1", "worker-2", "worker-3"):
        for number in range(300):
            log.append(scan(number), None)
        leader = Sequencer(db, keyring, clock, owner, origin=ORIGIN, lease_seconds=0.05)
        time.sleep(0.1)
        assert leader.step() == 300

    report = verify(db, checkpoints)
    assert (report.size, report.sound) == (900, True)


def test_who_doesnt_lead_places_nothing(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, sequencer: Sequencer
) -> None:
    assert sequencer.step() == 0  # It leads from now on.
    log.append(scan(), None)

    assert Sequencer(db, keyring, clock, "worker-2", origin=ORIGIN).step() == 0
    assert sequencer.step() == 1


def test_a_leader_that_slept_through_its_term_is_fenced(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    # It believes to lead for a third of an hour, but its lease is taken from it as an operator could.
    sleeper = Sequencer(db, keyring, clock, "worker-1", origin=ORIGIN, lease_seconds=3600)
    log.append(scan(1), None)
    assert sleeper.step() == 1
    db[STATE].update_one({"_id": "lease"}, {"$set": {"owner": None, "expires_at": clock.now() - DECADE}})
    leader = Sequencer(db, keyring, clock, "worker-2", origin=ORIGIN)
    log.append(scan(2), None)
    assert leader.step() == 1

    log.append(scan(3), None)

    assert [sleeper.step(), sleeper.step()] == [0, 0]
    assert leader.step() == 1
    assert verify(db, checkpoints).sound


def test_two_sequencers_at_once_that_both_believe_to_lead_keep_the_chain_right(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    # Terms so short that each takes over from the other in the middle of its work.
    twins = [
        Sequencer(db, keyring, clock, owner, origin=ORIGIN, batch=10, lease_seconds=0.005)
        for owner in ("castor", "pollux")
    ]
    stop = threading.Event()
    threads = [threading.Thread(target=twin.run, args=(stop,)) for twin in twins]
    for thread in threads:
        thread.start()
    for number in range(400):
        log.append(scan(number), None)
    until(lambda: len(placed(db)) == 400)
    stop.set()
    for thread in threads:
        thread.join()

    report = verify(db, checkpoints)
    assert (report.size, report.findings) == (400, ())


def test_an_entry_has_its_place_within_a_second(db: Db, log: AuditLog, sequencer: Sequencer) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=sequencer.run, args=(stop,))
    thread.start()
    try:
        until(lambda: db[STATE].find_one({"_id": "head"}) is not None)
        for number in range(3):
            entry_id = log.append(scan(number), None)
            until(lambda wanted=entry_id: wanted in placed(db), seconds=1)
    finally:
        stop.set()
        thread.join()


def test_a_stopped_sequencer_gives_its_lease_up(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, sequencer: Sequencer
) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=sequencer.run, args=(stop,))
    thread.start()
    until(lambda: db[STATE].find_one({"_id": "head"}) is not None)
    stop.set()
    thread.join()
    log.append(scan(), None)

    assert Sequencer(db, keyring, clock, "worker-2", origin=ORIGIN).step() == 1


def test_the_lease_changes_hands_once_its_term_is_over(db: Db) -> None:
    first, second = Lease(db, "a", 0.3), Lease(db, "b", 0.3)

    assert first.hold() == 1
    assert second.hold() is None
    time.sleep(0.4)
    assert second.hold() == 2
    assert first.hold() is None


def test_the_lease_is_kept_by_holding_it(db: Db) -> None:
    first, second = Lease(db, "a", 0.6), Lease(db, "b", 0.6)

    for _ in range(12):
        assert first.hold() == 1
        assert second.hold() is None
        time.sleep(0.1)


def test_an_owners_name_is_never_read_as_an_expression(db: Db) -> None:
    Lease(db, "$token", 3).hold()

    assert db[STATE].find_one({"_id": "lease"})["owner"].startswith("$token/")


def test_who_takes_over_ends_the_transaction_of_a_leader_that_died_in_it(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    dead = Lease(db, "dead", 0.1)
    assert dead.hold() == 1
    log.append(scan(), None)
    Heads(db).start()
    dead.session.start_transaction()
    db[STATE].update_one({"_id": "head"}, {"$set": {"size": 9}}, session=dead.session)
    time.sleep(0.2)

    assert Sequencer(db, keyring, clock, "next", origin=ORIGIN).step() == 1
    assert verify(db, checkpoints).sound
    with pytest.raises(OperationFailure, match="has been aborted"):
        dead.session.commit_transaction()


@pytest.mark.parametrize(
    "damage",
    [
        lambda db: db[STATE].delete_one({"_id": "head"}),
        lambda db: db[STATE].update_one({"_id": "head"}, {"$set": {"size": 2}}),
        lambda db: db[STATE].update_one({"_id": "head"}, {"$set": {"size": 4}}),
        lambda db: db[STATE].update_one({"_id": "head"}, {"$set": {"chain": bytes(32)}}),
        lambda db: db[STATE].update_one({"_id": "head"}, {"$set": {"root": "x"}}),
        lambda db: db[ENTRIES].delete_one({"seq": 2}),
        lambda db: db[NODES].update_one({"_id": "0/0"}, {"$set": {"hashes": bytes(96)}}),
    ],
)
def test_a_damaged_log_is_not_continued(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, damage
) -> None:
    for number in range(3):
        log.append(scan(number), None)
    Sequencer(db, keyring, clock, "worker-1", origin=ORIGIN, lease_seconds=0.001).step()
    damage(db)
    log.append(scan(3), None)

    again = Sequencer(db, keyring, clock, "worker-2", origin=ORIGIN)

    with pytest.raises((DamagedLog, DamagedTree)):
        again.step()
    assert db[ENTRIES].count_documents({"seq": None}) == 1


def test_the_age_of_the_oldest_waiting_entry(
    log: AuditLog, clock: StandingClock, sequencer: Sequencer
) -> None:
    assert log.oldest_unplaced_age().total_seconds() == 0
    log.append(scan(1), None)
    clock.advance(61)
    log.append(scan(2), None)
    assert log.oldest_unplaced_age().total_seconds() == 61
    sequencer.step()
    assert log.oldest_unplaced_age().total_seconds() == 0


def test_an_entry_that_waits_for_over_a_minute_is_an_alarm_and_holds_nobody_up(
    db: Db, log: AuditLog, clock: StandingClock, sequencer: Sequencer
) -> None:
    # Something that our code never wrote, and so can't place.
    db[ENTRIES].insert_one({"_id": "stranger", "at": clock.now(), "seq": None})
    clock.advance(61)
    entry_id = log.append(scan(), None)
    stop = threading.Event()
    with capture_logs() as events:
        thread = threading.Thread(target=sequencer.run, args=(stop,))
        thread.start()
        until(lambda: events)
        stop.set()
        thread.join()

    assert events == [{"event": "audit_entry_unplaced", "log_level": "error", "seconds": 61}]
    assert placed(db) == [entry_id]


def test_stored_tiles_are_those_of_the_tree(db: Db, log: AuditLog, sequencer: Sequencer) -> None:
    for _ in range(3):
        db_entries = [log.append(scan(number), None) for number in range(100)]
        assert sequencer.step() == len(db_entries)
    head = db[STATE].find_one({"_id": "head"})

    assert TileStore(db).edge(300).root() == TileStore(db).root(300) == head["root"]


def test_checkpoints_are_published_when_the_log_has_grown(
    log: AuditLog, sequencer: Sequencer, checkpoints: Checkpoints
) -> None:
    assert checkpoints.publish() is None
    log.append(scan(1), None)
    assert checkpoints.publish() is None
    sequencer.step()
    first = checkpoints.publish()
    assert first is not None
    assert (first.size, checkpoints.latest()) == (1, first)
    assert checkpoints.publish() is None


def test_a_checkpoint_is_signed_again_by_a_new_key(
    log: AuditLog, sequencer: Sequencer, checkpoints: Checkpoints, keyring: Keyring
) -> None:
    log.append(scan(1), None)
    sequencer.step()
    first = checkpoints.publish()
    keyring.retire(Purpose.AUDIT, keyring.active(Purpose.AUDIT).kid)

    again = checkpoints.publish()

    assert again is not None
    assert (again.size, again.root) == (first.size, first.root)
    assert again.note != first.note


def test_a_log_never_signs_what_contradicts_its_last_checkpoint(
    db: Db, log: AuditLog, sequencer: Sequencer, checkpoints: Checkpoints
) -> None:
    log.append(scan(1), None)
    sequencer.step()
    checkpoints.publish()
    for name in (ENTRIES, NODES, STATE):
        db[name].delete_many({})
    for number in range(2):
        log.append(scan(number), None)
    sequencer.step()
    sequencer.step()

    with pytest.raises(DamagedLog, match="contradicts its checkpoint of 1"):
        checkpoints.publish()


def test_entries_are_placed_even_when_no_checkpoint_can_be_signed(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    log.append(scan(1), None)
    sequencer = Sequencer(
        db, keyring, clock, "worker", origin=ORIGIN, lease_seconds=0.001, checkpoint_seconds=0
    )
    sequencer.step()
    checkpoints.publish()
    db[CHECKPOINTS].update_one({"_id": 1}, {"$set": {"note": "nonsense"}})
    stop = threading.Event()
    thread = threading.Thread(target=sequencer.run, args=(stop,))
    thread.start()
    try:
        for number in range(2):
            entry_id = log.append(scan(number), None)
            until(lambda wanted=entry_id: wanted in placed(db))
    finally:
        stop.set()
        thread.join()

    assert db[CHECKPOINTS].count_documents({}) == 1


@pytest.fixture
def kek() -> str:
    return Kek.generate()


@pytest.fixture
def real(mongo: str, mongo_client: Client, kek: str) -> Iterator[Db]:
    """A database whose keys another process can open, as it gets the KEK."""
    name = f"tongyu_audit_{time.time_ns()}"
    db = mongo_client[name]
    ensure_indexes(db, INDEXES)
    Keyring(db, Kek.parse(kek), SystemClock()).ensure([Purpose.AUDIT])
    yield db
    mongo_client.drop_database(name)


def start(mongo: str, db: Db, kek: str, owner: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.core.audit.run_sequencer", mongo, db.name, owner]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(kek)
    process.stdin.close()
    return process


def test_a_sequencer_killed_at_any_moment_leaves_a_log_that_verifies(mongo: str, real: Db, kek: str) -> None:
    log, dice = AuditLog(real, SystemClock()), random.Random(9)
    checkpoints = Checkpoints(real, Keyring(real, Kek.parse(kek), SystemClock()), SystemClock(), ORIGIN)
    written = 0
    for life in range(6):
        process = start(mongo, real, kek, f"life-{life}")
        before = len(placed(real))
        try:
            for _ in range(150):
                log.append(scan(), None)
                written += 1
            until(lambda mark=before: len(placed(real)) > mark)
            time.sleep(dice.random() * 0.2)
        finally:
            process.kill()
            process.wait()
        report = verify(real, checkpoints)
        assert report.findings == (), life
        assert report.size == len(placed(real)) > before

    last = start(mongo, real, kek, "last")
    try:
        until(lambda: len(placed(real)) == written)
    finally:
        last.kill()
        last.wait()
    report = verify(real, checkpoints)
    assert (report.size, report.findings) == (written, ())
    assert report.checkpoints > 0


def test_writers_never_wait_for_the_sequencer(mongo: str, real: Db) -> None:
    log = AuditLog(real, SystemClock())
    with MongoClient(mongo) as other:
        holder = other[real.name]
        with other.start_session() as session, session.start_transaction():
            # As a sequencer in the middle of its transaction: the head is taken.
            holder[STATE].insert_one({"_id": "head", "size": 0}, session=session)
            assert transact(real, lambda own: log.append(scan(), own))

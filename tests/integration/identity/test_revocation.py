"""Revoked tokens are known at once where they were revoked, and within a second everywhere else."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pymongo
import pytest
from pymongo.errors import OperationFailure, PyMongoError

from backend.core.clock import SystemClock
from backend.core.mongo.client import Db, connect, transact
from backend.core.mongo.schema import ensure_indexes
from backend.identity.revocation import Revocations
from backend.identity.revocations.repository import INDEXES, RevocationFeed, RevocationRepository
from tests.fakes import StandingClock

WATCHER = """
import sys, time
from datetime import datetime, UTC
from backend.core.clock import SystemClock
from backend.core.mongo.client import connect
from backend.identity.revocation import Revocations
from backend.identity.revocations.repository import RevocationRepository

uri, database = sys.argv[1:]
with connect(uri) as client:
    revocations = Revocations(RevocationRepository(client[database]), SystemClock())
    close = revocations.start()
    issued_at = datetime.now(UTC)
    print("ready", flush=True)
    while not revocations.is_revoked("s1", "r1", issued_at):
        time.sleep(0.01)
    print(time.time(), flush=True)
    close()
"""


@pytest.fixture
def revocations(db: Db, clock: StandingClock) -> Revocations:
    ensure_indexes(db, INDEXES)
    return Revocations(RevocationRepository(db), clock)


@pytest.fixture
def feeding(revocations: Revocations) -> Iterator[Revocations]:
    close = revocations.start()
    yield revocations
    close()


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_without_a_feed_the_database_is_asked(db: Db, revocations: Revocations, clock: StandingClock) -> None:
    assert not revocations.is_revoked("s1", "r1", clock.now())
    transact(db, lambda session: revocations.revoke_session("s1", session))
    assert revocations.is_revoked("s1", "r1", clock.now())
    assert not revocations.is_revoked("s2", "r1", clock.now())


def test_a_revocation_that_is_rolled_back_has_no_effect(
    db: Db, revocations: Revocations, clock: StandingClock
) -> None:
    def failing(session: object) -> None:
        revocations.revoke_subject("r1", session)  # type: ignore[arg-type]
        raise LookupError

    with pytest.raises(LookupError):
        transact(db, failing)
    assert not revocations.is_revoked("s1", "r1", clock.now())


def test_a_subject_s_later_tokens_count_again(db: Db, revocations: Revocations, clock: StandingClock) -> None:
    clock.advance(0.7)
    transact(db, lambda session: revocations.revoke_subject("r1", session))
    assert revocations.is_revoked("s1", "r1", clock.now())
    assert revocations.is_revoked("s1", "r1", clock.now().replace(microsecond=0))
    assert not revocations.is_revoked("s2", "r1", clock.now() + timedelta(seconds=1))


def test_a_feed_learns_of_what_was_there_and_of_what_comes(
    db: Db, revocations: Revocations, clock: StandingClock
) -> None:
    transact(db, lambda session: revocations.revoke_session("before", session))
    close = revocations.start()
    try:
        assert eventually(lambda: revocations.fresh)
        assert revocations.is_revoked("before", "r1", clock.now())
        transact(db, lambda session: revocations.revoke_session("after", session))
        assert eventually(lambda: revocations.is_revoked("after", "r1", clock.now()), 1.0)
        assert not revocations.is_revoked("other", "r1", clock.now())
    finally:
        close()


class NoStreams(RevocationRepository):
    """As on a server that has no change streams."""

    def watch(self) -> AbstractContextManager[RevocationFeed]:
        raise OperationFailure("$changeStream is not supported")


def test_without_change_streams_the_collection_is_polled(db: Db, clock: StandingClock) -> None:
    polled = Revocations(NoStreams(db), clock)
    close = polled.start()
    try:
        assert eventually(lambda: polled.fresh)
        transact(db, lambda session: polled.revoke_session("s1", session))
        assert eventually(lambda: polled.size == 1, 1.0)
        assert polled.is_revoked("s1", "r1", clock.now())
    finally:
        close()


def test_the_feed_comes_back_after_its_collection_was_dropped(
    db: Db, feeding: Revocations, clock: StandingClock
) -> None:
    assert eventually(lambda: feeding.fresh)
    db["revocations"].drop()
    transact(db, lambda session: feeding.revoke_session("s1", session))
    assert eventually(lambda: feeding.is_revoked("s1", "r1", clock.now()), 1.5)
    assert eventually(lambda: feeding.fresh and feeding.size == 1)


def test_what_is_past_every_token_s_life_is_forgotten(
    db: Db, feeding: Revocations, clock: StandingClock
) -> None:
    transact(db, lambda session: feeding.revoke_session("s1", session))
    assert eventually(lambda: feeding.size == 1)
    clock.advance(17 * 60)
    assert eventually(lambda: feeding.size == 0)


def test_no_token_is_believed_while_neither_feed_nor_database_answers(clock: StandingClock) -> None:
    # Nothing listens on the discard port: the client finds no server within its deadline.
    with connect("mongodb://127.0.0.1:9/?replicaSet=rs0") as client:
        lost = Revocations(RevocationRepository(client["nowhere"]), clock)
        with pymongo.timeout(0.3), pytest.raises(PyMongoError):
            lost.is_revoked("s1", "r1", clock.now())


def test_another_process_refuses_within_a_second(mongo: str, db: Db, revocations: Revocations) -> None:
    watchers = [
        subprocess.Popen([sys.executable, "-c", WATCHER, mongo, db.name], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for watcher in watchers:
            assert watcher.stdout is not None
            assert watcher.stdout.readline() == "ready\n"
        time.sleep(1.5)  # Past the start, so that the feed answers and not the database.
        wall = Revocations(RevocationRepository(db), SystemClock())
        transact(db, lambda session: wall.revoke_subject("r1", session))
        committed = time.time()
        seen = [float(watcher.communicate(timeout=10)[0]) for watcher in watchers]
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.wait()
    assert max(seen) - committed < 1.0

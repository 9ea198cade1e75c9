"""Limits counted in MongoDB: exact over threads and processes, and without a clear key."""

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from backend.core.clock import SystemClock
from backend.core.errors import Refusal
from backend.core.limits import RateLimits, Rule
from backend.core.mongo.client import Db, connect
from backend.core.mongo.schema import ensure_indexes
from backend.core.windows import INDEXES
from tests.fakes import StandingClock

KEY = bytes(range(32))
RULES = {
    "code": Rule.parse("3/10minute;5/day", "shared"),
    "busy": Rule.parse("40/hour", "shared"),
    "scan": Rule.parse("2/minute", "local"),
}
PHONE = "13787654321"


@pytest.fixture
def limits(db: Db, clock: StandingClock) -> RateLimits:
    return RateLimits(db, KEY, clock, RULES)


def refusal(limits: RateLimits, rule: str, *keys: str) -> Refusal | None:
    try:
        limits.hit(rule, *keys)
    except Refusal as refused:
        return refused
    return None


def passed(limits: RateLimits, rule: str, key: str, attempts: int) -> int:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda _: refusal(limits, rule, key), range(attempts))).count(None)


def passed_in_a_process(uri: str, database: str, start_at: float, attempts: int) -> int:
    with connect(uri) as client:
        limits = RateLimits(client[database], KEY, SystemClock(), RULES)
        client.admin.command("ping")
        time.sleep(max(0.0, start_at - time.time()))
        return passed(limits, "busy", PHONE, attempts)


def test_given_no_room_the_refusal_says_how_long_to_wait(limits: RateLimits, clock: StandingClock) -> None:
    for _ in range(3):
        limits.hit("code", PHONE)
    clock.advance(90.5)

    refused = refusal(limits, "code", PHONE)

    assert refused is not None
    assert (refused.code, refused.retry_after, refused.params) == ("RATE_LIMITED", 510, {"seconds": 510})
    assert "510" in refused.message("en")


def test_given_the_wait_is_over_the_next_attempt_passes(limits: RateLimits, clock: StandingClock) -> None:
    for _ in range(3):
        limits.hit("code", PHONE)
    clock.advance(599.999)
    early = refusal(limits, "code", PHONE)
    clock.advance(0.001)

    assert early is not None
    assert refusal(limits, "code", PHONE) is None


def test_refused_attempts_use_up_no_room_in_the_longer_window(
    limits: RateLimits, clock: StandingClock
) -> None:
    outcomes = [refusal(limits, "code", PHONE) for _ in range(20)]
    clock.advance(600)
    later = [refusal(limits, "code", PHONE) for _ in range(3)]

    assert outcomes.count(None) == 3
    assert later.count(None) == 2
    assert later[2] is not None
    assert later[2].retry_after == 86_400 - 600


def test_keys_and_rules_have_windows_of_their_own(limits: RateLimits) -> None:
    for _ in range(3):
        limits.hit("code", "ab", "c")

    assert refusal(limits, "code", "ab", "c") is not None
    assert refusal(limits, "code", "a", "bc") is None
    assert refusal(limits, "code", "abc") is None
    assert refusal(limits, "busy", "ab", "c") is None


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:0DB8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("challenge:1", "challenge:2", False),
    ],
)
def test_an_ipv6_subscriber_is_one_party_whatever_address_they_take(
    limits: RateLimits, first: str, second: str, *, same: bool
) -> None:
    for _ in range(3):
        limits.hit("code", first)

    assert (refusal(limits, "code", second) is not None) is same


def test_local_rules_leave_nothing_in_the_database(limits: RateLimits, db: Db) -> None:
    outcomes = [refusal(limits, "scan", "staff-1") for _ in range(3)]

    assert outcomes.count(None) == 2
    assert db.list_collection_names() == []


def test_neither_the_phone_nor_its_plain_hash_is_stored(limits: RateLimits, db: Db) -> None:
    limits.hit("code", PHONE)
    RateLimits(db, bytes(32), StandingClock(), RULES).hit("code", PHONE)

    stored = list(db["rate_limit_windows"].find())

    assert len(stored) == 2, "another key must give another digest"
    assert PHONE not in str(stored)
    assert all(len(row["_id"]) == 32 for row in stored)


def test_an_unknown_rule_is_a_fault_not_a_pass(limits: RateLimits) -> None:
    with pytest.raises(KeyError):
        limits.hit("no.such.rule", PHONE)


def test_documents_expire_with_their_longest_window_and_keep_at_most_its_entries(
    limits: RateLimits, db: Db, clock: StandingClock
) -> None:
    ensure_indexes(db, INDEXES)
    clock.set(SystemClock().now())
    for _ in range(12):
        refusal(limits, "code", PHONE)
        clock.advance(600)

    (row,) = db["rate_limit_windows"].find()

    assert len(row["entries"]) == 5
    assert row["expire_at"] == row["entries"][0] + timedelta(days=1)


def test_given_a_new_key_and_16_threads_exactly_the_limit_passes(limits: RateLimits) -> None:
    assert passed(limits, "busy", PHONE, 200) == 40


def test_given_two_processes_at_once_exactly_the_limit_passes(mongo: str, db: Db) -> None:
    start_at = time.time() + 3
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        counts = pool.starmap(passed_in_a_process, [(mongo, db.name, start_at, 100)] * 2)

    assert sum(counts) == 40

"""Rules as data, and windows in this process's memory."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse_many

from backend.core.limits import Rule, declared_rules
from backend.core.windows import LocalWindows
from tests.fakes import StandingClock

FIVE_IN_TEN_SECONDS = parse_many("5/10second")


def test_every_declared_rule_parses_and_limits_something() -> None:
    rules = declared_rules()

    assert {"otp.send.phone", "otp.verify.phone", "staff.login.account", "scan.staff"} <= set(rules)
    assert all(limit.amount > 0 for rule in rules.values() for limit in rule.limits)


@pytest.mark.parametrize("prefix", ["otp.", "login.", "registration.", "staff.login."])
def test_rules_that_guard_a_secret_are_counted_for_all_processes_together(prefix: str) -> None:
    guarded = {name: rule.storage for name, rule in declared_rules().items() if name.startswith(prefix)}

    assert guarded
    assert set(guarded.values()) == {"shared"}


@pytest.mark.parametrize(("limits", "storage"), [("5/10minute", "disk"), ("five a day", "shared")])
def test_a_rule_that_makes_no_sense_is_a_value_error(limits: str, storage: str) -> None:
    with pytest.raises(ValueError, match=r"storage|couldn't parse"):
        Rule.parse(limits, storage)


def test_given_a_full_window_the_next_hit_waits_until_the_oldest_has_left(clock: StandingClock) -> None:
    windows = LocalWindows(clock)
    waits = []
    for _ in range(5):
        waits.append(windows.acquire(b"key", FIVE_IN_TEN_SECONDS))
        clock.advance(1)

    refused = windows.acquire(b"key", FIVE_IN_TEN_SECONDS)
    clock.advance(refused - 0.001)
    still_refused = windows.acquire(b"key", FIVE_IN_TEN_SECONDS)
    clock.advance(0.001)
    passed = windows.acquire(b"key", FIVE_IN_TEN_SECONDS)

    assert waits == [0] * 5
    assert (refused, still_refused, passed) == (5, 1, 0)


def test_the_window_moves_so_a_burst_over_its_edge_does_not_pass_twice(clock: StandingClock) -> None:
    windows = LocalWindows(clock)
    clock.advance(9)
    before = [windows.acquire(b"key", FIVE_IN_TEN_SECONDS) for _ in range(5)]
    clock.advance(2)

    assert before == [0] * 5
    assert windows.acquire(b"key", FIVE_IN_TEN_SECONDS) == 8


def test_keys_do_not_share_a_window(clock: StandingClock) -> None:
    windows = LocalWindows(clock)
    for _ in range(5):
        windows.acquire(b"one", FIVE_IN_TEN_SECONDS)

    assert windows.acquire(b"other", FIVE_IN_TEN_SECONDS) == 0


def test_memory_is_bounded_and_the_busiest_key_is_kept(clock: StandingClock) -> None:
    windows = LocalWindows(clock, capacity=100)
    busy = [windows.acquire(b"busy", FIVE_IN_TEN_SECONDS) for _ in range(5)]
    for number in range(1_000):
        windows.acquire(number.to_bytes(4, "big"), FIVE_IN_TEN_SECONDS)
        assert windows.acquire(b"busy", FIVE_IN_TEN_SECONDS) > 0

    assert busy == [0] * 5
    assert len(windows) == 100


def test_given_32_threads_exactly_the_limit_passes(clock: StandingClock) -> None:
    windows = LocalWindows(clock)
    limits = parse_many("50/minute;70/hour")

    with ThreadPoolExecutor(32) as pool:
        waits = list(pool.map(lambda _: windows.acquire(b"key", limits), range(2_000)))

    assert waits.count(0) == 50

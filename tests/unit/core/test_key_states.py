"""The states that time gives signing keys: a pure function of the records and the moment."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from backend.core.keyring import KeyRecord, Purpose, State
from backend.core.keyring.models import judge

START = datetime(2026, 1, 1, tzinfo=UTC)


def record(generation: int, active_hours: float, verify_hours: float = 2, revoked_hours: float | None = None):
    return KeyRecord(
        purpose=Purpose.TOKEN,
        generation=generation,
        kid=f"{generation:016x}",
        algorithm="ES256",
        public={},
        created_at=START,
        active_from=START + timedelta(hours=active_hours),
        verify_for=timedelta(hours=verify_hours),
        revoked_at=None if revoked_hours is None else START + timedelta(hours=revoked_hours),
    )


def states(records, hours: float) -> dict[int, State]:
    return {s.record.generation: s.state for s in judge(tuple(records), START + timedelta(hours=hours))}


def test_a_key_goes_from_announced_over_active_and_retired_to_gone():
    keys = [record(1, 0), record(2, 24), record(3, 48)]
    walked = [states(keys, hours)[2] for hours in (0, 23.99, 24, 47.99, 48, 49.99, 50)]
    assert walked == [
        State.ANNOUNCED,
        State.ANNOUNCED,
        State.ACTIVE,
        State.ACTIVE,
        State.RETIRED,
        State.RETIRED,
        State.GONE,
    ]


def test_the_successor_tells_how_long_its_predecessor_verifies():
    first, second = judge((record(1, 0, 99), record(2, 24, 5)), START)
    assert first.retire_at == START + timedelta(hours=29)
    assert second.retire_at is None


def test_a_later_rotation_that_becomes_active_earlier_does_not_cut_the_line():
    keys = [record(1, 0), record(2, 24), record(3, 1)]
    assert states(keys, 2) == {1: State.RETIRED, 2: State.ANNOUNCED, 3: State.ACTIVE}
    assert states(keys, 24) == {1: State.GONE, 2: State.ACTIVE, 3: State.RETIRED}


def test_of_two_keys_active_from_the_same_moment_the_higher_generation_signs():
    assert states([record(2, 1), record(1, 1)], 1) == {1: State.RETIRED, 2: State.ACTIVE}


def test_a_revoked_key_is_gone_from_that_moment_and_still_ends_the_one_before_it():
    keys = [record(1, 0), record(2, 10, 4, revoked_hours=12), record(3, 12)]
    assert states(keys, 12) == {1: State.RETIRED, 2: State.GONE, 3: State.ACTIVE}
    assert states(keys, 14)[1] is State.GONE


def test_a_key_revoked_before_its_time_never_ended_anything():
    keys = [record(1, 0), record(2, 10, revoked_hours=5)]
    assert states(keys, 20) == {1: State.ACTIVE, 2: State.GONE}
    assert judge(tuple(keys), START)[0].retire_at is None


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8),
    st.integers(0, 120),
)
def test_exactly_one_key_is_active_at_any_moment_after_the_first(gaps, hours):
    keys = [record(1, 0), *(record(n, active, verify) for n, (active, verify) in enumerate(gaps, 2))]
    found = states(keys, hours)
    assert list(found.values()).count(State.ACTIVE) == 1
    newest = max(
        (k for k in keys if k.active_from <= START + timedelta(hours=hours)),
        key=lambda k: (k.active_from, k.generation),
    )
    assert found[newest.generation] is State.ACTIVE

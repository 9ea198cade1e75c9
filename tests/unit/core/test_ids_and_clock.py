"""Identifiers and times."""

import re
from datetime import UTC, datetime, timedelta

from backend.core.clock import CHINA, SystemClock, epoch, from_epoch, local_iso
from backend.core.ids import new_id, new_secret


def test_ids_are_26_characters_and_never_the_same():
    made = {new_id() for _ in range(20_000)}
    assert len(made) == 20_000
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", one) for one in made)


def test_ids_sort_by_the_millisecond_they_were_made_in():
    first = new_id()
    later = first
    while later[:10] == first[:10]:  # The next millisecond comes by itself.
        later = new_id()
    assert first < later


def test_a_secret_has_the_octets_asked_for():
    assert len(new_secret(32)) == 43


def test_the_system_clock_is_aware_utc_to_the_millisecond():
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_times_are_shown_in_utc_plus_8():
    moment = datetime(2026, 2, 28, 20, 30, 5, 999000, tzinfo=UTC)
    assert local_iso(moment) == "2026-03-01T04:30:05+08:00"
    assert CHINA.utcoffset(None) == timedelta(hours=8)


def test_a_numeric_date_comes_back():
    moment = datetime(2026, 2, 28, 20, 30, 5, tzinfo=UTC)
    assert from_epoch(epoch(moment)) == moment

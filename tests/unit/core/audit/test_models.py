"""The canonical bytes of an audit entry."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.audit.models import Actor, Entry, canonical, parse

AT = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
# Letters only: digits could happen to look like somebody's number.
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Nd"]), max_size=20)


def entry(**changes) -> Entry:
    given = {"action": "onecode.scan.accepted", "actor": Actor("staff", "desk-1")} | changes
    return Entry(**given)


def test_the_bytes_are_sorted_json_without_spaces_or_absent_fields() -> None:
    content = canonical("01k", AT, entry(subject="r1", place={"desk": "三号窗口", "city": "430100"}))

    assert content.decode() == (
        '{"action":"onecode.scan.accepted","actor":{"id":"desk-1","kind":"staff"},'
        '"at":"2026-01-02T03:04:05.006Z","detail":{},"id":"01k","outcome":"ok",'
        '"place":{"city":"430100","desk":"三号窗口"},"subject":"r1","v":1}'
    )


def test_the_same_moment_in_another_zone_gives_the_same_bytes() -> None:
    china = AT.astimezone(timezone(timedelta(hours=8)))

    assert canonical("01k", china, entry()) == canonical("01k", AT, entry())


@given(
    place=st.dictionaries(NAMES, TEXTS, max_size=3),
    detail=st.dictionaries(
        NAMES, TEXTS | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(TEXTS, max_size=3), max_size=4
    ),
    subject=st.none() | TEXTS,
    acting_for=st.none() | TEXTS,
)
def test_parsing_gives_back_what_was_written(place, detail, subject, acting_for) -> None:
    wrote = entry(
        actor=Actor("resident", "r1", acting_for),
        place=place,
        detail=detail,
        subject=subject,
        outcome="refused",
    )

    record = parse(canonical("01k", AT, wrote), 7)

    assert (record.id, record.at, record.entry, record.seq) == ("01k", AT, wrote, 7)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.replace(b'"v":1', b'"v":2'),
        lambda c: c.replace(b",", b", ", 1),
        lambda c: c.replace(b'"subject":"r1",', b'"subject":"r1","extra":1,'),
        lambda c: c.replace(b'"id":"01k",', b'"id":"01k","id":"01k",'),
        lambda c: c.replace(b'"outcome":"ok"', b'"outcome":null'),
        lambda c: c[:-1],
        lambda _: b"[]",
        lambda _: b"\xff",
        lambda _: orjson.dumps({"v": 1}),
    ],
)
def test_bytes_that_are_not_canonical_are_a_value_error(change) -> None:
    content = canonical("01k", AT, entry(subject="r1"))
    assert change(content) != content

    with pytest.raises(ValueError, match="audit entry"):
        parse(change(content), 0)


@pytest.mark.parametrize(
    "text", ["430102199001011234", "电话 13812345678", "13812345678", "43010219900101123x"]
)
@pytest.mark.parametrize("field", ["place", "detail"])
def test_what_looks_like_personal_data_is_not_taken(text: str, field: str) -> None:
    with pytest.raises(ValueError, match="personal data"):
        entry(**{field: {"note": text}})


def test_personal_data_is_found_inside_lists() -> None:
    with pytest.raises(ValueError, match="personal data"):
        entry(detail={"notes": ["fine", "13812345678"]})


@pytest.mark.parametrize(
    "text", ["0123456789012345678901234567890123456789", "01k5m13812345678xyz", "2026-01-01"]
)
def test_hashes_ids_and_dates_are_not_mistaken_for_it(text: str) -> None:
    assert entry(detail={"hash": text}).detail["hash"] == text


@pytest.mark.parametrize("action", ["scan", "", "Onecode.scan", "onecode..scan", "onecode.scan\n"])
def test_an_action_is_a_dotted_name(action: str) -> None:
    with pytest.raises(ValueError, match="dotted name"):
        entry(action=action)


def test_keys_are_plain_names_so_that_their_order_is_everyones() -> None:
    with pytest.raises(ValueError, match="plain name"):
        entry(detail={"姓名": "x"})


def test_integers_stay_within_what_json_readers_agree_on() -> None:
    with pytest.raises(ValueError, match="too large"):
        entry(detail={"n": 2**53})


def test_an_entry_has_a_largest_size() -> None:
    with pytest.raises(ValueError, match="too large"):
        canonical("01k", AT, entry(detail={"list": ["x" * 100] * 100}))

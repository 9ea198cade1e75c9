"""Pages and cursors."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import Refusal
from backend.core.paging import Page, PageRequest, decode_cursor, encode_cursor, moment_and_id


@pytest.mark.parametrize("first", [0, -1, 101, 10**9])
def test_a_page_size_out_of_bounds_is_refused(first):
    with pytest.raises(Refusal) as refused:
        PageRequest.of(first)
    assert (refused.value.code, refused.value.params) == ("BAD_INPUT", {"field": "first"})


@pytest.mark.parametrize("first", [1, 100])
def test_the_bounds_themselves_are_allowed(first):
    assert PageRequest.of(first) == PageRequest(first, None)


@given(st.text(max_size=60))
def test_a_cursor_comes_back_as_its_key(key):
    assert decode_cursor(encode_cursor(key)) == key


@given(st.text(max_size=400))
def test_a_foreign_cursor_is_refused_and_nothing_else_is_raised(cursor):
    try:
        key = decode_cursor(cursor)
    except Refusal:
        return
    assert decode_cursor(encode_cursor(key)) == key


@pytest.mark.parametrize("cursor", ["!!!", "YWJj", "a" * 300, "é"])
def test_what_is_no_cursor_of_ours_is_bad_input(cursor):
    with pytest.raises(Refusal) as refused:
        PageRequest.of(10, cursor)
    assert refused.value.params == {"field": "after"}


def test_a_page_is_cut_from_one_item_more_than_was_asked():
    page = Page.cut(["a", "b", "c"], PageRequest(2), lambda item: item)
    assert page.items == ("a", "b")
    assert page.has_next
    assert [decode_cursor(cursor) for cursor in page.cursors] == ["a", "b"]


def test_the_last_page_has_none_after_it():
    page = Page.cut(["a", "b"], PageRequest(2), lambda item: item)
    assert not page.has_next
    assert page.map(str.upper).items == ("A", "B")


def test_the_sort_key_of_a_moment_and_an_id_comes_apart():
    assert moment_and_id("2026-01-01T08:00:00+08:00 e 1") == (datetime(2026, 1, 1, tzinfo=UTC), "e 1")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "soon e1",
        "2026-01-01T00:00:00 e1",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00+00:00 ",
        "0001-01-01T00:00:00+23:59 e1",
        "9999-12-31T23:59:59-23:59 e1",
    ],
)
def test_a_sort_key_without_a_moment_that_can_be_is_bad_input(key):
    with pytest.raises(Refusal) as refused:
        moment_and_id(key)
    assert refused.value.params == {"field": "after"}

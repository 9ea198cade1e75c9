from datetime import timedelta

import pytest

from backend.core.clock import epoch
from backend.exchange.signing import (
    CALLER_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    WINDOW,
    is_signed_by,
    signed_headers,
)
from tests.fakes import StandingClock

NOW = StandingClock().now()
KEY = b"key of the pair"
REQUEST = {"caller": "tongyu", "key": KEY, "method": "POST", "path": "/x", "content": b"{}"}


def verify(*, at=NOW, moment=None, signature=None, **changes):
    headers = signed_headers(**REQUEST, now=NOW)
    return is_signed_by(
        **(REQUEST | changes),
        moment=headers[TIME_HEADER] if moment is None else moment,
        signature=headers[SIGNATURE_HEADER] if signature is None else signature,
        now=at,
    )


def test_the_headers_name_the_caller_and_the_time():
    headers = signed_headers(**REQUEST, now=NOW)
    assert headers[CALLER_HEADER] == "tongyu"
    assert headers[TIME_HEADER] == str(epoch(NOW))


def test_an_untouched_request_verifies_to_the_ends_of_the_window():
    assert verify()
    assert verify(at=NOW + WINDOW)
    assert verify(at=NOW - WINDOW)


@pytest.mark.parametrize("late", [WINDOW + timedelta(seconds=1), -WINDOW - timedelta(seconds=1)])
def test_outside_the_window_it_does_not(late):
    assert not verify(at=NOW + late)


@pytest.mark.parametrize(
    "change",
    [
        {"caller": "other"},
        {"key": b"other"},
        {"method": "GET"},
        {"path": "/y"},
        {"content": b"{ }"},
        {"moment": str(epoch(NOW) + 1)},
        {"moment": ""},
        {"moment": "１"},
        {"signature": ""},
        {"signature": "é"},
    ],
    ids=str,
)
def test_a_change_of_anything_signed_is_noticed(change):
    assert not verify(**change)

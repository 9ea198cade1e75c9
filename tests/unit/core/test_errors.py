"""Coded errors and the choice of language."""

import pytest

from backend.core.errors import Refusal, choose_locale, message


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-TW", "zh-CN"),
        ("fr, en;q=0.5, zh;q=0.4", "en"),
        ("en;q=0.3, zh-CN;q=0.8", "zh-CN"),
        ("fr", "zh-CN"),
        ("en;q=nonsense", "en"),
        ("*", "zh-CN"),
        ("e" * 5000, "zh-CN"),
    ],
)
def test_the_first_language_that_we_speak_is_chosen_by_weight(header, locale):
    assert choose_locale(header) == locale


def test_a_refusal_says_its_sentence_in_both_languages():
    refusal = Refusal("RATE_LIMITED", retry_after=30, seconds=30)
    assert refusal.message("en") == "Too many attempts; try again in 30 seconds"
    assert refusal.message() == "操作过于频繁，请在 30 秒后重试"
    assert (refusal.code, refusal.retry_after) == ("RATE_LIMITED", 30)


def test_a_message_without_its_parameter_is_a_fault():
    with pytest.raises(KeyError):
        message("RATE_LIMITED", "en")

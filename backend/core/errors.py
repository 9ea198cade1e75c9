"""Coded errors: every expected refusal has a stable code and a message in zh-CN and en.

A feature folder keeps its messages in `messages.toml`, one table a code:

    [CODE_EXPIRED]
    zh = "二维码已过期，请刷新后重试"
    en = "The code has expired; refresh it and try again"
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Locale = Literal["zh-CN", "en"]
DEFAULT_LOCALE: Locale = "zh-CN"

_PACKAGES = ("backend", "notifications", "graphql_schema")


class Refusal(Exception):
    """An expected outcome that is not success: a business rule, a limit, a bad input.

    `code` is stable and public; `params` fill the message and must hold no personal data;
    `retry_after` is in whole seconds.
    """

    def __init__(self, code: str, *, retry_after: int | None = None, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params
        self.retry_after = retry_after

    def message(self, locale: Locale = DEFAULT_LOCALE) -> str:
        """The sentence for a person, in their language."""
        return message(self.code, locale, self.params)


class Misconfigured(Exception):
    """Something that whoever runs the system has to mend; the text says what and how, and names no secret."""


def message(code: str, locale: Locale, params: Mapping[str, str | int] | None = None) -> str:
    """The catalogue's sentence for `code`; raises KeyError for a code without one."""
    language: Literal["zh", "en"] = "zh" if locale == "zh-CN" else "en"
    return catalogue()[code][language].format_map(dict(params or {}))


def choose_locale(accept_language: str | None) -> Locale:
    """The first language of an Accept-Language header (RFC 9110 §12.5.4) that we speak, by weight."""
    weighted: list[tuple[float, int, Locale]] = []
    for position, part in enumerate((accept_language or "")[:200].split(",")):
        tag, _, parameters = part.strip().partition(";")
        locale = _spoken(tag)
        if locale is not None:
            weighted.append((-_weight(parameters), position, locale))
    return min(weighted)[2] if weighted else DEFAULT_LOCALE


def _spoken(tag: str) -> Locale | None:
    primary = tag.lower().partition("-")[0]
    return next((locale for locale in get_args(Locale) if locale.lower().partition("-")[0] == primary), None)


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


@cache
def catalogue() -> Mapping[str, Mapping[str, str]]:
    """All messages of all feature folders, by code; a code defined twice is a ValueError."""
    found: dict[str, Mapping[str, str]] = {}
    for package in _PACKAGES:
        root = files(package)
        for folder in [root, *sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.name)]:
            source = folder / "messages.toml"
            if not source.is_file():
                continue
            for code, texts in tomllib.loads(source.read_text("utf-8")).items():
                if code in found:
                    raise ValueError(f"message {code} is defined twice")
                found[code] = texts
    return found

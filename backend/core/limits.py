"""Rate limits: named rules, declared as data, counted for all processes together or for one."""

import hashlib
import hmac
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from ipaddress import IPv6Address, IPv6Network
from typing import Literal, get_args

from limits import RateLimitItem, parse_many

from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.mongo.client import Db
from backend.core.windows import LocalWindows, SharedWindows, Windows

Storage = Literal["shared", "local"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How often something may happen: every limit must have room. `storage` says who counts."""

    limits: tuple[RateLimitItem, ...]
    storage: Storage

    @classmethod
    def parse(cls, limits: str, storage: str) -> "Rule":
        """A rule from the notation of the `limits` library ("5/10minute;20/day"); raises ValueError."""
        known: dict[str, Storage] = {name: name for name in get_args(Storage)}
        if storage not in known:
            raise ValueError(f"storage must be shared or local, not {storage!r}")
        return cls(tuple(parse_many(limits)), known[storage])


@cache
def declared_rules() -> Mapping[str, Rule]:
    """The rules of `rate_limits.toml` by name."""
    text = files("backend.core").joinpath("rate_limits.toml").read_text("utf-8")
    return {name: Rule.parse(**fields) for name, fields in tomllib.loads(text).items()}


class RateLimits:
    """Counts hits by rule and key; no key is stored, only its HMAC under `key` (at least 32 bytes)."""

    def __init__(self, db: Db, key: bytes, clock: Clock, rules: Mapping[str, Rule] | None = None) -> None:
        self._key = key
        self._rules = declared_rules() if rules is None else rules
        self._windows: Mapping[Storage, Windows] = {
            "shared": SharedWindows(db, clock),
            "local": LocalWindows(clock),
        }

    def hit(self, rule: str, *keys: str) -> None:
        """Counts one attempt of `rule` by the one party that `keys` name together.

        An IPv6 address counts as its /64 network, which is what one subscriber has (RFC 6177 §2).
        Raises Refusal RATE_LIMITED with the seconds to wait when any of the rule's limits has no room; such
        an attempt isn't counted. An unknown rule is a KeyError. Call it outside transactions: an attempt
        counts even if what follows is rolled back.
        """
        declared = self._rules[rule]
        seconds = self._windows[declared.storage].acquire(self._digest(rule, keys), declared.limits)
        if seconds > 0:
            raise Refusal("RATE_LIMITED", seconds=seconds, retry_after=seconds)

    def _digest(self, rule: str, keys: tuple[str, ...]) -> bytes:
        parts = (part.encode() for part in (rule, *map(_party, keys)))
        framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, framed, hashlib.sha256)


def _party(key: str) -> str:
    """The key, or the network behind it when it is an IPv6 address."""
    if ":" not in key:
        return key
    try:
        address = IPv6Address(key)
    except ValueError:
        return key
    return str(address.ipv4_mapped or IPv6Network((address.packed, 64), strict=False))

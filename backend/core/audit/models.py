"""What an audit entry says, and the bytes that are hashed for it."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

ActorKind = Literal["resident", "staff", "system"]
Outcome = Literal["ok", "refused"]
Detail = Mapping[str, str | int | Sequence[str]]

VERSION: Final = 1
MAX_CONTENT: Final = 8 * 1024
_SAFE_INTEGER: Final = 2**53 - 1
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
# What no erasure could take out again: mainland ID numbers, other permits' numbers, mobile numbers.
_PERSONAL = re.compile(r"(?<!\w)(\d{17}[\dXx]|1[3-9]\d{9}|[A-Za-z]{3}\d{12})(?!\w)")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted. `id` is an opaque id of ours; `acting_for` the resident whom a delegate stands in for."""

    kind: ActorKind
    id: str
    acting_for: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed worth a trace. It never holds personal data: of a sealed value, at most its ciphertext's hash.

    `action` is a dotted name such as `onecode.scan.accepted`; `subject` the resident whose data it touched;
    `code` the refusal's code; `place` names city, department and desk; `reference` the case, scan or request
    it belongs to. Raises ValueError for an action or key that isn't a plain name, an integer beyond ±(2^53−1)
    (RFC 7493 §2.2), or text in `place` or `detail` that has the shape of an ID or mobile number.
    """

    action: str
    actor: Actor
    subject: str | None = None
    outcome: Outcome = "ok"
    code: str | None = None
    purpose: str | None = None
    domain: str | None = None
    place: Mapping[str, str] = field(default_factory=dict)
    reference: str | None = None
    detail: Detail = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _ACTION.fullmatch(self.action):
            raise ValueError(f"an audit action is a dotted name, not {self.action!r}")
        for key, value in (*self.place.items(), *self.detail.items()):
            if not _NAME.fullmatch(key):
                raise ValueError(f"an audit detail's key is a plain name, not {key!r}")
            _check(key, value)


def _check(key: str, value: str | int | Sequence[str]) -> None:
    if isinstance(value, int):
        if abs(value) > _SAFE_INTEGER:
            raise ValueError(f"the integer in {key!r} is too large for JSON")
    elif any(_PERSONAL.search(text) for text in _texts(value)):
        raise ValueError(f"{key!r} looks like personal data, which an audit entry never holds")


def _texts(value: str | Sequence[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        yield from value


@dataclass(frozen=True, slots=True)
class Record:
    """An entry as it was stored; `seq` is its place in the log from 0, None while it waits for one."""

    id: str
    at: datetime
    entry: Entry
    seq: int | None
    content: bytes


def canonical(entry_id: str, at: datetime, entry: Entry) -> bytes:
    """The bytes that stand for the entry in the log: canonical JSON (RFC 8785), absent fields left out.

    `at` is aware and kept to the millisecond, in UTC. Keys are ASCII and numbers are safe integers, so sorted
    keys without white space are all that RFC 8785 asks. Raises ValueError above 8 KiB.
    """
    fields: dict[str, Any] = {
        "v": VERSION,
        "id": entry_id,
        "at": instant(at),
        "action": entry.action,
        "actor": _present(
            {"kind": entry.actor.kind, "id": entry.actor.id, "acting_for": entry.actor.acting_for}
        ),
        "subject": entry.subject,
        "outcome": entry.outcome,
        "code": entry.code,
        "purpose": entry.purpose,
        "domain": entry.domain,
        "place": dict(entry.place),
        "reference": entry.reference,
        "detail": dict(entry.detail),
    }
    content = orjson.dumps(_present(fields), option=orjson.OPT_SORT_KEYS)
    if len(content) > MAX_CONTENT:
        raise ValueError(f"an audit entry of {len(content)} bytes is too large")
    return content


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-01T00:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def parse(content: bytes, seq: int | None) -> Record:
    """The entry that canonical bytes stand for; ValueError when they aren't canonical bytes of ours."""
    try:
        fields = orjson.loads(content)
        record = _record(fields, seq, content)
    except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError) as fault:
        raise ValueError("not the content of an audit entry") from fault
    if canonical(record.id, record.at, record.entry) != content:
        raise ValueError("not the canonical form of an audit entry")
    return record


def _record(fields: Mapping[str, Any], seq: int | None, content: bytes) -> Record:
    actor = fields["actor"]
    entry = Entry(
        action=fields["action"],
        actor=Actor(actor["kind"], actor["id"], actor.get("acting_for")),
        subject=fields.get("subject"),
        outcome=fields["outcome"],
        code=fields.get("code"),
        purpose=fields.get("purpose"),
        domain=fields.get("domain"),
        place=fields["place"],
        reference=fields.get("reference"),
        detail=fields["detail"],
    )
    return Record(fields["id"], datetime.fromisoformat(fields["at"]), entry, seq, content)


def digest(content: bytes) -> bytes:
    """SHA-256 of an entry's canonical bytes."""
    return hashlib.sha256(content).digest()

"""CBOR (RFC 8949), decoded strictly: one encoding for each value, small bounds, nothing but our coded error.

A general decoder builds dates, big numbers and regular expressions from tags, forgets duplicate keys and
ignores what follows. This one knows what COSE and CWT use and refuses the rest: indefinite lengths,
arguments longer than they need be (§4.2.1), duplicate keys, keys that are neither integers nor strings,
nesting deeper than 16, unknown simple values, and bytes after the value. Encoding is cbor2's.
"""

import struct
from dataclasses import dataclass
from typing import Final

import cbor2

from backend.onecode.wire.errors import malformed

MAX_DEPTH: Final = 16
_WIDTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LEAST: Final = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}
_FLOATS: Final = {25: ">e", 26: ">f", 27: ">d"}
_SIMPLE: Final[dict[int, bool | None]] = {20: False, 21: True, 22: None}

Item = tuple[object, int]


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag and its content (RFC 8949 §3.4)."""

    tag: int
    content: object


def decode(data: bytes) -> object:
    """The one value that `data` is: int, bytes, str, list, dict, float, bool, None or Tagged.

    Raises CodeRejected(CODE_MALFORMED) for anything else. The caller bounds the size.
    """
    try:
        value, end = _item(data, 0, MAX_DEPTH)
    except IndexError:
        raise malformed("cbor: truncated") from None
    if end != len(data):
        raise malformed("cbor: bytes after the value")
    return value


def encode(value: object) -> bytes:
    """`value` in deterministic encoding (RFC 8949 §4.2.1; keys of the caller's maps are in order already)."""
    return cbor2.dumps(value)


def _item(data: bytes, at: int, depth: int) -> Item:
    head = data[at]
    at += 1
    if head < 24:
        return head, at
    info = head & 31
    if head >= 0xE0:
        return _simple(data, at, info)
    if info >= 24:
        info, at = _argument(data, at, info)
    return _READERS[head >> 5](data, at, info, depth)


def _argument(data: bytes, at: int, info: int) -> tuple[int, int]:
    if info not in _WIDTHS:
        raise malformed("cbor: indefinite or reserved length")
    end = at + _WIDTHS[info]
    if end > len(data):
        raise malformed("cbor: truncated")
    value = int.from_bytes(data[at:end], "big")
    if value < _LEAST[info]:
        raise malformed("cbor: longer encoding than needed")
    return value, end


def _unsigned(_data: bytes, at: int, value: int, _depth: int) -> Item:
    return value, at


def _negative(_data: bytes, at: int, value: int, _depth: int) -> Item:
    return -1 - value, at


def _bytes(data: bytes, at: int, length: int, _depth: int) -> tuple[bytes, int]:
    end = at + length
    if end > len(data):
        raise malformed("cbor: truncated")
    return data[at:end], end


def _text(data: bytes, at: int, length: int, depth: int) -> Item:
    octets, end = _bytes(data, at, length, depth)
    try:
        return octets.decode("utf-8"), end
    except UnicodeDecodeError:
        raise malformed("cbor: text that isn't UTF-8") from None


def _array(data: bytes, at: int, length: int, depth: int) -> Item:
    _bound(data, at, length, depth)
    items: list[object] = []
    for _ in range(length):
        item, at = _item(data, at, depth - 1)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, length: int, depth: int) -> Item:
    _bound(data, at, 2 * length, depth)
    items: dict[object, object] = {}
    for _ in range(length):
        key, at = _item(data, at, depth - 1)
        if not isinstance(key, int | str | bytes) or isinstance(key, bool):
            raise malformed("cbor: a key that is neither an integer nor a string")
        if key in items:
            raise malformed("cbor: duplicate key")
        items[key], at = _item(data, at, depth - 1)
    return items, at


def _tag(data: bytes, at: int, tag: int, depth: int) -> Item:
    _bound(data, at, 1, depth)
    content, at = _item(data, at, depth - 1)
    return Tagged(tag, content), at


def _bound(data: bytes, at: int, items: int, depth: int) -> None:
    """Every item takes a byte at least, so that a huge count is refused before anything is built."""
    if depth == 0:
        raise malformed("cbor: nested too deeply")
    if items > len(data) - at:
        raise malformed("cbor: truncated")


def _simple(data: bytes, at: int, info: int) -> Item:
    if info in _SIMPLE:
        return _SIMPLE[info], at
    if info not in _FLOATS:
        raise malformed("cbor: unknown simple value")
    octets, end = _bytes(data, at, _WIDTHS[info], 0)
    return struct.unpack(_FLOATS[info], octets)[0], end


_READERS: Final = (_unsigned, _negative, _bytes, _text, _array, _map, _tag)

"""Strict CBOR: what cbor2 writes reads back, and everything else is refused with our code."""

import struct

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.onecode.wire import cbor
from backend.onecode.wire.errors import CodeRejected

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=40)
    | st.floats(allow_nan=False)
)
KEYS = st.integers(-(2**64), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_what_a_general_encoder_writes_is_read_back(value: object) -> None:
    assert cbor.decode(cbor2.dumps(value)) == value


@pytest.mark.parametrize(
    "number", [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, -1, -24, -25, -(2**64)]
)
def test_integers_at_the_bounds_of_each_length(number: int) -> None:
    assert cbor.decode(cbor2.dumps(number)) == number


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("nothing", ""),
        ("a byte after", "0000"),
        ("number in more bytes than needed", "1817"),
        ("number in two bytes too many", "190018"),
        ("number in eight bytes", "1b00000000ffffffff"),
        ("negative number too long", "3800"),
        ("length too long", "580161"),
        ("array length too long", "980100"),
        ("indefinite bytes", "5f4161ff"),
        ("indefinite text", "7f6161ff"),
        ("indefinite array", "9f00ff"),
        ("indefinite map", "bf0000ff"),
        ("reserved length", "1c"),
        ("break alone", "ff"),
        ("cut in the argument", "19ff"),
        ("cut in a byte string", "450011"),
        ("cut in an array", "830000"),
        ("cut in a map", "a10000"[:4]),
        ("array of four thousand million", "9affffffff"),
        ("byte string of eight exabytes", "5b7fffffffffffffff"),
        ("duplicate key", "a201000100"),
        ("duplicate text key", "a2616100616100"),
        ("array as a key", "a18000"),
        ("true as a key", "a1f500"),
        ("floating-point key", "a1f9000000"),
        ("text that is not UTF-8", "62c328"),
        ("undefined", "f7"),
        ("simple value 255", "f8ff"),
        ("cut float", "fa0000"),
        ("tag without content", "c1"),
    ],
)
def test_everything_else_is_refused(name: str, encoded: str) -> None:
    with pytest.raises(CodeRejected) as refused:
        cbor.decode(bytes.fromhex(encoded))
    assert refused.value.code == "CODE_MALFORMED"


def test_nesting_has_a_bound() -> None:
    assert cbor.decode(b"\x81" * cbor.MAX_DEPTH + b"\x00")
    for head in (b"\x81", b"\xc1", b"\xa1\x00"):
        with pytest.raises(CodeRejected):
            cbor.decode(head * 5000 + b"\x00")


def test_a_tag_is_kept_as_a_tag_and_never_interpreted() -> None:
    assert cbor.decode(cbor2.dumps(cbor2.CBORTag(1, 0))) == cbor.Tagged(1, 0)


def test_floats_of_each_width() -> None:
    for octets in (b"\xf9\x3e\x00", b"\xfa\x3f\xc0\x00\x00", b"\xfb" + struct.pack(">d", 1.5)):
        assert cbor.decode(octets) == 1.5


@settings(max_examples=1500)
@given(st.binary(max_size=80))
def test_what_is_read_has_no_other_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except CodeRejected:
        return
    if not {0xF9, 0xFA, 0xFB} & set(data):  # floats may be written in several widths
        assert cbor2.dumps(_untagged(value)) == data


def _untagged(value: object) -> object:
    if isinstance(value, cbor.Tagged):
        return cbor2.CBORTag(value.tag, _untagged(value.content))
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if isinstance(value, dict):
        return {key: _untagged(item) for key, item in value.items()}
    return value

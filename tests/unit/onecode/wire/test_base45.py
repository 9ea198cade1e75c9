"""Base45 (RFC 9285): its examples, all groups, and one spelling for each byte string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.onecode.wire import base45
from backend.onecode.wire.errors import CodeRejected


def spelled_out(data: bytes) -> str:
    """RFC 9285 §4, step by step."""
    text = ""
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        number, places = int.from_bytes(pair, "big"), 3 if len(pair) == 2 else 2
        for _ in range(places):
            number, digit = divmod(number, 45)
            text += base45.ALPHABET[digit]
    return text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
    ],
)
def test_the_examples_of_the_standard(data: bytes, text: str) -> None:
    assert base45.encode(data) == text
    assert base45.decode(text) == data


def test_every_group_of_two_bytes_and_every_last_byte() -> None:
    for number in range(1 << 16):
        pair = number.to_bytes(2, "big")
        assert base45.decode(spelled_out(pair)) == pair
    everything = b"".join(number.to_bytes(2, "big") for number in range(1 << 16))
    assert base45.encode(everything) == spelled_out(everything)
    assert base45.decode(base45.encode(everything)) == everything
    for octet in range(256):
        assert base45.encode(bytes((octet,))) == spelled_out(bytes((octet,)))


@given(st.binary(max_size=600))
def test_encoding_is_the_standards_and_decoding_is_its_inverse(data: bytes) -> None:
    assert base45.encode(data) == spelled_out(data)
    assert base45.decode(spelled_out(data)) == data


@given(st.text(alphabet=base45.ALPHABET, max_size=60))
def test_what_decodes_is_spelled_in_that_one_way(text: str) -> None:
    try:
        data = base45.decode(text)
    except CodeRejected:
        return
    assert spelled_out(data) == text


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "bb8",
        "BB8 \u00df",
        "BB#",
        "BB8A",
        ":::",
        "GGW",
        "BB8:::",
        "V5",
        "::",
        "0\n0",
        "\x00\x00\x00",
        "A" * 196_609,
    ],
)
def test_what_is_not_base45_is_refused(text: str) -> None:
    with pytest.raises(CodeRejected) as refused:
        base45.decode(text)
    assert refused.value.code == "CODE_MALFORMED"


def test_the_largest_group_counts_and_the_next_one_does_not() -> None:
    assert base45.decode("FGW") == b"\xff\xff"
    with pytest.raises(CodeRejected):
        base45.decode("GGW")

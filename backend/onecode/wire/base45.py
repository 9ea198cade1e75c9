"""Base45 (RFC 9285), strict: one spelling for each byte string.

The kept libraries accept lower case or overflowing groups, or take hundreds of microseconds a code,
where a whole offline verification has a budget of about 130. Here all groups of three characters are
computed side by side, as lanes of one long integer; the arithmetic is RFC 9285 §4's.
"""

from typing import Final

from backend.onecode.wire.errors import malformed

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_INVALID: Final = 255
_VALUES: Final = bytes(ALPHABET.find(chr(octet)) % 256 for octet in range(256))  # -1 becomes 255.
_LETTERS: Final = bytes(ord(ALPHABET[value % 45]) for value in range(256))
# floor(n/d) is n*ceil(2**32/d) >> 32 for all n < 65536 and both divisors: a test tries all of them.
_BY_2025: Final = -(-(1 << 32) // 2025)
_BY_45: Final = -(-(1 << 32) // 45)
MAX_TEXT: Final = 3 * (1 << 16)
_LOW: Final = int.from_bytes(b"\x00\x00\xff" * (MAX_TEXT // 3), "big")  # the last of each three octets.
_OVERFLOW: Final = _LOW << 16
_LANE: Final = 8  # bytes of a lane, so that a product of 16 and 32 bits can't reach the next one.


def decode(text: str) -> bytes:
    """The bytes that `text` spells; refuses other characters, lower case, overflow and a lone last one.

    Longer than `MAX_TEXT` (196,608 characters) is refused too.
    """
    if len(text) > MAX_TEXT:
        raise malformed("base45: too long")
    try:
        values = text.encode("ascii").translate(_VALUES)
    except UnicodeEncodeError:
        raise malformed("base45: a character outside the alphabet") from None
    if _INVALID in values:
        raise malformed("base45: a character outside the alphabet")
    rest = len(values) % 3
    return _triples(values[: len(values) - rest]) + _tail(values[len(values) - rest :])


def _triples(values: bytes) -> bytes:
    lanes = int.from_bytes(values, "big")
    total = ((lanes >> 16) & _LOW) + 45 * ((lanes >> 8) & _LOW) + 2025 * (lanes & _LOW)
    if total & _OVERFLOW:
        raise malformed("base45: a group above 65535")
    octets = bytearray(total.to_bytes(len(values), "big"))
    del octets[::3]
    return bytes(octets)


def _tail(values: bytes) -> bytes:
    if not values:
        return b""
    value = values[0] + 45 * values[1] if len(values) == 2 else 256
    if value > 255:
        raise malformed("base45: a bad last group")
    return bytes((value,))


def encode(data: bytes) -> str:
    """The one spelling of `data`, in capitals, digits, space and `$%*+-./:` (QR alphanumeric mode)."""
    pairs, odd = divmod(len(data), 2)
    digits = bytearray(3 * pairs + 2 * odd)
    if pairs:
        numbers = bytearray(_LANE * pairs)
        numbers[6::_LANE] = data[0 : 2 * pairs : 2]
        numbers[7::_LANE] = data[1 : 2 * pairs : 2]
        rest = int.from_bytes(numbers, "big")
        high = _quotients(rest, _BY_2025, pairs)
        rest -= 2025 * _spread(high)
        middle = _quotients(rest, _BY_45, pairs)
        low = (rest - 45 * _spread(middle)).to_bytes(_LANE * pairs, "big")
        digits[0 : 3 * pairs : 3], digits[1 : 3 * pairs : 3] = low[_LANE - 1 :: _LANE], middle
        digits[2 : 3 * pairs : 3] = high
    if odd:
        digits[-2:] = (data[-1] % 45, data[-1] // 45)
    return digits.translate(_LETTERS).decode("ascii")


def _quotients(lanes: int, reciprocal: int, count: int) -> bytes:
    """floor(lane / divisor) of each lane as one byte: the byte just above the product's low 32 bits."""
    return (lanes * reciprocal).to_bytes(_LANE * count, "big")[3::_LANE]


def _spread(values: bytes) -> int:
    wide = bytearray(_LANE * len(values))
    wide[_LANE - 1 :: _LANE] = values
    return int.from_bytes(wide, "big")

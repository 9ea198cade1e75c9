"""The code as text: `YM1:` and the base45 of the CBOR array [credential, proof, signature]."""

from typing import Final, NamedTuple

from backend.onecode.wire import base45
from backend.onecode.wire.errors import CodeRejected, malformed
from backend.onecode.wire.proof import SignedProof

PREFIX: Final = "YM1:"
MAX_BYTES: Final = 512
MAX_TEXT: Final = len(PREFIX) + MAX_BYTES // 2 * 3

_LEAST_BYTES: Final = 128


class CodeParts(NamedTuple):
    """A code taken apart: its binary form, and the three byte strings in it."""

    binary: bytes
    credential: bytes
    proof: bytes
    signature: bytes


def build_code(credential: bytes, proof: SignedProof) -> str:
    """The text of a code, for a QR symbol in alphanumeric mode; ValueError for a part above 255 bytes."""
    parts = (credential, proof.proof, proof.signature)
    if max(map(len, parts)) > 255:
        raise ValueError("no part of a code has more than 255 bytes")
    return PREFIX + base45.encode(b"\x83" + b"".join(_bstr(part) for part in parts))


def parse_code(text: str) -> CodeParts:
    """The parts of a code's text; CODE_TOO_LONG or CODE_MALFORMED when it is not one."""
    if len(text) > MAX_TEXT:
        raise CodeRejected("CODE_TOO_LONG")
    if not text.startswith(PREFIX):
        raise malformed("code: doesn't begin with YM1:")
    binary = base45.decode(text[4:])
    if binary[:2] != b"\x83\x58" or len(binary) < _LEAST_BYTES or binary[2] < 24:
        raise malformed("code: not an array that begins with a credential")
    end = 3 + binary[2]
    rest = binary[end:-66]
    proof = rest[1:] if rest[:1] < b"\x58" else rest[2:]
    if len(proof) > 40 or _bstr(proof) != rest or binary[-66:-64] != b"\x58\x40":
        raise malformed("code: not three byte strings, the last of 64 bytes")
    return CodeParts(binary, binary[3:end], proof, binary[-64:])


def _bstr(data: bytes) -> bytes:
    size = len(data)
    return b"%c%b" % (0x40 + size, data) if size < 24 else b"\x58%c%b" % (size, data)

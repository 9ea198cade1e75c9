"""The code as text: `YM1:` and the base45 of the CBOR array [credential, proof, signature]."""

import re
from typing import Final, NamedTuple

from backend.onecode.wire import base45
from backend.onecode.wire.errors import CodeRejected, malformed
from backend.onecode.wire.proof import SignedProof

PREFIX: Final = "YM1:"
MAX_BYTES: Final = 512
MAX_TEXT: Final = len(PREFIX) + MAX_BYTES // 2 * 3

_HEAD: Final = re.compile(rb"\x83(?:\x58[\x18-\xff]|\x59\x01[\x00-\xff])", re.DOTALL)


class CodeParts(NamedTuple):
    """A code taken apart: its binary form, and the three byte strings in it."""

    binary: bytes
    credential: bytes
    proof: bytes
    signature: bytes


def build_code(credential: bytes, proof: SignedProof) -> str:
    """The text of a code, for a QR symbol in alphanumeric mode; ValueError above 512 bytes."""
    binary = b"\x83" + b"".join(_bstr(part) for part in (credential, proof.proof, proof.signature))
    if len(binary) > MAX_BYTES:
        raise ValueError("a code is at most 512 bytes")
    return PREFIX + base45.encode(binary)


def parse_code(text: str) -> CodeParts:
    """The parts of a code's text; CODE_TOO_LONG or CODE_MALFORMED when it is not one."""
    if len(text) > MAX_TEXT:
        raise CodeRejected("CODE_TOO_LONG")
    if not text.startswith(PREFIX):
        raise malformed("code: doesn't begin with YM1:")
    binary = base45.decode(text[4:])
    head = _HEAD.match(binary)
    if head is None:
        raise malformed("code: not an array of three byte strings")
    start = head.end()
    credential_end = start + int.from_bytes(binary[2:start], "big")
    proof = _proof_at(binary, credential_end)
    proof_end = credential_end + (1 if len(proof) < 24 else 2) + len(proof)
    if binary[proof_end : proof_end + 2] != b"\x58\x40" or len(binary) != proof_end + 66:
        raise malformed("code: the signature isn't the last 64 bytes")
    return CodeParts(binary, binary[start:credential_end], proof, binary[proof_end + 2 :])


def _proof_at(binary: bytes, at: int) -> bytes:
    head = binary[at : at + 2]
    if len(head) == 2 and 0x40 <= head[0] <= 0x57:
        return binary[at + 1 : at + 1 + head[0] - 0x40]
    if len(head) == 2 and head[0] == 0x58 and head[1] >= 24:
        return binary[at + 2 : at + 2 + head[1]]
    raise malformed("code: no proof")


def _bstr(data: bytes) -> bytes:
    size = len(data)
    if size < 24:
        return bytes((0x40 + size,)) + data
    return (bytes((0x58, size)) if size < 256 else b"\x59" + size.to_bytes(2, "big")) + data

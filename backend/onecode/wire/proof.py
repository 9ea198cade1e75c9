"""The proof of possession: a device's signature over a 15-second step and a nonce or a desk's challenge."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.core.clock import epoch, from_epoch
from backend.onecode.wire.credential import sign_profile
from backend.onecode.wire.errors import malformed
from backend.onecode.wire.keys import SigningKey

STEP_SECONDS: Final = 15
WINDOW_STEPS: Final = 2
"""A proof counts while its step is at most two from the verifier's own: 30 seconds either way."""
NONCE_BYTES: Final = range(8, 33)

_CONTEXT: Final = b"YM1"
_LAYOUT: Final = re.compile(
    rb"\x82\x1a(?!\x00\x00)(.{4})(?:([\x48-\x57])|\x58([\x18-\x20]))(.{8,32})", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class SignedProof:
    """An encoded proof `[step, nonce]` and the device's 64-byte signature."""

    proof: bytes
    signature: bytes


def step_at(moment: datetime) -> int:
    """The number of the 15-second step that `moment` lies in, counted from 1970-01-01T00:00:00Z."""
    return epoch(moment) // STEP_SECONDS


def step_start(step: int) -> datetime:
    """The first moment of a step."""
    return from_epoch(step * STEP_SECONDS)


def sign_proof(
    credential: bytes, step: int, nonce: bytes, device_key: SigningKey, *, deterministic: bool = False
) -> SignedProof:
    """A proof for `credential` in `step`; `nonce` is 8 to 32 bytes, random or a desk's challenge."""
    proof = encode_proof(step, nonce)
    signature = sign_profile(device_key, proof_message(credential, proof), deterministic=deterministic)
    return SignedProof(proof, signature)


def encode_proof(step: int, nonce: bytes) -> bytes:
    """The CBOR array `[step, nonce]`; ValueError when either is out of range."""
    if len(nonce) not in NONCE_BYTES or not 0x10000 <= step <= 0xFFFFFFFF:
        raise ValueError("nonce: 8 to 32 bytes; step: 65536 to 2**32 - 1")
    head = bytes((0x40 + len(nonce),)) if len(nonce) < 24 else bytes((0x58, len(nonce)))
    return b"\x82\x1a" + step.to_bytes(4, "big") + head + nonce


def parse_proof(data: bytes) -> tuple[int, bytes]:
    """The step and nonce of an encoded proof; CODE_MALFORMED for anything else."""
    found = _LAYOUT.fullmatch(data)
    if found is None:
        raise malformed("proof: not in the layout of the profile")
    step, short, long, nonce = found.groups()
    if len(nonce) != (short[0] - 0x40 if short else long[0]):
        raise malformed("proof: wrong nonce length")
    return int.from_bytes(step, "big"), nonce


def proof_message(credential: bytes, proof: bytes) -> bytes:
    """What the device signs: "YM1" ‖ SHA-256(credential) ‖ proof."""
    return _CONTEXT + hashlib.sha256(credential).digest() + proof

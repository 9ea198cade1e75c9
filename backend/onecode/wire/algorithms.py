"""The signature algorithms of COSE (RFC 9053) that we know, and the names of those that we refuse.

To add one, write an `Algorithm` and put it in `REGISTRY`. SM2 with SM3 (GB/T 32918.2, GB/T 35276) has its
slot: COSE has registered no number for it, so the private-use number −65601 is kept for it, and until a
backend for it stands in the registry it is refused by name. A key carries one algorithm for its life
(`keys.VerifyKey.algorithm`), so that a message can't choose another.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from backend.onecode.wire.errors import CodeRejected

ES256: Final = -7
EDDSA: Final = -8
ES384: Final = -35
ES512: Final = -36
SM2: Final = -65601

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# Keys of any type: each algorithm is only ever handed keys that its `accepts` took.
PublicKey = Any
PrivateKey = Any


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One signature algorithm: its COSE number and name, its key types, and its two operations.

    `verify` is false for a wrong signature and never raises for one; `sign` gives the raw r‖s or R‖S.
    With `deterministic`, ECDSA takes its nonce from RFC 6979.
    """

    number: int
    name: str
    accepts: Callable[[PublicKey], bool]
    verify: Callable[[PublicKey, bytes, bytes], bool]
    sign: Callable[[PrivateKey, bytes, bool], bytes]


def named(number: object) -> Algorithm:
    """The algorithm of a COSE header's `alg`; CODE_ALGORITHM_UNSUPPORTED with its name for any other."""
    algorithm = REGISTRY.get(number) if isinstance(number, int) else None
    if algorithm is None:
        raise unsupported(_NAMES.get(number, str(number)[:32]) if isinstance(number, int | str) else "none")
    return algorithm


def unsupported(name: str) -> CodeRejected:
    """The refusal, by name, of an algorithm, curve or message type."""
    return CodeRejected("CODE_ALGORITHM_UNSUPPORTED", algorithm=name)


def verify_low_s(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
    """Whether a raw 64-byte ES256 signature on P-256 is good and in its low-s form."""
    if signature[32:] > _HALF_ORDER:
        return False
    try:
        key.verify(_der_low_s(signature), hashlib.sha256(message).digest(), _PREHASHED)
    except InvalidSignature:
        return False
    return True


def _der_low_s(signature: bytes) -> bytes:
    """The DER form; a low s is positive as it stands, so only leading zeros (1 in 128) need the library."""
    if signature[0] and signature[32]:
        head = b"\x30\x44\x02\x20" if signature[0] < 0x80 else b"\x30\x45\x02\x21\x00"
        return head + signature[:32] + b"\x02\x20" + signature[32:]
    return encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def lowered(signature: bytes) -> bytes:
    """The low-s form of a raw P-256 signature, the one that the one code takes.

    For each (r, s) the pair (r, n−s) verifies too; taking only the lower s leaves each signature one form.
    """
    if signature[32:] <= _HALF_ORDER:
        return signature
    return signature[:32] + (P256_ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


_HALF_ORDER: Final = (P256_ORDER // 2).to_bytes(32, "big")
_PREHASHED: Final = ec.ECDSA(
    Prehashed(hashes.SHA256())
)  # hashlib's SHA-256 starts faster than the library's.


def _ecdsa(number: int, name: str, digest: hashes.HashAlgorithm) -> Algorithm:
    plain, repeatable = ec.ECDSA(digest), ec.ECDSA(digest, deterministic_signing=True)

    def verify(key: ec.EllipticCurvePublicKey, signature: bytes, message: bytes) -> bool:
        half = (key.key_size + 7) // 8
        if len(signature) != 2 * half:
            return False
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        try:
            key.verify(encode_dss_signature(r, s), message, plain)
        except InvalidSignature:
            return False
        return True

    def sign(key: ec.EllipticCurvePrivateKey, message: bytes, deterministic: bool) -> bytes:  # noqa: FBT001 - positional for speed, private.
        r, s = decode_dss_signature(key.sign(message, repeatable if deterministic else plain))
        half = (key.key_size + 7) // 8
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")

    return Algorithm(number, name, lambda key: isinstance(key, ec.EllipticCurvePublicKey), verify, sign)


def _verify_eddsa(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _sign_eddsa(key: ed25519.Ed25519PrivateKey, message: bytes, _deterministic: bool) -> bytes:  # noqa: FBT001 - as above.
    return key.sign(message)


REGISTRY: Final = {
    algorithm.number: algorithm
    for algorithm in (
        _ecdsa(ES256, "ES256", hashes.SHA256()),
        _ecdsa(ES384, "ES384", hashes.SHA384()),
        _ecdsa(ES512, "ES512", hashes.SHA512()),
        Algorithm(
            EDDSA, "EdDSA", lambda key: isinstance(key, ed25519.Ed25519PublicKey), _verify_eddsa, _sign_eddsa
        ),
    )
}
PROFILE: Final = frozenset({ES256, EDDSA})
"""What the one code takes for issuers and for devices: ES256 on P-256, EdDSA on Ed25519."""

_NAMES: Final[dict[object, str]] = {
    SM2: "SM2",
    -9: "ESP256",
    -19: "Ed25519",
    -53: "Ed448",
    -37: "PS256",
    -38: "PS384",
    -39: "PS512",
    -47: "ES256K",
    -48: "ML-DSA-44",
    -49: "ML-DSA-65",
    -50: "ML-DSA-87",
    -257: "RS256",
    -258: "RS384",
    -259: "RS512",
    4: "HMAC 256/64",
    5: "HMAC 256/256",
}

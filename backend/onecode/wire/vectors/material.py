"""What the vectors are made of: fixed keys, trust lists, status lists, and a recipe for a code."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from backend.onecode.wire import base45, cose, status
from backend.onecode.wire.algorithms import P256_ORDER
from backend.onecode.wire.credential import (
    Claims,
    device_cose_key,
    encode_claims,
    protected_header,
    sign_profile,
)
from backend.onecode.wire.device import derive_proof_key
from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.proof import encode_proof, proof_message, step_at
from backend.onecode.wire.trust import TrustedKey, TrustList, sign_trust_list

NOW: Final = datetime(2026, 11, 1, 2, 0, 7, tzinfo=UTC)
ISSUER: Final = "cs.tongyu"
STATUS_URI: Final = "https://status.tongyu.example/cs/{list}"
HANDLE: Final = bytes(range(0xA0, 0xB0))
NONCE: Final = bytes(range(1, 9))
SERVER_SECRET: Final = hashlib.sha256(b"tongyu vectors: server secret").digest()
HOUR: Final = timedelta(hours=1)
SECOND: Final = timedelta(seconds=1)


def p256(name: str) -> SigningKey:
    """The P-256 key of a name: never use it for anything but these vectors."""
    digest = hashlib.sha256(f"tongyu vectors: {name}".encode()).digest()
    return SigningKey.of(
        ec.derive_private_key(int.from_bytes(digest, "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())
    )


def ed25519_key(name: str) -> SigningKey:
    """The Ed25519 key of a name: never use it for anything but these vectors."""
    seed = hashlib.sha256(f"tongyu vectors: {name}".encode()).digest()
    return SigningKey.of(ed25519.Ed25519PrivateKey.from_private_bytes(seed))


KEYS: Final[Mapping[str, SigningKey]] = {
    "root": ed25519_key("root"),
    "other-root": ed25519_key("other root"),
    "issuer": p256("issuer"),
    "issuer-ed25519": ed25519_key("issuer"),
    "issuer-zhuzhou": p256("issuer of Zhuzhou"),
    "issuer-education-only": p256("issuer for education"),
    "issuer-retired": p256("retired issuer"),
    "issuer-future": p256("future issuer"),
    "issuer-unknown": p256("unknown issuer"),
    "device": p256("device"),
    "device-ed25519": ed25519_key("device"),
    "device-server-held": derive_proof_key(SERVER_SECRET, HANDLE),
    "device-other": p256("other device"),
}

CLAIMS: Final = Claims(
    ISSUER,
    HANDLE,
    NOW - HOUR,
    NOW + 3 * HOUR,
    device_cose_key(KEYS["device"].verify_key().public),
    ALL_DOMAINS,
    7,
    123_456,
)


def _trusted(name: str, issuer: str = ISSUER, domains: Domain = ALL_DOMAINS, **times: datetime) -> TrustedKey:
    opens, retires = times.get("not_before", NOW - 1000 * HOUR), times.get("retire_at", NOW + 1000 * HOUR)
    uri = STATUS_URI if issuer == ISSUER else "https://status.tongyu.example/zz/{list}"
    return TrustedKey(KEYS[name].verify_key(), issuer, domains, opens, retires, uri)


_TRUSTED: Final = (
    _trusted("issuer"),
    _trusted("issuer-ed25519"),
    _trusted("issuer-zhuzhou", issuer="zz.tongyu"),
    _trusted("issuer-education-only", domains=Domain.EDUCATION),
    _trusted("issuer-retired", retire_at=NOW - 2 * HOUR),
    _trusted("issuer-future", not_before=NOW),
)


def _trust_list(sequence: int, issued_at: datetime, expires_at: datetime, root: str = "root") -> str:
    body = TrustList(sequence, issued_at, issued_at, expires_at, _TRUSTED, (KEYS["root"].verify_key(),))
    return sign_trust_list(body, KEYS[root])


TRUST_LISTS: Final[Mapping[str, str]] = {
    "current": _trust_list(12, NOW - 24 * HOUR, NOW + 300 * HOUR),
    "seven-days-old": _trust_list(12, NOW - 168 * HOUR, NOW + 300 * HOUR),
    "almost-seven-days-old": _trust_list(12, NOW - 168 * HOUR + SECOND, NOW + 300 * HOUR),
    "expired": _trust_list(12, NOW - 24 * HOUR, NOW),
    "not-yet-valid": _trust_list(12, NOW + HOUR, NOW + 300 * HOUR),
    "older": _trust_list(11, NOW - 48 * HOUR, NOW + 300 * HOUR),
    "foreign-root": _trust_list(13, NOW - 24 * HOUR, NOW + 300 * HOUR, "other-root"),
}


def _status_list(number: int, revoked: tuple[int, ...], size: int = 200_000, age: timedelta = HOUR) -> bytes:
    return status.sign_status_list(
        status.status_bits(size, revoked),
        STATUS_URI.replace("{list}", str(number)),
        KEYS["issuer"],
        issued_at=NOW - age,
        lifetime=24 * HOUR,
        ttl=HOUR / 4,
        deterministic=True,
    )


STATUS_LISTS: Final[Mapping[str, bytes]] = {
    "none-revoked": _status_list(7, ()),
    "neighbours-revoked": _status_list(7, (123_455, 123_457)),
    "revoked": _status_list(7, (123_456,)),
    "other-list": _status_list(8, ()),
    "short": _status_list(7, (), size=100_000),
    "expired": _status_list(7, (), age=24 * HOUR),
}


def same(data: bytes) -> bytes:
    """The bytes as they are."""
    return data


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make a code, valid unless told otherwise; what is changed is signed as changed."""

    claims: Claims = CLAIMS
    issuer: str = "issuer"
    device: str = "device"
    step: int = step_at(NOW)
    nonce: bytes = NONCE
    protected: bytes | None = None
    unprotected: Mapping[int, object] = field(default_factory=dict)
    payload: Callable[[bytes], bytes] = same
    tag: int | None = 18
    issuer_signature: Callable[[bytes], bytes] = same
    proof: Callable[[bytes], bytes] = same
    proof_signature: Callable[[bytes], bytes] = same
    credential_shown: Callable[[bytes], bytes] = same
    parts: Callable[[list[bytes]], bytes] = cbor2.dumps

    def credential(self) -> bytes:
        """The signed credential."""
        key = KEYS[self.issuer]
        protected = self.protected or protected_header(key.algorithm.number, key.kid)
        payload = self.payload(encode_claims(self.claims))
        message = cose.signature_structure(protected, payload, b"")
        signature = self.issuer_signature(sign_profile(key, message, deterministic=True))
        message_parts = [protected, dict(self.unprotected), payload, signature]
        return cbor2.dumps(message_parts if self.tag is None else cbor2.CBORTag(self.tag, message_parts))

    def binary(self) -> bytes:
        """The code's binary form."""
        credential = self.credential()
        proof = self.proof(encode_proof(self.step, self.nonce))
        message = proof_message(credential, proof)
        signature = self.proof_signature(sign_profile(KEYS[self.device], message, deterministic=True))
        return self.parts([self.credential_shown(credential), proof, signature])

    def text(self) -> str:
        """The code's text."""
        return "YM1:" + base45.encode(self.binary())


def high_s(signature: bytes) -> bytes:
    """The other signature over the same content: (r, n−s)."""
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + (P256_ORDER - s).to_bytes(32, "big")


def last_bit_flipped(data: bytes) -> bytes:
    """`data` with its last bit flipped."""
    return data[:-1] + bytes((data[-1] ^ 1,))

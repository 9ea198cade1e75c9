"""The credential: a COSE_Sign1 CWT (RFC 8392) that names a device key and nobody.

The profile fixes every key, type, order and encoding, so that a credential has one layout and is read by
position: what `_LAYOUT` matches is a credential, whatever else is refused. There is no second, laxer
parser whose reading could differ; `docs/one-code.md` §4 has the same layout as CDDL.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed25519

from backend.core.clock import epoch, from_epoch
from backend.onecode.wire import algorithms, cbor, cose
from backend.onecode.wire.algorithms import EDDSA, ES256, PublicKey
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.errors import CodeRejected, malformed
from backend.onecode.wire.keys import SigningKey, VerifyKey, cose_key, p256_point

HANDLE_BYTES: Final = 16
PRIVATE_CLAIM: Final = -65537
"""The private claim `[domain mask, status-list number, status-list index]`."""

_UINT: Final = rb"([\x00-\x17]|\x18[\x18-\xff]|\x19(?!\x00)..|\x1a(?!\x00\x00)....)"
_KEY: Final = rb"(\xa4\x01\x02\x20\x01\x21\x58\x20.{32}\x22[\xf4\xf5]|\xa3\x01\x01\x20\x06\x21\x58\x20.{32})"
_CLAIMS: Final = (
    rb"\xa6\x01([\x61-\x77])([\x21-\x7e]{1,23})\x04\x1a(?!\x00\x00)(.{4})\x06\x1a(?!\x00\x00)(.{4})\x07\x50(.{16})"
    rb"\x08\xa1\x01" + _KEY + rb"\x3a\x00\x01\x00\x00\x83" + _UINT * 3
)
_PAYLOAD: Final = re.compile(_CLAIMS, re.DOTALL)
_LAYOUT: Final = re.compile(
    rb"\xd2\x84\x4d(\xa2\x01[\x26\x27]\x04\x48.{8})\xa0\x58(.)" + _CLAIMS + rb"\x58\x40(.{64})", re.DOTALL
)
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]{1,23}")
_EC2_MAP, _TRUE = 0xA4, 0xF5  # a COSE_Key of four members is EC2's; the last one's value is the sign of y.
_ENVELOPE_BYTES: Final = 85  # all of a credential but its payload: 2 + 14 + 1 + 2 before it, 66 after.
_SIGNATURE_CONTEXT: Final = b"\x84\x6aSignature1"


class Claims(NamedTuple):
    """What a credential says. Times are aware UTC whole seconds; `device_key` is an encoded COSE_Key."""

    issuer: str
    handle: bytes
    issued_at: datetime
    expires_at: datetime
    device_key: bytes
    domains: Domain
    status_list: int
    status_index: int


class Credential(NamedTuple):
    """A credential's parts by their layout; nothing in it is trusted before its signature is checked."""

    protected: bytes
    claims: Claims
    signed: bytes
    signature: bytes


def sign_credential(claims: Claims, issuer_key: SigningKey, *, deterministic: bool = False) -> bytes:
    """The signed credential; ValueError for claims that the layout can't hold.

    The caller keeps to `max_lifetime` and rounds the times, so that they are no fingerprint.
    """
    payload = encode_claims(claims)
    protected = protected_header(issuer_key.algorithm.number, issuer_key.kid)
    body = b"\x4d" + protected
    sealed = b"\x58" + len(payload).to_bytes(1, "big") + payload
    signature = sign_profile(
        issuer_key, _SIGNATURE_CONTEXT + body + b"\x40" + sealed, deterministic=deterministic
    )
    return b"\xd2\x84" + body + b"\xa0" + sealed + b"\x58\x40" + signature


def protected_header(algorithm: int, kid: bytes) -> bytes:
    """The 13 bytes of `{1: algorithm, 4: kid}` for ES256 or EdDSA."""
    return b"\xa2\x01" + (b"\x26" if algorithm == ES256 else b"\x27") + b"\x04\x48" + kid


def sign_profile(key: SigningKey, message: bytes, *, deterministic: bool) -> bytes:
    """A signature as the profile takes it: ES256 with low s, or Ed25519."""
    signature = key.sign(message, deterministic=deterministic)
    return algorithms.lowered(signature) if key.algorithm.number == ES256 else signature


def verify_profile(key: VerifyKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is good and, for ES256, in its one form."""
    if key.algorithm.number == ES256:
        return algorithms.verify_low_s(key.public, signature, message)
    return key.verify(signature, message)


def encode_claims(claims: Claims) -> bytes:
    """The CWT claims set in deterministic encoding, from 88 to 117 bytes; ValueError when out of range."""
    if not _PRINTABLE.fullmatch(claims.issuer) or len(claims.handle) != HANDLE_BYTES:
        raise ValueError("issuer: 1 to 23 printable ASCII characters; handle: 16 bytes")
    issuer = claims.issuer.encode("ascii")
    payload = b"".join(
        (
            b"\xa6\x01",
            bytes((0x60 + len(issuer),)),
            issuer,
            b"\x04\x1a",
            epoch(claims.expires_at).to_bytes(4, "big"),
            b"\x06\x1a",
            epoch(claims.issued_at).to_bytes(4, "big"),
            b"\x07\x50",
            claims.handle,
            b"\x08\xa1\x01",
            claims.device_key,
            b"\x3a\x00\x01\x00\x00\x83",
            _uint(claims.domains),
            _uint(claims.status_list),
            _uint(claims.status_index),
        )
    )
    if not _PAYLOAD.fullmatch(payload):
        raise ValueError(
            "a claim is out of its range, or the device key isn't a COSE_Key of `device_cose_key`"
        )
    return payload


def _uint(value: int) -> bytes:
    for limit, prefix, width in ((24, b"", 1), (1 << 8, b"\x18", 1), (1 << 16, b"\x19", 2)):
        if value < limit:
            return prefix + int(value).to_bytes(width, "big")
    return b"\x1a" + int(value).to_bytes(4, "big")


def parse_credential(data: bytes) -> Credential:
    """The parts of a credential; CODE_MALFORMED or CODE_ALGORITHM_UNSUPPORTED outside the layout."""
    found = _LAYOUT.fullmatch(data)
    if found is None:
        raise _diagnosed(data)
    groups = found.groups()
    protected, size, issuer_size, issuer, expires, issued, handle, key, domains, number, index, signature = (
        groups
    )
    if size[0] != len(data) - _ENVELOPE_BYTES or issuer_size[0] != 0x60 + len(issuer):
        raise malformed("credential: wrong length of the payload or the issuer")
    claims = Claims(
        issuer.decode("ascii"),
        handle,
        from_epoch(int.from_bytes(issued, "big")),
        from_epoch(int.from_bytes(expires, "big")),
        key,
        Domain(_number(domains)),
        _number(number),
        _number(index),
    )
    signed = _SIGNATURE_CONTEXT + data[2:16] + b"\x40" + data[17:-66]
    return Credential(protected, claims, signed, signature)


def _number(encoded: bytes) -> int:
    return encoded[0] if len(encoded) == 1 else int.from_bytes(encoded[1:], "big")


def device_cose_key(public: PublicKey) -> bytes:
    """The encoded COSE_Key that `cnf` holds for a P-256 (compressed) or Ed25519 device key."""
    return cose_key(public)


def verify_device(encoded_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key of a credential's `cnf` made `signature`; CODE_MALFORMED for a point off its curve."""
    if encoded_key[0] == _EC2_MAP:
        point = p256_point(encoded_key[8:40], odd=encoded_key[41] == _TRUE)
        return algorithms.verify_low_s(point, signature, message)
    public = ed25519.Ed25519PublicKey.from_public_bytes(encoded_key[8:40])
    return algorithms.REGISTRY[EDDSA].verify(public, signature, message)


def _diagnosed(data: bytes) -> CodeRejected:
    """Why `data` is not a credential, found by the general parser; always a refusal."""
    message = cose.parse_sign1(data)
    if message.unprotected:
        return malformed("credential: the unprotected header must be empty")
    if message.header.keys() != {cose.ALG, cose.KID}:
        return malformed("credential: the protected header holds alg and kid only")
    algorithm = algorithms.named(message.header[cose.ALG])
    if algorithm.number not in algorithms.PROFILE:
        return algorithms.unsupported(algorithm.name)
    claims = cbor.decode(message.payload or b"")
    if not isinstance(claims, dict) or set(claims) != {1, 4, 6, 7, 8, PRIVATE_CLAIM}:
        return malformed("claims: iss, exp, iat, cti, cnf and the private claim, and no other")
    return malformed("credential: not in the layout of the profile")

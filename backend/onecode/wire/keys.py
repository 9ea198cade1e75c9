"""Keys with one algorithm each: COSE_Key (RFC 9052 §7), JWK (RFC 7517), and the identifier of a key."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.onecode.wire import cbor
from backend.onecode.wire.algorithms import (
    EDDSA,
    ES256,
    PROFILE,
    Algorithm,
    PrivateKey,
    PublicKey,
    named,
    unsupported,
)
from backend.onecode.wire.errors import malformed

KID_BYTES: Final = 8
_CURVES: Final[dict[object, type[ec.EllipticCurve]]] = {1: ec.SECP256R1, 2: ec.SECP384R1, 3: ec.SECP521R1}
_OKP_NAMES: Final[dict[object, str]] = {4: "X25519", 5: "X448", 7: "Ed448"}
_JWK_CURVES: Final = {"P-256": (2, 1), "P-384": (2, 2), "P-521": (2, 3), "Ed25519": (1, 6), "Ed448": (1, 7)}
# A SubjectPublicKeyInfo (RFC 5480) for a compressed P-256 point: loading it is the cheapest way to the key.
_P256_SPKI: Final = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key, the one algorithm that it is for, and its 8-byte identifier."""

    algorithm: Algorithm
    public: PublicKey
    kid: bytes

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (raw r‖s, or Ed25519's R‖S) is this key's over `message`."""
        return self.algorithm.verify(self.public, signature, message)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, the one algorithm that it is for, and its 8-byte identifier."""

    algorithm: Algorithm
    private: PrivateKey = field(repr=False)
    kid: bytes

    @classmethod
    def of(cls, private: PrivateKey) -> Self:
        """The key as ES256 (P-256) or EdDSA (Ed25519), with the identifier of `key_id`."""
        public = private.public_key()
        return cls(algorithm_of(public), private, key_id(public))

    @classmethod
    def generate(cls, algorithm: int = ES256) -> Self:
        """A new random key for ES256 or EdDSA."""
        if algorithm == EDDSA:
            return cls.of(ed25519.Ed25519PrivateKey.generate())
        return cls.of(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The key of an unencrypted PKCS #8 PEM file; ValueError when it isn't one."""
        return cls.of(serialization.load_pem_private_key(pem, None))

    def to_pem(self) -> bytes:
        """The key as unencrypted PKCS #8 PEM; whoever stores it seals it."""
        pem: bytes = self.private.private_bytes(
            Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem

    def sign(self, message: bytes, *, deterministic: bool = False) -> bytes:
        """The raw signature over `message`; deterministic (RFC 6979) for published vectors."""
        return self.algorithm.sign(self.private, message, deterministic)

    def verify_key(self) -> VerifyKey:
        """The public half."""
        return VerifyKey(self.algorithm, self.private.public_key(), self.kid)


def algorithm_of(public: PublicKey) -> Algorithm:
    """The profile's algorithm for a key: ES256 for P-256, EdDSA for Ed25519; others are refused by name."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        return named(EDDSA)
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name == "secp256r1":
        return named(ES256)
    curve = getattr(getattr(public, "curve", None), "name", type(public).__name__)
    raise unsupported(str(curve))


def cose_key(public: PublicKey, *, compressed: bool = True) -> bytes:
    """The COSE_Key (RFC 9053 §7) of a P-256 or Ed25519 key in deterministic encoding.

    P-256: `{1: 2, -1: 1, -2: x, -3: sign of y}` with `compressed`, else with y's 32 bytes.
    """
    if isinstance(public, ed25519.Ed25519PublicKey):
        return cbor.encode({1: 1, -1: 6, -2: public.public_bytes(Encoding.Raw, PublicFormat.Raw)})
    algorithm_of(public)
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return cbor.encode({1: 2, -1: 1, -2: point[1:33], -3: bool(point[64] & 1) if compressed else point[33:]})


def key_id(public: PublicKey) -> bytes:
    """The first 8 bytes of the COSE Key Thumbprint with SHA-256 (RFC 9679 §4; y uncompressed)."""
    return hashlib.sha256(cose_key(public, compressed=False)).digest()[:KID_BYTES]


def p256_point(x: bytes, *, odd: bool) -> ec.EllipticCurvePublicKey:
    """The P-256 key with this x and this sign of y; CODE_MALFORMED when the curve has no such point."""
    try:
        key = serialization.load_der_public_key(_P256_SPKI + (b"\x03" if odd else b"\x02") + x)
    except (ValueError, UnsupportedAlgorithm):
        raise malformed("device key: not a point of P-256") from None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise malformed("device key: not a point of P-256")
    return key


def from_cose_key(members: Mapping[object, object], algorithm: int | None = None) -> VerifyKey:
    """The key of a decoded COSE_Key: EC2 on P-256, P-384, P-521 or OKP on Ed25519.

    `algorithm` pins one (any of the registry), else the key's own `alg` or the profile's decides.
    """
    public = _ec2(members) if members.get(1) == 2 else _okp(members)
    wanted = members.get(3, algorithm) if algorithm is None else algorithm
    chosen = algorithm_of(public) if wanted is None else named(wanted)
    if not chosen.accepts(public):
        raise unsupported(f"{chosen.name} with another key type")
    kid = members.get(2)
    return VerifyKey(chosen, public, kid if isinstance(kid, bytes) else b"")


def _ec2(members: Mapping[object, object]) -> ec.EllipticCurvePublicKey:
    curve, x, y = _CURVES.get(members.get(-1)), members.get(-2), members.get(-3)
    if curve is None:
        raise unsupported(f"EC2 curve {members.get(-1)!s:.16}")
    if not isinstance(x, bytes) or not isinstance(y, bytes | bool):
        raise malformed("key: bad coordinates")
    point = b"\x04" + x + y if isinstance(y, bytes) else (b"\x03" if y else b"\x02") + x
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
    except ValueError:
        raise malformed("key: not a point of its curve") from None


def _okp(members: Mapping[object, object]) -> ed25519.Ed25519PublicKey:
    x = members.get(-2)
    if members.get(1) != 1 or members.get(-1) != 6:
        raise unsupported(_OKP_NAMES.get(members.get(-1), f"key type {members.get(1)!s:.16}"))
    if not isinstance(x, bytes) or len(x) != 32:
        raise malformed("key: bad Ed25519 key")
    return ed25519.Ed25519PublicKey.from_public_bytes(x)


def from_jwk(jwk: Mapping[str, object]) -> VerifyKey:
    """The key of a public JWK (RFC 7517; EC and OKP), with the identifier of `key_id`.

    `alg` may be absent; when present it must be the key's own. Only the profile's algorithms.
    """
    kty, crv = _JWK_CURVES.get(str(jwk.get("crv")), (0, 0))
    members: dict[object, object] = {1: kty, -1: crv, -2: unbase64url(jwk.get("x"))}
    if kty == 2:
        members[-3] = unbase64url(jwk.get("y"))
    key = from_cose_key(members)
    if key.algorithm.number not in PROFILE or jwk.get("alg", key.algorithm.name) not in _jose_names(key):
        raise unsupported(str(jwk.get("alg"))[:32])
    return VerifyKey(key.algorithm, key.public, key_id(key.public))


def _jose_names(key: VerifyKey) -> tuple[str, ...]:
    return ("EdDSA", "Ed25519") if key.algorithm.number == EDDSA else ("ES256",)


def to_jwk(key: VerifyKey) -> dict[str, str]:
    """The public JWK of a profile key, with `alg` and `kid` (base64url of the 8 bytes)."""
    common = {"kid": base64url(key.kid), "alg": "Ed25519" if key.algorithm.number == EDDSA else "ES256"}
    if key.algorithm.number == EDDSA:
        x = key.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(x)} | common
    point = key.public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])} | common


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unbase64url(text: object) -> bytes:
    """The bytes of unpadded base64url; CODE_MALFORMED for anything else."""
    if not isinstance(text, str):
        raise malformed("base64url: not a text")
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except ValueError:
        raise malformed("base64url: not in its alphabet") from None

"""Device keys: P-256 public keys as JWK, and what they sign."""

from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from backend.core.errors import Refusal

_COORDINATE: Final = 32
_LONGEST_TEXT: Final = 512


def device_jwk(x: str, y: str) -> Mapping[str, str]:
    """The JWK of a P-256 point (RFC 7518 §6.2.1); DEVICE_KEY_INVALID unless x and y are on the curve."""
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    _public(jwk)
    return jwk


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The RFC 7638 SHA-256 thumbprint, base64url without padding."""
    return ECKey.import_key(dict(jwk)).thumbprint()


def registration_text(challenge: str, key_thumbprint: str) -> bytes:
    """What a device signs to be registered: it binds the challenge to the key."""
    return f"tongyu-device-registration:{challenge}:{key_thumbprint}".encode()


def step_up_text(challenge: str, device: str) -> bytes:
    """What a registered device signs to raise a session to L2."""
    return f"tongyu-step-up:{challenge}:{device}".encode()


def verify(jwk: Mapping[str, str], signature: str, text: bytes) -> None:
    """Checks an ES256 signature, base64url of r‖s in 64 octets (RFC 7518 §3.4); DEVICE_PROOF_INVALID."""
    raw = _octets(signature)
    if raw is None or len(raw) != 2 * _COORDINATE:
        raise Refusal("DEVICE_PROOF_INVALID")
    der = encode_dss_signature(
        int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big")
    )
    try:
        _public(jwk).verify(der, text, ECDSA(SHA256()))
    except InvalidSignature:
        raise Refusal("DEVICE_PROOF_INVALID") from None


def _public(jwk: Mapping[str, str]) -> EllipticCurvePublicKey:
    for name in ("x", "y"):
        raw = _octets(jwk[name])
        if raw is None or len(raw) != _COORDINATE:
            raise Refusal("DEVICE_KEY_INVALID")
    try:
        public: EllipticCurvePublicKey = ECKey.import_key(dict(jwk)).public_key
    except (JoseError, ValueError):
        raise Refusal("DEVICE_KEY_INVALID") from None
    return public


def _octets(text: str) -> bytes | None:
    if len(text) > _LONGEST_TEXT or "=" in text:
        return None
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Error, ValueError):
        return None

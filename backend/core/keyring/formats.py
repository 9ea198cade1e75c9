"""Forms of a signing key: PKCS #8 for storage, JWK and thumbprint for the world."""

import base64
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from joserfc.jwk import ECKey, OKPKey

from backend.core.keyring.models import Algorithm, PrivateKey, PublicKey

_KID_HEX = 16


def generate(algorithm: Algorithm) -> PrivateKey:
    """A fresh private key: P-256 for ES256 (RFC 7518 §3.4), Ed25519 for EdDSA (RFC 8037 §3.1)."""
    return Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(SECP256R1())


def to_der(private: PrivateKey) -> bytes:
    """PKCS #8 DER (RFC 5958), not encrypted: seal it before it goes anywhere."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def from_der(der: bytes) -> PrivateKey:
    """The private key of a PKCS #8 DER text that `to_der` made."""
    private: PrivateKey = load_der_private_key(der, password=None)  # type: ignore[assignment]  # Only our two kinds are stored.
    return private


def jwk(public: PublicKey) -> Mapping[str, str]:
    """The public JWK (RFC 7517, RFC 8037) with its required members only."""
    return {name: str(value) for name, value in _joserfc_key(public).as_dict(private=False).items()}


def kid(public: PublicKey) -> str:
    """The first 16 hex digits of the key's RFC 7638 SHA-256 thumbprint."""
    thumbprint = _joserfc_key(public).thumbprint()
    return base64.urlsafe_b64decode(thumbprint + "=").hex()[:_KID_HEX]


def _joserfc_key(public: PublicKey) -> ECKey | OKPKey:
    if isinstance(public, Ed25519PublicKey):
        return OKPKey.import_key(public)
    return ECKey.import_key(public)

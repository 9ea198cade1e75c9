"""Proof keys that the server holds for clients that can't sign, derived so that none is stored."""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.onecode.wire.algorithms import P256_ORDER
from backend.onecode.wire.credential import HANDLE_BYTES
from backend.onecode.wire.keys import SigningKey

_INFO: Final = b"YM1 server-held proof key"
_SCALAR_BYTES: Final = 40  # 64 bits more than the order, so that the reduction's bias is below 2**-64.


def derive_proof_key(secret: bytes, handle: bytes) -> SigningKey:
    """The P-256 proof key of the credential with this handle: the same secret and handle, the same key.

    HKDF-SHA-256 (RFC 5869; the handle is the salt), then FIPS 186-5 §A.2.1 with §A.4.1's reduction:
    d = (c mod (n−1)) + 1. `secret` is 32 bytes or more; ValueError below that or for another handle length.
    """
    if len(secret) < 32 or len(handle) != HANDLE_BYTES:
        raise ValueError("the secret has 32 bytes or more, the handle 16")
    stream = HKDF(hashes.SHA256(), _SCALAR_BYTES, handle, _INFO).derive(secret)
    scalar = int.from_bytes(stream, "big") % (P256_ORDER - 1) + 1
    return SigningKey.of(ec.derive_private_key(scalar, ec.SECP256R1()))

"""Device keys: which points are keys, and which signatures are theirs."""

import base64
import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.core.errors import Refusal
from backend.identity.devices.keys import device_jwk, thumbprint, verify
from tests.integration.identity.world import DeviceKey

PHONE = DeviceKey()
TEXT = b"tongyu-step-up:challenge:device"


def test_the_thumbprint_is_the_hash_of_the_canonical_members() -> None:
    # The P-256 key of RFC 7515 appendix A.3, hashed as RFC 7638 §3 says.
    x, y = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    canonical = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    digest = base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).decode().rstrip("=")
    assert thumbprint(device_jwk(x, y)) == digest


def test_a_signature_by_its_key_of_its_text_counts() -> None:
    verify(device_jwk(PHONE.x, PHONE.y), PHONE.sign(TEXT), TEXT)


@given(st.binary(max_size=80))
def test_no_other_text_counts(other: bytes) -> None:
    assume(other != TEXT)
    with pytest.raises(Refusal, match="DEVICE_PROOF_INVALID"):
        verify(device_jwk(PHONE.x, PHONE.y), PHONE.sign(TEXT), other)


@given(st.text(max_size=120))
def test_no_arbitrary_signature_counts(signature: str) -> None:
    with pytest.raises(Refusal, match="DEVICE_PROOF_INVALID"):
        verify(device_jwk(PHONE.x, PHONE.y), signature, TEXT)


@given(x=st.text(max_size=60), y=st.text(max_size=60))
def test_arbitrary_coordinates_are_no_key(x: str, y: str) -> None:
    with pytest.raises(Refusal, match="DEVICE_KEY_INVALID"):
        device_jwk(x, y)


def test_zeros_are_no_signature() -> None:
    with pytest.raises(Refusal, match="DEVICE_PROOF_INVALID"):
        verify(device_jwk(PHONE.x, PHONE.y), "A" * 86, TEXT)

"""Forms of signing keys, against the published example of RFC 8037 appendix A."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.core.keyring import formats

PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_kid_is_the_start_of_the_thumbprint_of_rfc_8037_a_3():
    public = Ed25519PublicKey.from_public_bytes(unbase64url(PUBLIC))
    assert formats.kid(public) == unbase64url(THUMBPRINT).hex()[:16]


def test_the_jwk_is_that_of_rfc_8037_a_2():
    public = Ed25519PublicKey.from_public_bytes(unbase64url(PUBLIC))
    assert formats.jwk(public) == {"kty": "OKP", "crv": "Ed25519", "x": PUBLIC}


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_private_key_survives_storage(algorithm):
    private = formats.generate(algorithm)
    again = formats.from_der(formats.to_der(private))
    assert type(again) is type(private)
    assert formats.to_der(again) == formats.to_der(private)


@pytest.mark.parametrize(
    ("algorithm", "members"), [("ES256", {"kty", "crv", "x", "y"}), ("EdDSA", {"kty", "crv", "x"})]
)
def test_a_jwk_holds_the_public_members_only(algorithm, members):
    assert set(formats.jwk(formats.generate(algorithm).public_key())) == members

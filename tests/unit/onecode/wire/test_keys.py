"""Keys: one algorithm each, their identifiers, and the forms they travel in."""

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from backend.onecode.wire import algorithms, keys
from backend.onecode.wire.algorithms import EDDSA, ES256, P256_ORDER
from backend.onecode.wire.device import derive_proof_key
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey, from_cose_key, from_jwk, key_id, to_jwk


def test_the_identifier_begins_the_thumbprint_of_rfc_9679() -> None:
    x = bytes.fromhex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d")
    y = bytes.fromhex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c")
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
    assert key_id(public) == bytes.fromhex("496bd8afadf307e5")


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_a_key_keeps_its_identity_through_pem_jwk_and_cose(algorithm: int) -> None:
    key = SigningKey.generate(algorithm)
    assert SigningKey.from_pem(key.to_pem()).kid == key.kid
    assert from_jwk(to_jwk(key.verify_key())).kid == key.kid
    members = cbor2.loads(keys.cose_key(key.verify_key().public))
    assert key_id(from_cose_key(members).public) == key.kid


@pytest.mark.parametrize("algorithm", [ES256, EDDSA])
def test_a_signature_verifies_with_its_key_and_no_other(algorithm: int) -> None:
    key, other = SigningKey.generate(algorithm), SigningKey.generate(algorithm)
    signature = key.sign(b"message")
    assert key.verify_key().verify(signature, b"message")
    assert not key.verify_key().verify(signature, b"messagf")
    assert not other.verify_key().verify(signature, b"message")
    assert not key.verify_key().verify(signature[:-1], b"message")
    assert not key.verify_key().verify(b"", b"message")


def test_a_private_key_is_not_printed() -> None:
    assert "private" not in repr(SigningKey.generate())


def test_a_deterministic_signature_is_the_same_each_time() -> None:
    key = SigningKey.generate()
    assert key.sign(b"m", deterministic=True) == key.sign(b"m", deterministic=True)
    assert key.sign(b"m") != key.sign(b"m")


def test_low_s_is_the_only_form_taken() -> None:
    key = SigningKey.generate()
    for message in (bytes((number,)) for number in range(64)):
        low = algorithms.lowered(key.sign(message))
        high = low[:32] + (P256_ORDER - int.from_bytes(low[32:], "big")).to_bytes(32, "big")
        public = key.verify_key().public
        assert key.verify_key().verify(high, message)
        assert algorithms.verify_low_s(public, low, message)
        assert not algorithms.verify_low_s(public, high, message)
        assert algorithms.lowered(high) == low


def test_signatures_with_leading_zeros_verify() -> None:
    key = SigningKey.generate()
    seen = 0
    for number in range(1200):
        message = number.to_bytes(2, "big")
        signature = algorithms.lowered(key.sign(message))
        if signature[0] == 0 or signature[32] == 0:
            seen += 1
            assert algorithms.verify_low_s(key.verify_key().public, signature, message)
    assert seen


@pytest.mark.parametrize("half", [bytes(32), P256_ORDER.to_bytes(32, "big"), b"\xff" * 32])
def test_halves_out_of_range_do_not_verify(half: bytes) -> None:
    key = SigningKey.generate()
    good = algorithms.lowered(key.sign(b"m"))
    assert not algorithms.verify_low_s(key.verify_key().public, half + good[32:], b"m")
    assert not algorithms.verify_low_s(key.verify_key().public, good[:32] + half, b"m")


@pytest.mark.parametrize(
    "private",
    [
        ed448.Ed448PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["Ed448", "P-384", "secp256k1", "RSA"],
)
def test_keys_outside_the_profile_are_refused_by_name(private: object) -> None:
    with pytest.raises(CodeRejected) as refused:
        SigningKey.of(private)
    assert refused.value.code == "CODE_ALGORITHM_UNSUPPORTED"
    assert refused.value.params["algorithm"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"crv": "Ed448"}, "CODE_ALGORITHM_UNSUPPORTED"),
        ({"crv": "secp256k1"}, "CODE_ALGORITHM_UNSUPPORTED"),
        ({"alg": "ES384"}, "CODE_ALGORITHM_UNSUPPORTED"),
        ({"alg": "none"}, "CODE_ALGORITHM_UNSUPPORTED"),
        ({"x": "AAAA"}, "CODE_MALFORMED"),
        ({"x": 7}, "CODE_MALFORMED"),
        ({"y": "not base64 url!"}, "CODE_MALFORMED"),
        ({"y": "é"}, "CODE_MALFORMED"),
    ],
)
def test_a_bad_jwk_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(CodeRejected) as refused:
        from_jwk({**to_jwk(SigningKey.generate().verify_key()), **change})
    assert refused.value.code == code


def test_a_key_pinned_to_an_algorithm_of_another_type_is_refused() -> None:
    members = cbor2.loads(keys.cose_key(ed25519.Ed25519PrivateKey.generate().public_key()))
    with pytest.raises(CodeRejected, match="CODE_ALGORITHM_UNSUPPORTED"):
        from_cose_key(members, ES256)


def test_server_held_keys_depend_on_secret_and_handle_and_on_nothing_else() -> None:
    first = derive_proof_key(b"s" * 32, b"h" * 16)
    assert derive_proof_key(b"s" * 32, b"h" * 16).kid == first.kid
    assert derive_proof_key(b"s" * 32, b"i" * 16).kid != first.kid
    assert derive_proof_key(b"t" * 32, b"h" * 16).kid != first.kid


@pytest.mark.parametrize(("secret", "handle"), [(b"s" * 31, b"h" * 16), (b"s" * 32, b"h" * 15)])
def test_a_short_secret_or_handle_derives_nothing(secret: bytes, handle: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive_proof_key(secret, handle)

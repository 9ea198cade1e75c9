"""COSE_Sign1: what is signed verifies, and nothing else does."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.onecode.wire import cose
from backend.onecode.wire.cose import parse_sign1, sign1, signature_structure
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey

KEYS = {number: SigningKey.generate(number) for number in (-7, -8)}


def message(
    protected: bytes, unprotected: object = None, payload: object = b"x", tag: int | None = 18
) -> bytes:
    """A COSE_Sign1 signed by the ES256 key over whatever it is given."""
    body = payload if isinstance(payload, bytes) else b""
    signature = KEYS[-7].sign(signature_structure(protected, body, b""))
    parts = [protected, {} if unprotected is None else unprotected, payload, signature]
    return cbor2.dumps(parts if tag is None else cbor2.CBORTag(tag, parts))


def refused(data: bytes, code: str) -> str:
    with pytest.raises(CodeRejected) as refusal:
        parse_sign1(data).verify(KEYS[-7].verify_key())
    assert refusal.value.code == code
    return str(refusal.value.params.get("algorithm", refusal.value.params.get("detail", "")))


@given(st.binary(max_size=300), st.sampled_from([-7, -8]))
def test_what_is_signed_verifies(payload: bytes, algorithm: int) -> None:
    key = KEYS[algorithm]
    found = parse_sign1(sign1(payload, key, {cose.TYP: "t"}))
    assert found.verify(key.verify_key()) == payload
    assert (found.parameter(cose.ALG), found.parameter(cose.KID), found.parameter(99)) == (
        algorithm,
        key.kid,
        None,
    )


def test_tagged_and_untagged_are_both_read() -> None:
    for tag, tagged in ((18, True), (None, False)):
        found = parse_sign1(message(b"\xa1\x01\x26", tag=tag))
        assert found.tagged is tagged
        assert found.verify(KEYS[-7].verify_key()) == b"x"


def test_external_data_and_a_detached_payload_are_signed_too() -> None:
    key = KEYS[-7]
    protected = b"\xa1\x01\x26"
    signature = key.sign(signature_structure(protected, b"away", b"aad"))
    found = parse_sign1(cbor2.dumps([protected, {}, None, signature]))
    assert found.verify(key.verify_key(), external=b"aad", detached=b"away") == b"away"
    for external, detached in ((b"", b"away"), (b"aad", b"awaz")):
        with pytest.raises(CodeRejected, match="CODE_SIGNATURE_INVALID"):
            found.verify(key.verify_key(), external=external, detached=detached)
    with pytest.raises(CodeRejected, match="CODE_MALFORMED"):
        found.verify(key.verify_key(), external=b"aad")


def test_an_empty_protected_map_is_signed_as_an_empty_string() -> None:
    assert signature_structure(b"\xa0", b"p", b"") == signature_structure(b"", b"p", b"")
    found = parse_sign1(message(b"\xa0", {1: -7}))
    assert found.verify(KEYS[-7].verify_key()) == b"x"


def test_a_key_is_pinned_to_its_algorithm() -> None:
    assert refused(message(b"\xa1\x01\x27"), "CODE_ALGORITHM_UNSUPPORTED") == "EdDSA with a key for ES256"
    assert refused(message(b"\xa1\x01\x38\x22"), "CODE_ALGORITHM_UNSUPPORTED") == "ES384 with a key for ES256"


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (-37, "PS256"),
        (-257, "RS256"),
        (-47, "ES256K"),
        (-65601, "SM2"),
        (-53, "Ed448"),
        (-999, "-999"),
        ("x", "x"),
        (5, "HMAC 256/256"),
    ],
)
def test_unsupported_algorithms_are_refused_by_name(number: object, name: str) -> None:
    assert refused(message(cbor2.dumps({1: number})), "CODE_ALGORITHM_UNSUPPORTED") == name


def test_a_message_without_algorithm_is_refused() -> None:
    assert refused(message(b""), "CODE_ALGORITHM_UNSUPPORTED") == "none"
    assert refused(message(cbor2.dumps({1: [7]})), "CODE_ALGORITHM_UNSUPPORTED") == "none"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (98, "COSE_Sign (multi-signer)"),
        (97, "COSE_Mac"),
        (17, "COSE_Mac0"),
        (96, "COSE_Encrypt"),
        (16, "COSE_Encrypt0"),
    ],
)
def test_other_messages_are_refused_by_name(tag: int, name: str) -> None:
    assert refused(message(b"\xa1\x01\x26", tag=tag), "CODE_ALGORITHM_UNSUPPORTED") == name


@pytest.mark.parametrize(
    "data",
    [
        message(b"\xa1\x01\x26", tag=61),
        message(b"\xa2\x01\x26\x02\x81\x01"),
        message(b"\xa1\x01\x26", {2: [1]}),
        message(b"\xa1\x01\x26", {1: -7}),
        message(b"\xa1\x01\x26", []),
        message(b"\x80"),
        message(b"\xa1\x01\x26", payload="text"),
        cbor2.dumps([b"", {}, b""]),
        cbor2.dumps([{}, {}, b"", b""]),
        cbor2.dumps([b"", {}, b"", "signature"]),
        cbor2.dumps({}),
    ],
    ids=[f"case-{number}" for number in range(11)],  # The data differ from run to run.
)
def test_what_is_not_a_sign1_is_refused(data: bytes) -> None:
    refused(data, "CODE_MALFORMED")

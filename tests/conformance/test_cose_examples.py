"""The COSE working group's examples: sign1-tests, eddsa-examples, ecdsa-examples and the signed CWT."""

from typing import Any

import pytest

from backend.onecode.wire import cose
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import VerifyKey, from_cose_key, unbase64url
from tests.conformance.public_vectors import requires_public_vectors, vectors

ALGORITHMS = {"ES256": -7, "ES384": -35, "ES512": -36, "EdDSA": -8}
CURVES = {"P-256": (2, 1), "P-384": (2, 2), "P-521": (2, 3), "Ed25519": (1, 6), "Ed448": (1, 7)}
UNSUPPORTED_SIGN1 = {"EdDSA-sig-02: EdDSA - 448 - sign1": "Ed448"}

SIGN1 = [
    each
    for folder in ("sign1-tests", "eddsa-examples", "ecdsa-examples", "CWT")
    for each in vectors(f"cose/{folder}")
]
SINGLE = [each for each in SIGN1 if "sign0" in each.values[0]["input"]]
MULTIPLE = [each for each in SIGN1 if "sign" in each.values[0]["input"]]
OTHERS = [each for each in SIGN1 if not {"sign", "sign0"} & each.values[0]["input"].keys()]

pytestmark = requires_public_vectors


def _coordinate(jwk: dict[str, str], name: str) -> bytes:
    return bytes.fromhex(jwk[f"{name}_hex"]) if f"{name}_hex" in jwk else unbase64url(jwk[name])


def _key(sign0: dict[str, Any]) -> VerifyKey:
    jwk = sign0["key"]
    kty, curve = CURVES[jwk["crv"]]
    members: dict[object, object] = {1: kty, -1: curve, -2: _coordinate(jwk, "x")}
    if kty == 2:
        members[-3] = _coordinate(jwk, "y")
    return from_cose_key(members, ALGORITHMS[sign0["alg"]])


def _verified(example: dict[str, Any]) -> bytes:
    sign0 = example["input"]["sign0"]
    message = cose.parse_sign1(bytes.fromhex(example["output"]["cbor"]))
    return message.verify(_key(sign0), external=bytes.fromhex(sign0.get("external", "")))


def test_all_the_files_are_there() -> None:
    assert (len(SINGLE), len(MULTIPLE), len(OTHERS)) == (16, 6, 4)
    assert sum(bool(each.values[0].get("fail")) for each in SINGLE) == 6


@pytest.mark.parametrize("example", SINGLE)
def test_each_sign1_example_is_judged_as_it_says(example: dict[str, Any]) -> None:
    title = example["title"]
    if title in UNSUPPORTED_SIGN1:
        with pytest.raises(CodeRejected) as refused:
            _verified(example)
        assert refused.value.code == "CODE_ALGORITHM_UNSUPPORTED"
        assert refused.value.params["algorithm"] == UNSUPPORTED_SIGN1[title]
    elif example.get("fail"):
        with pytest.raises(CodeRejected):
            _verified(example)
    else:
        given = example["input"]
        expected = (
            given["plaintext"].encode() if "plaintext" in given else bytes.fromhex(given["plaintext_hex"])
        )
        assert _verified(example) == expected


@pytest.mark.parametrize("example", [each for each in SINGLE if not each.values[0].get("fail")])
def test_the_signed_bytes_are_the_examples(example: dict[str, Any]) -> None:
    message = cose.parse_sign1(bytes.fromhex(example["output"]["cbor"]))
    external = bytes.fromhex(example["input"]["sign0"].get("external", ""))
    signed = cose.signature_structure(message.protected, message.payload or b"", external)
    assert signed.hex().upper() == example["intermediates"]["ToBeSign_hex"].upper()


@pytest.mark.parametrize("example", MULTIPLE)
def test_multi_signer_messages_are_refused_by_name(example: dict[str, Any]) -> None:
    with pytest.raises(CodeRejected) as refused:
        cose.parse_sign1(bytes.fromhex(example["output"]["cbor"]))
    assert refused.value.code == "CODE_ALGORITHM_UNSUPPORTED"
    assert refused.value.params["algorithm"] == "COSE_Sign (multi-signer)"


@pytest.mark.parametrize("example", OTHERS)
def test_macs_and_encrypted_messages_are_refused_by_name(example: dict[str, Any]) -> None:
    with pytest.raises(CodeRejected) as refused:
        cose.parse_sign1(bytes.fromhex(example["output"]["cbor"]))
    assert refused.value.params["algorithm"] in {"COSE_Mac0", "COSE_Encrypt0"}

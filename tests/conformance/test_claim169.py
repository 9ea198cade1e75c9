"""The public Claim 169 vectors, each with the clock frozen at its own time."""

from datetime import timedelta
from typing import Any

import claim169
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from backend.core.clock import from_epoch
from backend.onecode.wire.card import Card, read_card, require_current, verify_card
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import VerifyKey, algorithm_of, key_id
from tests.conformance.public_vectors import requires_public_vectors, vectors

VALID, EDGE, INVALID = (vectors(f"claim-169/{kind}") for kind in ("valid", "edge", "invalid"))
ERRORS = {
    "Base45Decode": ("CARD_MALFORMED", "base45"),
    "Decompress": ("CODE_DECOMPRESSION_FAILED", "zlib"),
    "CoseParse": ("CARD_MALFORMED", "cose"),
    "Claim169NotFound": ("CARD_CLAIM_MISSING", ""),
}
_CAMEL = {"right_thumb": "rightThumb", "right_pointer_finger": "rightPointerFinger"}
OUTCOMES = {"expired": "CARD_EXPIRED", "not-yet-valid": "CARD_NOT_YET_VALID", "unknown-fields": None}

pytestmark = requires_public_vectors


def _signer(vector: dict[str, Any]) -> VerifyKey | None:
    if "signing_key" not in vector:
        return None
    octets = bytes.fromhex(vector["signing_key"]["public_key_hex"])
    public: Any
    if vector["signing_key"]["algorithm"] == "ES256":
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)
    else:
        public = ed25519.Ed25519PublicKey.from_public_bytes(octets)
    return VerifyKey(algorithm_of(public), public, key_id(public))


def _secret(vector: dict[str, Any]) -> bytes | None:
    key = vector.get("encryption_key")
    return bytes.fromhex(key["symmetric_key_hex"]) if key else None


def _matches(card: Card, vector: dict[str, Any]) -> None:
    named = card.named()
    for name, expected in vector["expected_claim169"].items():
        found = named[name]
        if isinstance(found, list) and isinstance(found[0], dict):
            _biometrics_match(found, expected)
        else:
            assert found == expected, name
    meta = vector["expected_cwt_meta"]
    found = {
        "issuer": card.issuer,
        "subject": card.subject,
        "expiresAt": card.expires_at and int(card.expires_at.timestamp()),
        "notBefore": card.not_before and int(card.not_before.timestamp()),
        "issuedAt": card.issued_at and int(card.issued_at.timestamp()),
    }
    assert {name: value for name, value in found.items() if value is not None} == meta


def _biometrics_match(found: list[dict[int, Any]], expected: list[dict[str, Any]]) -> None:
    """By format; the data are compared with the reference library's reading, see below.

    The `data` member of with-face.json is not the bytes in its own QR text (fffdfe… there, ffd8ff… here).
    """
    described = [{"format": each[1], "subFormat": each[2]} for each in found]
    assert described == [{"format": each["format"], "subFormat": each["subFormat"]} for each in expected]


def test_all_the_files_are_there() -> None:
    assert (len(VALID), len(EDGE), len(INVALID)) == (11, 3, 4)


@pytest.mark.parametrize("vector", VALID)
def test_each_valid_vector_is_accepted_at_its_time(vector: dict[str, Any]) -> None:
    now = from_epoch(vector["expected_cwt_meta"]["issuedAt"])
    signer, secret = _signer(vector), _secret(vector)
    read = read_card(vector["qr_data"], decryption_key=secret)
    require_current(read.card, now)
    _matches(read.card, vector)
    if signer is not None:
        assert verify_card(vector["qr_data"], signer, now=now, decryption_key=secret) == read.card


@pytest.mark.parametrize("vector", [each for each in VALID if "signing_key" in each.values[0]])
def test_a_signed_vector_is_refused_with_another_key(vector: dict[str, Any]) -> None:
    now = from_epoch(vector["expected_cwt_meta"]["issuedAt"])
    if vector["signing_key"]["algorithm"] == "ES256":
        other: Any = ec.generate_private_key(ec.SECP256R1()).public_key()
    else:
        other = ed25519.Ed25519PrivateKey.generate().public_key()
    with pytest.raises(CodeRejected, match="CARD_SIGNATURE_INVALID"):
        verify_card(
            vector["qr_data"],
            VerifyKey(algorithm_of(other), other, b""),
            now=now,
            decryption_key=_secret(vector),
        )


@pytest.mark.parametrize("vector", EDGE)
def test_each_edge_vector_is_judged_at_its_time(vector: dict[str, Any]) -> None:
    card = read_card(vector["qr_data"]).card
    _matches(card, vector)
    issued = from_epoch(vector["expected_cwt_meta"]["issuedAt"])
    outcome = OUTCOMES[vector["name"]]
    if outcome is None:
        require_current(card, issued)
        assert {30, 45, 70, 99} <= card.attributes.keys()
        return
    moment = issued if card.not_before else card.expires_at
    assert moment is not None
    with pytest.raises(CodeRejected, match=outcome):
        require_current(card, moment)
    good = card.not_before or moment - timedelta(seconds=1)
    require_current(card, good)


@pytest.mark.parametrize("vector", INVALID)
def test_each_invalid_vector_is_refused_for_its_reason(vector: dict[str, Any]) -> None:
    with pytest.raises(CodeRejected) as refused:
        read_card(vector["qr_data"])
    code, detail = ERRORS[vector["expected_error"]]
    assert refused.value.code == code
    assert detail in str(refused.value.params.get("detail", ""))


@pytest.mark.parametrize("vector", [each for each in VALID + EDGE if "encryption_key" not in each.values[0]])
def test_the_reference_library_reads_the_same(vector: dict[str, Any]) -> None:
    theirs = claim169.decode_unverified(vector["qr_data"], validate_timestamps=False)
    ours = read_card(vector["qr_data"]).card
    assert (theirs.claim169.id, theirs.claim169.full_name) == (ours.attributes[1], ours.attributes[4])
    assert theirs.cwt_meta.issuer == ours.issuer
    for name in ("face", "right_thumb", "right_pointer_finger"):
        entries = ours.named().get(name if name == "face" else _CAMEL[name], [])
        assert isinstance(entries, list)
        assert [each.data for each in getattr(theirs.claim169, name) or []] == [each[0] for each in entries]

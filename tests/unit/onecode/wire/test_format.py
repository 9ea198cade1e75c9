"""Credential, proof and code: sizes, bounds, and that what is written reads back."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.onecode.wire import base45, cose, qr
from backend.onecode.wire.code import CodeParts, build_code, parse_code
from backend.onecode.wire.credential import Claims, device_cose_key, encode_claims, parse_credential
from backend.onecode.wire.domains import (
    ALL_DOMAINS,
    MAX_LIFETIME,
    MAX_LIFETIME_SENSITIVE,
    Domain,
    max_lifetime,
)
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.proof import SignedProof, encode_proof, parse_proof, sign_proof, step_at, step_start
from tests.unit.onecode.wire.support import HOUR, NOW, Office

DEVICE_KEYS = [device_cose_key(SigningKey.generate(number).verify_key().public) for number in (-7, -8)]
MOMENTS = st.datetimes(NOW.replace(year=2000, tzinfo=None), NOW.replace(year=2100, tzinfo=None)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=NOW.tzinfo)
)
NUMBERS = st.integers(0, 2**32 - 1) | st.sampled_from([23, 24, 255, 256, 65535, 65536])
CLAIMS = st.builds(
    Claims,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=23),
    st.binary(min_size=16, max_size=16),
    MOMENTS,
    MOMENTS,
    st.sampled_from(DEVICE_KEYS),
    st.integers(0, 0xFFFF).map(Domain),
    NUMBERS,
    NUMBERS,
)
ISSUER_KEY = SigningKey.generate()


@given(CLAIMS)
def test_claims_read_back_and_are_deterministic_cbor(claims: Claims) -> None:
    payload = encode_claims(claims)
    assert cbor2.dumps(cbor2.loads(payload)) == payload
    assert cbor2.loads(payload)[-65537] == [claims.domains, claims.status_list, claims.status_index]
    credential = cose.sign1(payload, ISSUER_KEY, {})
    assert parse_credential(credential).claims == claims


def test_a_credential_is_a_cose_sign1_of_its_claims(office: Office) -> None:
    claims = office.claims()
    credential = office.credential(handle=claims.handle)
    message = cose.parse_sign1(credential)
    assert message.tagged
    assert message.header == {1: -7, 4: office.issuer.kid}
    assert message.verify(office.issuer.verify_key()) == encode_claims(claims)


def test_a_typical_code_fits_qr_version_12_at_level_m(office: Office) -> None:
    code = office.code(status_list=255, status_index=999_999)
    parts = parse_code(code)
    assert len(office.claims().issuer) == 9
    assert len(parts.binary) == 272
    assert len(code) <= 419
    drawn = qr.symbol(code)
    assert drawn.version == qr.MAX_CODE_VERSION
    assert drawn.error == "M"
    assert drawn.mode == "alphanumeric"


def test_the_longest_issuer_of_the_recommendation_still_fits_version_12(office: Office) -> None:
    code = office.code(issuer="i" * 11, status_list=65_535, status_index=999_999)
    assert qr.symbol(code).version == qr.MAX_CODE_VERSION


@given(st.integers(0x10000, 0xFFFFFFFF), st.binary(min_size=8, max_size=32))
def test_a_proof_reads_back(step: int, nonce: bytes) -> None:
    proof = encode_proof(step, nonce)
    assert cbor2.loads(proof) == [step, nonce]
    assert cbor2.dumps([step, nonce]) == proof
    assert parse_proof(proof) == (step, nonce)


@pytest.mark.parametrize(
    ("step", "nonce"), [(1, bytes(8)), (2**32, bytes(8)), (2**20, bytes(7)), (2**20, bytes(33))]
)
def test_a_proof_out_of_range_is_not_made(step: int, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="nonce"):
        encode_proof(step, nonce)


def test_a_step_is_15_seconds() -> None:
    step = step_at(NOW)
    assert step_start(step) <= NOW < step_start(step + 1)
    assert (step_start(step + 1) - step_start(step)).total_seconds() == 15


@given(
    st.binary(min_size=24, max_size=255),
    st.binary(min_size=1, max_size=40),
    st.binary(min_size=64, max_size=64),
)
def test_a_codes_parts_read_back(credential: bytes, proof: bytes, signature: bytes) -> None:
    text = build_code(credential, SignedProof(proof, signature))
    binary = cbor2.dumps([credential, proof, signature])
    if len(binary) >= 128:
        assert parse_code(text) == CodeParts(binary, credential, proof, signature)


def test_a_code_of_too_long_parts_is_not_made() -> None:
    with pytest.raises(ValueError, match="255"):
        build_code(bytes(256), SignedProof(bytes(16), bytes(64)))


@pytest.mark.parametrize("size", [41, 255, 256, 300, 400])
def test_a_code_with_a_proof_longer_than_any_is_refused(size: int) -> None:
    from_parts = cbor2.dumps([bytes(30), bytes(size), bytes(64)])
    with pytest.raises(CodeRejected, match="CODE_MALFORMED"):
        parse_code("YM1:" + base45.encode(from_parts))


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"issuer": "i" * 24},
        {"issuer": "长沙"},
        {"issuer": "two words"},
        {"handle": bytes(15)},
        {"device_key": bytes(44)},
        {"device_key": b""},
    ],
)
def test_claims_that_the_layout_cannot_hold_are_not_signed(
    office: Office, changes: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r"issuer|range"):
        office.credential(**changes)


@pytest.mark.parametrize("changes", [{"status_index": 2**32}, {"status_index": -1}])
def test_numbers_beyond_four_bytes_are_not_signed(office: Office, changes: dict[str, object]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        office.credential(**changes)


def test_a_proof_signs_the_credential_the_step_and_the_nonce(office: Office) -> None:
    credential = office.credential()
    proof = sign_proof(credential, step_at(NOW), b"nonce-01", office.device)
    assert proof.proof == encode_proof(step_at(NOW), b"nonce-01")
    assert len(proof.signature) == 64


def test_sensitive_domains_live_four_hours_and_others_a_day() -> None:
    assert max_lifetime(Domain.SCHOOL_GATE | Domain.GENERAL) == MAX_LIFETIME == 24 * HOUR
    for sensitive in (Domain.MEDICAL, Domain.SOCIAL_SECURITY, Domain.HOUSEHOLD):
        assert max_lifetime(sensitive | Domain.GENERAL) == MAX_LIFETIME_SENSITIVE == 4 * HOUR


def test_domains_have_names() -> None:
    assert Domain.named("social_security") is Domain.SOCIAL_SECURITY
    assert (Domain.MEDICAL | Domain.LIBRARY).names == ("medical", "library")
    assert len(ALL_DOMAINS.names) == 8
    with pytest.raises(CodeRejected, match="CODE_DOMAIN_NOT_ALLOWED"):
        Domain.named("casino")

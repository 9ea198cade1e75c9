"""Status lists: size, bounds, and what makes one usable."""

import random
import zlib
from datetime import timedelta

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.onecode.wire import cose, status
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.status import load_status_list, sign_status_list, status_bits
from tests.unit.onecode.wire.support import DAY, HOUR, NOW, Office

URI = "https://status.example/cs/7"


def refused(office: Office, token: bytes, code: str = "STATUS_LIST_INVALID", uri: str | None = None) -> str:
    with pytest.raises(TrustRejected) as refusal:
        load_status_list(token, office.trust_list(), now=office.clock.now(), uri=uri)
    assert refusal.value.code == code
    return str(refusal.value.params.get("detail"))


@given(st.sets(st.integers(0, 999)))
def test_exactly_the_revoked_bits_are_set(revoked: set[int]) -> None:
    bits = status_bits(1000, revoked)
    found = status.StatusList(URI, "cs", NOW, NOW + DAY, HOUR, bits)
    assert {index for index in range(1000) if found.is_revoked(index)} == revoked


def test_bits_are_numbered_from_the_least_significant_as_the_draft_has_it() -> None:
    assert status_bits(16, [0, 3, 4, 5, 7, 8, 9, 13, 15]) == bytes.fromhex("b9a3")


def test_a_million_entries_with_one_percent_revoked_stay_under_20_kilobytes(office: Office) -> None:
    revoked = random.Random(2026).sample(range(1_000_000), 10_000)
    token = office.status_token(revoked, size=1_000_000)
    assert len(token) < 20_000
    loaded = load_status_list(token, office.trust_list(), now=NOW, uri=URI)
    assert sum(octet.bit_count() for octet in loaded.bits) == 10_000
    assert all(loaded.is_revoked(index) for index in revoked)


def test_the_token_is_a_status_list_cwt(office: Office) -> None:
    message = cose.parse_sign1(office.status_token([5]))
    assert message.header[16] == "application/statuslist+cwt"
    claims = cbor2.loads(message.payload or b"")
    assert claims[2] == URI
    assert claims[65533]["bits"] == 1
    assert zlib.decompress(claims[65533]["lst"])[0] == 1 << 5
    assert claims[65534] == 900
    assert cbor2.dumps(claims, canonical=True) == message.payload


def test_a_list_is_due_after_its_ttl_and_stale_at_its_exp(office: Office) -> None:
    loaded = office.status_list()
    assert not loaded.is_due(NOW - HOUR + timedelta(minutes=14))
    assert loaded.is_due(NOW - HOUR + timedelta(minutes=15))
    assert not loaded.is_stale(NOW + 22 * HOUR)
    assert loaded.is_stale(NOW + 23 * HOUR)
    office.clock.set(NOW + 23 * HOUR)
    refused(office, office.status_token(), "STATUS_LIST_STALE")


def test_another_list_than_asked_for_is_refused(office: Office) -> None:
    assert "another list" in refused(office, office.status_token(number=8), uri=URI)


def test_a_list_at_an_address_that_is_not_its_issuers_is_refused(office: Office) -> None:
    for uri in ("https://status.example/zz/7", URI + "x", URI + "/../8", "https://status.example/cs/007", ""):
        token = sign_status_list(b"\0", uri, office.issuer, issued_at=NOW, lifetime=DAY, ttl=HOUR)
        refused(office, token)


def test_a_list_by_an_unlisted_key_is_refused(office: Office) -> None:
    other = Office(issuer=SigningKey.generate())
    assert "unknown key" in refused(office, other.status_token())


def test_a_changed_list_is_refused(office: Office) -> None:
    token = bytearray(office.status_token())
    token[-1] ^= 1
    assert refused(office, bytes(token)) == "CODE_SIGNATURE_INVALID"


def test_a_list_issued_ahead_of_time_is_refused(office: Office) -> None:
    uri, later = URI, NOW + timedelta(seconds=31)
    token = sign_status_list(b"\0", uri, office.issuer, issued_at=later, lifetime=DAY, ttl=HOUR)
    assert "future" in refused(office, token)


def test_a_list_signed_outside_its_keys_time_is_refused(office: Office) -> None:
    token = sign_status_list(b"\0", URI, office.issuer, issued_at=NOW - 2 * DAY, lifetime=5 * DAY, ttl=HOUR)
    assert "key's time" in refused(office, token)


def test_a_decompression_bomb_is_refused_before_it_is_built(office: Office) -> None:
    bomb = zlib.compress(bytes(status.MAX_LIST_BYTES + 1), 9)
    assert len(bomb) < 10_000
    body = {2: URI, 4: 1893456000, 6: int(NOW.timestamp()), 65533: {"lst": bomb, "bits": 1}, 65534: 900}
    assert refused(office, _signed(office, body)) == "CODE_DECOMPRESSION_FAILED"


@pytest.mark.parametrize(
    "change",
    [
        {65533: {"lst": zlib.compress(b"\0"), "bits": 2}},
        {65533: {"bits": 1}},
        {65533: {"lst": zlib.compress(b"\0") + b"x", "bits": 1}},
        {65533: {"lst": zlib.compress(b"\0")[:-1], "bits": 1}},
        {65533: {"lst": b"", "bits": 1}},
        {65533: []},
        {2: 7},
        {4: None},
        {6: "now"},
        {65534: 0},
        {65534: 2**40},
    ],
)
def test_a_list_with_a_bad_claim_is_refused(office: Office, change: dict[int, object]) -> None:
    good = {
        2: URI,
        4: 1893456000,
        6: int(NOW.timestamp()),
        65533: {"lst": zlib.compress(b"\0"), "bits": 1},
        65534: 900,
    }
    load_status_list(_signed(office, good), office.trust_list(), now=NOW)
    refused(office, _signed(office, good | change))


def test_a_token_that_is_no_status_list_is_refused(office: Office) -> None:
    refused(office, cose.sign1(cbor2.dumps({}), office.issuer, {cose.TYP: "application/cwt"}))
    refused(office, cose.sign1(cbor2.dumps([]), office.issuer, {cose.TYP: status.TYPE}))
    refused(office, office.credential())
    refused(office, b"")
    assert refused(office, bytes(status.MAX_TOKEN_BYTES + 1)) == "too long"


def test_an_index_beyond_the_list_is_refused_not_taken_as_valid(office: Office) -> None:
    with pytest.raises(CodeRejected, match="STATUS_LIST_INVALID"):
        office.status_list().is_revoked(1000)


def _signed(office: Office, claims: dict[int, object]) -> bytes:
    return cose.sign1(cbor2.dumps(claims), office.issuer, {cose.TYP: status.TYPE})

"""Trust lists: signed by a pinned root, fresh, never older than one seen, and the way to a new root."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.keys import SigningKey, to_jwk
from backend.onecode.wire.trust import MAX_AGE, TYPE, TrustedKey, TrustList, load_trust_list, sign_trust_list
from tests.unit.onecode.wire.support import DAY, HOUR, ISSUER, NOW, STATUS_URI, Office

SECOND = timedelta(seconds=1)


def refused(office: Office, token: str, code: str, **options: int) -> None:
    with pytest.raises(TrustRejected) as refusal:
        load_trust_list(token, [office.root.verify_key()], now=office.clock.now(), **options)
    assert refusal.value.code == code


@pytest.mark.parametrize("algorithm", [-7, -8])
def test_a_list_reads_back(algorithm: int) -> None:
    office = Office(issuer=SigningKey.generate(algorithm), root=SigningKey.generate(algorithm))
    loaded = office.trust_list()
    assert loaded.sequence == 5
    assert loaded.by_kid(office.issuer.kid) == office.trusted()
    assert loaded.roots == (office.root.verify_key(),)
    assert loaded.by_kid(b"no such key") is None


def test_a_list_older_than_one_seen_is_a_rollback(office: Office) -> None:
    token = office.trust_token(sequence=5)
    refused(office, token, "TRUST_LIST_ROLLBACK", highest_sequence=6)
    roots = [office.root.verify_key()]
    assert load_trust_list(token, roots, now=NOW, highest_sequence=5).sequence == 5


def test_a_verifier_fails_closed_at_seven_days(office: Office) -> None:
    token = office.trust_token(issued_at=NOW)
    loaded = load_trust_list(token, [office.root.verify_key()], now=NOW)
    loaded.require_usable(NOW + MAX_AGE - SECOND)
    with pytest.raises(TrustRejected, match="TRUST_LIST_STALE"):
        loaded.require_usable(NOW + MAX_AGE)
    office.clock.set(NOW + MAX_AGE)
    refused(office, token, "TRUST_LIST_STALE")


def test_a_list_ends_at_its_exp_and_does_not_begin_before_its_nbf(office: Office) -> None:
    body = TrustList(1, NOW, NOW, NOW + HOUR, (office.trusted(),), ())
    token = sign_trust_list(body, office.root)
    office.clock.set(NOW + HOUR)
    refused(office, token, "TRUST_LIST_STALE")
    office.clock.set(NOW - 31 * SECOND)
    refused(office, token, "TRUST_LIST_INVALID")


def test_a_new_root_comes_in_under_the_old_ones_signature(office: Office) -> None:
    new = SigningKey.generate()
    announced = load_trust_list(
        office.trust_token(sequence=6, roots=(office.root, new)), [office.root.verify_key()], now=NOW
    )
    switched = Office(issuer=office.issuer, root=new).trust_token(sequence=7, roots=(new,))
    after = load_trust_list(switched, announced.roots, now=NOW, highest_sequence=6)
    refused(office, switched, "TRUST_LIST_INVALID")
    with pytest.raises(TrustRejected, match="TRUST_LIST_INVALID"):
        load_trust_list(office.trust_token(sequence=8), after.roots, now=NOW, highest_sequence=7)


def test_a_list_by_another_root_is_refused(office: Office) -> None:
    refused(office, Office().trust_token(), "TRUST_LIST_INVALID")


def _resigned(office: Office, header: dict[str, str], body: object) -> str:
    key = ECKey.import_key(office.root.to_pem())
    return jws.serialize_compact(header, json.dumps(body), key, ["ES256"])


def _header(office: Office) -> dict[str, str]:
    public = to_jwk(office.root.verify_key())
    return {"alg": "ES256", "kid": public["kid"], "typ": TYPE}


def _body(office: Office) -> dict[str, object]:
    body: dict[str, object] = json.loads(jws.extract_compact(office.trust_token().encode()).payload)
    return body


@pytest.mark.parametrize(
    "change",
    [
        {"seq": None},
        {"seq": "12"},
        {"seq": -1},
        {"seq": True},
        {"iat": 1e9},
        {"exp": 10**30},
        {"keys": {}},
        {"keys": ["key"]},
        {"keys": [{}]},
        {"roots": None},
        {"roots": [{"kty": "RSA"}]},
    ],
)
def test_a_list_with_a_bad_member_is_refused(office: Office, change: dict[str, object]) -> None:
    load_trust_list(_resigned(office, _header(office), _body(office)), [office.root.verify_key()], now=NOW)
    refused(office, _resigned(office, _header(office), _body(office) | change), "TRUST_LIST_INVALID")


@pytest.mark.parametrize(
    "change",
    [
        {"kid": "AAAAAAAAAAA"},
        {"alg": "Ed25519"},
        {"iss": 7},
        {"domains": "medical"},
        {"status": None},
        {"nbf": "x"},
    ],
)
def test_a_list_with_a_bad_key_is_refused(office: Office, change: dict[str, object]) -> None:
    body = _body(office)
    keys = body["keys"]
    assert isinstance(keys, list)
    keys[0] |= change
    refused(office, _resigned(office, _header(office), body), "TRUST_LIST_INVALID")


def test_a_list_of_another_type_of_jws_is_refused(office: Office) -> None:
    refused(office, _resigned(office, _header(office) | {"typ": "JWT"}, _body(office)), "TRUST_LIST_INVALID")
    refused(office, _resigned(office, _header(office), [1]), "TRUST_LIST_INVALID")


@pytest.mark.parametrize("token", ["", "a.b.c", "...", "e30.e30.", "é", "x" * 300_000])
def test_what_is_no_jws_is_refused(office: Office, token: str) -> None:
    refused(office, token, "TRUST_LIST_INVALID")


def test_a_changed_payload_is_refused(office: Office) -> None:
    head, _, tail = office.trust_token().split(".")
    other = office.trust_token(sequence=99).split(".")[1]
    refused(office, f"{head}.{other}.{tail}", "TRUST_LIST_INVALID")


def test_an_unknown_domain_name_of_a_later_list_is_ignored(office: Office) -> None:
    body = _body(office)
    keys = body["keys"]
    assert isinstance(keys, list)
    keys[0]["domains"] = ["education", "not invented yet"]
    token = _resigned(office, _header(office), body)
    loaded = load_trust_list(token, [office.root.verify_key()], now=NOW)
    assert loaded.keys[0].domains == Domain.EDUCATION


def test_two_keys_with_one_identifier_are_refused(office: Office) -> None:
    twice = (office.trusted(), replace(office.trusted(), issuer="zz.tongyu"))
    with pytest.raises(CodeRejected, match="TRUST_LIST_INVALID"):
        TrustList(1, NOW, NOW, NOW + DAY, twice, ())


def test_a_status_lists_address_is_the_template_with_its_number() -> None:
    key = SigningKey.generate().verify_key()
    trusted = TrustedKey(key, ISSUER, ALL_DOMAINS, NOW, NOW, STATUS_URI)
    assert trusted.status_uri_of(12) == "https://status.example/cs/12"

"""The verifier's answers: what it says of a good code, and how it treats the status."""

from datetime import timedelta

import pytest

from backend.onecode.wire.code import build_code, parse_code
from backend.onecode.wire.credential import device_cose_key
from backend.onecode.wire.device import derive_proof_key
from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.proof import sign_proof, step_at, step_start
from backend.onecode.wire.trust import MAX_AGE
from backend.onecode.wire.verifier import OfflineVerifier
from tests.unit.onecode.wire.support import HOUR, ISSUER, NOW, Office


def test_an_accepted_code_says_all_that_the_desk_needs(office: Office) -> None:
    code = office.code(nonce=b"12345678", handle=b"h" * 16)
    found = office.verifier().verify(code, domain=Domain.EDUCATION)
    assert (found.issuer, found.handle, found.kid) == (ISSUER, b"h" * 16, office.issuer.kid)
    assert (found.issued_at, found.expires_at) == (NOW - HOUR, NOW + 3 * HOUR)
    assert (found.step, found.nonce) == (step_at(NOW), b"12345678")
    assert (found.status_list, found.status_index, found.domains) == (7, 42, ALL_DOMAINS)
    assert (found.status, found.status_as_of) == ("valid", NOW - HOUR)
    assert found.binary == parse_code(code).binary
    assert len(found.code_digest) == 32


def test_two_codes_of_one_credential_have_different_digests(office: Office) -> None:
    verifier = office.verifier()
    digests = {verifier.verify(office.code(), domain=Domain.GENERAL).code_digest for _ in range(3)}
    assert len(digests) == 3


def test_a_digest_need_be_remembered_until_the_window_has_closed(office: Office) -> None:
    code = office.code()
    verifier = office.verifier()
    until = verifier.verify(code, domain=Domain.GENERAL).replay_until
    office.clock.set(until - timedelta(milliseconds=1))
    verifier.verify(code, domain=Domain.GENERAL)
    office.clock.set(until)
    with pytest.raises(CodeRejected, match="CODE_PROOF_EXPIRED"):
        verifier.verify(code, domain=Domain.GENERAL)


def test_a_code_is_accepted_30_seconds_either_way_and_no_more(office: Office) -> None:
    code, verifier = office.code(), office.verifier()
    start = step_start(step_at(NOW))
    for seconds, accepted in ((-31, False), (-30, True), (0, True), (44, True), (45, False)):
        office.clock.set(start + timedelta(seconds=seconds))
        if accepted:
            verifier.verify(code, domain=Domain.GENERAL)
        else:
            with pytest.raises(CodeRejected, match="CODE_PROOF_"):
                verifier.verify(code, domain=Domain.GENERAL)


def test_the_status_list_is_not_asked_for_the_signatures_alone(office: Office) -> None:
    verifier = OfflineVerifier(office.trust_list(), clock=office.clock)
    found = verifier.verify_signatures(office.code(), domain=Domain.GENERAL)
    assert (found.status, found.status_as_of) == ("unknown", None)
    with pytest.raises(TrustRejected, match="STATUS_LIST_MISSING"):
        verifier.verify(office.code(), domain=Domain.GENERAL)


def test_a_stale_status_list_is_unknown_with_its_age_when_status_is_not_required(office: Office) -> None:
    stale = office.status_list()
    office.clock.set(NOW + 24 * HOUR)
    later = Office(office.issuer, office.root, office.device, office.clock)
    verifier = OfflineVerifier(later.trust_list(), [stale], clock=office.clock, require_status=False)
    credential_times = {"issued_at": NOW + 23 * HOUR, "expires_at": NOW + 25 * HOUR}
    code = _code_at(office, credential_times)
    found = verifier.verify(code, domain=Domain.GENERAL)
    assert (found.status, found.status_as_of) == ("unknown", stale.issued_at)


def _code_at(office: Office, times: dict[str, object]) -> str:
    credential = office.credential(**times)
    return build_code(
        credential, sign_proof(credential, step_at(office.clock.now()), b"nonce-01", office.device)
    )


def test_a_revoked_credential_is_refused_and_its_neighbours_are_not(office: Office) -> None:
    verifier = office.verifier(revoked=[42])
    with pytest.raises(CodeRejected, match="CODE_REVOKED"):
        verifier.verify(office.code(), domain=Domain.GENERAL)
    for neighbour in (41, 43, 34, 50):
        assert verifier.verify(office.code(status_index=neighbour), domain=Domain.GENERAL).status == "valid"


def test_a_status_list_of_another_issuer_at_the_same_address_does_not_count(office: Office) -> None:
    foreign = Office(issuer=SigningKey.generate(), root=office.root).status_list()
    assert foreign.uri == office.status_list().uri
    relabelled = OfflineVerifier(
        office.trust_list(),
        [type(foreign)(foreign.uri, "zz.tongyu", NOW, NOW + HOUR, HOUR, foreign.bits)],
        clock=office.clock,
    )
    with pytest.raises(TrustRejected, match="STATUS_LIST_MISSING"):
        relabelled.verify(office.code(), domain=Domain.GENERAL)


def test_a_challenge_must_be_the_nonce(office: Office) -> None:
    verifier, code = office.verifier(), office.code(nonce=b"challenge")
    assert verifier.verify(code, domain=Domain.GENERAL, challenge=b"challenge").nonce == b"challenge"
    for other in (b"challengf", b"challeng", b""):
        with pytest.raises(CodeRejected, match="CODE_CHALLENGE_MISMATCH"):
            verifier.verify(code, domain=Domain.GENERAL, challenge=other)


def test_a_domain_must_be_asked_for_and_all_of_it_allowed(office: Office) -> None:
    verifier, code = office.verifier(), office.code(domains=Domain.MEDICAL | Domain.EDUCATION)
    verifier.verify(code, domain=Domain.MEDICAL | Domain.EDUCATION)
    for domain in (Domain(0), Domain.LIBRARY, Domain.MEDICAL | Domain.LIBRARY):
        with pytest.raises(CodeRejected, match="CODE_DOMAIN_NOT_ALLOWED"):
            verifier.verify(code, domain=domain)


def test_a_running_verifier_fails_closed_when_its_trust_list_ages(office: Office) -> None:
    verifier, code = office.verifier(), office.code()
    office.clock.set(NOW - HOUR + MAX_AGE)
    with pytest.raises(TrustRejected, match="TRUST_LIST_STALE"):
        verifier.verify(code, domain=Domain.GENERAL)


@pytest.mark.parametrize("issuer", [-7, -8])
@pytest.mark.parametrize("device", [-7, -8])
def test_every_pair_of_algorithms_works(issuer: int, device: int) -> None:
    office = Office(issuer=SigningKey.generate(issuer), device=SigningKey.generate(device))
    assert office.verifier().verify(office.code(), domain=Domain.GENERAL).status == "valid"


def test_the_server_can_sign_for_a_client_that_cannot(office: Office) -> None:
    handle = b"h" * 16
    server = Office(office.issuer, office.root, derive_proof_key(b"s" * 32, handle), office.clock)
    code = server.code(handle=handle, device_key=device_cose_key(server.device.verify_key().public))
    assert office.verifier().verify(code, domain=Domain.GENERAL).handle == handle

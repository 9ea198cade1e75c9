import time

import httpx2
import pytest

from backend.core.clock import SystemClock
from backend.core.errors import Refusal
from backend.core.outbound import Outbound
from backend.exchange.public_security import FaceResult, HttpPublicSecurity, RealNameResult
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.population import person
from tests.fakes import StandingClock

CONFIG = SandboxConfig()
NAME, ID_NUMBER = "周晓雯", "430302198811053022"


def test_a_known_person_matches(clients):
    assert clients.public_security.check(NAME, ID_NUMBER, "r-1") is RealNameResult.MATCH


def test_every_generated_resident_matches_up_to_the_last(clients):
    for index in (0, 1, 777, CONFIG.residents - 1):
        somebody = person(index)
        checked = clients.public_security.check(somebody.name, somebody.id_number, f"r-{index}")
        assert checked is RealNameResult.MATCH


def test_who_lies_beyond_the_population_has_no_record(clients):
    stranger = person(CONFIG.residents)
    checked = clients.public_security.check(stranger.name, stranger.id_number, "r-1")
    assert checked is RealNameResult.NO_RECORD


def test_a_wrong_name_mismatches(clients):
    assert clients.public_security.check("周小雯", ID_NUMBER, "r-1") is RealNameResult.MISMATCH


def test_a_person_added_by_hand_is_known(clients, sandbox):
    sandbox.add_person("KAZ110090123105", "Айгүл")
    assert clients.public_security.check("Айгүл", "KAZ110090123105", "r-1") is RealNameResult.MATCH


def test_a_check_is_tried_again_after_a_fault(clients, sandbox):
    sandbox.fault("public-security", "DROP")
    assert clients.public_security.check(NAME, ID_NUMBER, "r-1") is RealNameResult.MATCH
    assert sandbox.counts() == {"public-security": 2}


@pytest.mark.parametrize(
    ("kind", "expected"), [("DOWN", "UPSTREAM_UNAVAILABLE"), ("MALFORMED", "UPSTREAM_MALFORMED")]
)
def test_a_fault_that_stays_is_a_coded_refusal(clients, sandbox, kind, expected):
    sandbox.fault("public-security", kind, calls=10)
    with pytest.raises(Refusal, match=expected):
        clients.public_security.check(NAME, ID_NUMBER, "r-1")


def test_a_slow_registry_is_given_up_at_the_deadline(hurried_clients, sandbox):
    sandbox.fault("public-security", "SLOW", delay_ms=3000)
    started = time.monotonic()
    with pytest.raises(Refusal, match="UPSTREAM_TIMEOUT"):
        hurried_clients.public_security.check(NAME, ID_NUMBER, "r-1")
    assert 0.5 < time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("caller", "key", "clock"),
    [
        ("tongyu", b"wrong", SystemClock()),
        ("stranger", CONFIG.exchange_key.encode(), SystemClock()),
        ("tongyu", CONFIG.exchange_key.encode(), StandingClock()),
    ],
    ids=["wrong key", "unknown caller", "stale signature"],
)
def test_an_unsigned_caller_learns_nothing(sandbox, caller, key, clock):
    outbound = Outbound("public_security", sandbox.url)
    with pytest.raises(Refusal, match="EXCHANGE_REFUSED"):
        HttpPublicSecurity(outbound, caller, key, clock).check(NAME, ID_NUMBER, "r-1")
    outbound.close()


def test_a_face_verification_is_pending_until_it_is_passed(clients, sandbox):
    ticket = clients.public_security.start(NAME, ID_NUMBER, "f-1")
    assert clients.public_security.result(ticket.ticket) is FaceResult.PENDING
    sandbox.decide_face(ticket.ticket, "PASSED")
    assert clients.public_security.result(ticket.ticket) is FaceResult.PASSED


def test_the_page_that_the_phone_opens_fails_or_passes_it(clients):
    ticket = clients.public_security.start(NAME, ID_NUMBER, "f-1")
    page = httpx2.post(ticket.url, data={"result": "FAILED"}, trust_env=False)
    assert "当前状态：FAILED" in page.text
    assert clients.public_security.result(ticket.ticket) is FaceResult.FAILED
    httpx2.post(ticket.url, data={"result": "PASSED"}, trust_env=False)
    assert clients.public_security.result(ticket.ticket) is FaceResult.FAILED


def test_a_verification_passes_by_itself_where_so_set(clients, sandbox):
    sandbox.pass_faces()
    ticket = clients.public_security.start(NAME, ID_NUMBER, "f-1")
    assert clients.public_security.result(ticket.ticket) is FaceResult.PASSED


def test_the_same_request_has_one_ticket_even_when_its_answer_was_lost(clients, sandbox):
    sandbox.fault("face", "DROP")
    ticket = clients.public_security.start(NAME, ID_NUMBER, "f-1")
    assert clients.public_security.start(NAME, ID_NUMBER, "f-1") == ticket
    assert sandbox.counts() == {"face": 3}


def test_a_stranger_has_no_photograph(clients):
    with pytest.raises(Refusal, match="FACE_NO_PHOTO"):
        clients.public_security.start("周小雯", ID_NUMBER, "f-1")


@pytest.mark.parametrize(("ticket", "asked"), [("unknown", {"face": 1}), ("../../_admin/counts?x=1", {})])
def test_an_unknown_ticket_is_refused_and_a_crooked_one_not_even_asked_for(clients, sandbox, ticket, asked):
    with pytest.raises(Refusal, match="FACE_TICKET_UNKNOWN"):
        clients.public_security.result(ticket)
    assert sandbox.counts() == asked

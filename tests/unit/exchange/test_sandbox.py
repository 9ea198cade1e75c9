"""The stand-ins' own rules, by a clock that is moved."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.exchange.public_security import FaceResult, RealNameResult
from backend.exchange.sandbox.app import create_sandbox
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.face import FaceTickets
from backend.exchange.sandbox.faults import Fault, FaultKind, Faults
from backend.exchange.sandbox.population import person
from backend.exchange.sandbox.public_security import PeopleRegistry
from backend.exchange.sandbox.sms import SmsOutbox
from backend.exchange.sandbox.wechat import WeChatUsers


def test_a_planned_fault_is_shared_out_exactly_between_threads():
    faults = Faults()
    faults.plan("sms", Fault(FaultKind.DOWN, calls=50))
    with ThreadPoolExecutor(16) as threads:
        met = Counter(fault is not None for fault in threads.map(lambda _: faults.arrived("sms"), range(400)))
    assert met == {True: 50, False: 350}
    assert faults.counts() == {"sms": 400}


def test_a_fault_of_one_stand_in_spares_the_others():
    faults = Faults()
    faults.plan("sms", Fault(FaultKind.DOWN))
    assert faults.arrived("wechat") is None
    assert faults.arrived("sms") == Fault(FaultKind.DOWN)


def test_a_reset_forgets_faults_and_counts():
    faults = Faults()
    faults.plan("sms", Fault(FaultKind.DOWN, calls=5))
    faults.arrived("sms")
    faults.reset()
    assert faults.counts() == {}
    assert faults.arrived("sms") is None


def test_a_wechat_code_lasts_five_minutes(clock):
    users = WeChatUsers(clock)
    code, late = users.log_in("openid"), users.log_in("openid")
    clock.advance(300)
    assert users.redeem(code)[0] == 0
    clock.advance(1)
    assert users.redeem(late) == (40029, None)


def test_of_many_threads_one_redeems_a_code(clock):
    users = WeChatUsers(clock)
    code = users.log_in("openid")
    with ThreadPoolExecutor(16) as threads:
        errcodes = Counter(threads.map(lambda _: users.redeem(code)[0], range(100)))
    assert errcodes == {0: 1, 40163: 99}


def test_a_blocked_user_stays_blocked(clock):
    users = WeChatUsers(clock)
    code = users.log_in("openid", blocked=True)
    assert [users.redeem(code)[0] for _ in range(2)] == [40226, 40226]


def test_the_hourly_limit_of_a_number_lifts_after_an_hour(clock):
    outbox = SmsOutbox(clock, hourly_limit=2)
    for at in range(2):
        outbox.take("13000000001", "s", "t", {}, f"d-{at}")
    assert outbox.take("13000000001", "s", "t", {}, "d-2") == "RATE_LIMITED"
    assert outbox.take("13000000001", "s", "t", {}, "d-1") == outbox.to("13000000001")[0]
    clock.advance(3600)
    assert outbox.take("13000000001", "s", "t", {}, "d-2") == outbox.to("13000000001")[0]


def test_a_full_outbox_forgets_the_oldest_message_everywhere(clock):
    outbox = SmsOutbox(clock, hourly_limit=10, most_messages=2)
    first = outbox.take("13000000001", "s", "t", {}, "d-0")
    for at in (1, 2):
        outbox.take("13000000002", "s", "t", {}, f"d-{at}")
    assert outbox.to("13000000001") == []
    assert [message.dedupe_id for message in outbox.to("13000000002")] == ["d-2", "d-1"]
    assert outbox.take("13000000001", "s", "t", {}, "d-0") != first


@pytest.mark.parametrize(
    ("mobile", "template", "code"),
    [("23000000001", "t", "INVALID_NUMBER"), ("13000000001", "no such", "TEMPLATE_UNKNOWN")],
)
def test_a_gateway_refuses_by_code(clock, mobile, template, code):
    outbox = SmsOutbox(clock, hourly_limit=2)
    assert outbox.take(mobile, "s", template, {}, "d-1") == code
    assert outbox.to(mobile) == []


def test_a_pending_face_expires_and_can_no_longer_be_passed(clock):
    tickets = FaceTickets(clock, auto_pass=False)
    ticket = tickets.open("r-1")
    clock.advance(299)
    assert tickets.result(ticket) is FaceResult.PENDING
    clock.advance(1)
    assert tickets.result(ticket) is FaceResult.EXPIRED
    assert not tickets.decide(ticket, FaceResult.PASSED)
    assert tickets.result(ticket) is FaceResult.EXPIRED


def test_a_face_once_passed_stays_passed(clock):
    tickets = FaceTickets(clock, auto_pass=False)
    ticket = tickets.open("r-1")
    assert tickets.decide(ticket, FaceResult.PASSED)
    assert not tickets.decide(ticket, FaceResult.FAILED)
    clock.advance(1000)
    assert tickets.result(ticket) is FaceResult.PASSED


def test_a_reset_brings_back_what_was_configured(clock):
    tickets = FaceTickets(clock, auto_pass=True)
    tickets.set_auto_pass(auto_pass=False)
    tickets.reset()
    assert tickets.result(tickets.open("r-1")) is FaceResult.PASSED


def test_the_registry_knows_its_residents_and_no_more():
    registry = PeopleRegistry(residents=10, seed=3)
    last, beyond = person(9, 3), person(10, 3)
    assert registry.compare(last.name, last.id_number) is RealNameResult.MATCH
    assert registry.compare("别人", last.id_number) is RealNameResult.MISMATCH
    assert registry.compare(beyond.name, beyond.id_number) is RealNameResult.NO_RECORD
    registry.add(beyond.id_number, beyond.name)
    assert registry.compare(beyond.name, beyond.id_number) is RealNameResult.MATCH
    registry.reset()
    assert registry.compare(beyond.name, beyond.id_number) is RealNameResult.NO_RECORD


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/faults", {"stand_in": "bank", "kind": "DOWN"}, "stand_in"),
        ("/faults", {"stand_in": "sms", "kind": "GONE"}, "kind"),
        ("/faults", {"stand_in": "wechat", "kind": "CODE", "code": "busy"}, "code"),
        ("/wechat/codes", {}, "openid"),
        ("/face/tickets/t", {"result": "MAYBE"}, "result"),
    ],
)
def test_a_wrong_control_is_told_what_is_wrong(clock, path, body, field):
    answer = create_sandbox(SandboxConfig(), clock).test_client().post(f"/_admin{path}", json=body)
    assert answer.status_code == 422
    assert answer.json == {"code": "BAD_REQUEST", "fields": [field]}


def test_a_family_can_be_asked_for_up_to_the_last_resident(clock):
    client = create_sandbox(SandboxConfig(residents=20), clock).test_client()
    family = client.get("/_admin/people/13/family").json
    assert [member["relation"] for member in family] == ["HEAD", "SPOUSE", "CHILD", "PARENT", "PARENT"]
    assert family[0]["id_number"] == person(13).id_number
    assert client.get("/_admin/people/20/family").status_code == 404


def test_the_configuration_prints_no_credentials():
    config = SandboxConfig()
    shown = repr(config)
    assert config.wechat_app_secret not in shown
    assert config.sms_access_key not in shown
    assert config.exchange_key not in shown

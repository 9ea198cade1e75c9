import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.core.errors import Refusal
from backend.core.outbound import Outbound
from notifications.channels.sms import HttpSmsGateway

MOBILE = "13000000002"


def send(clients, mobile=MOBILE, dedupe_id="d-1"):
    return clients.sms.send(mobile, "LOGIN_CODE", {"code": "123456"}, dedupe_id)


def test_a_message_arrives(clients, sandbox):
    receipt = send(clients)
    (message,) = sandbox.messages(MOBILE)
    assert message["message_id"] == receipt.message_id
    assert message["template"] == "LOGIN_CODE"
    assert message["params"] == {"code": "123456"}
    assert message["sign_name"] == "一码通域"


def test_the_newest_message_comes_first_and_other_numbers_stay_out(clients, sandbox):
    for at in range(3):
        send(clients, dedupe_id=f"d-{at}")
    send(clients, mobile="13000000003", dedupe_id="other")
    ids = [message["message_id"] for message in sandbox.messages(MOBILE)]
    assert len(ids) == 3
    assert ids == sorted(ids, reverse=True)


def test_a_repeated_dedupe_id_sends_nothing_and_gives_the_first_receipt(clients, sandbox):
    assert send(clients) == send(clients)
    assert len(sandbox.messages(MOBILE)) == 1


def test_an_answer_lost_on_the_way_sends_one_message(clients, sandbox):
    sandbox.fault("sms", "DROP")
    receipt = send(clients)
    assert sandbox.counts() == {"sms": 2}
    assert [message["message_id"] for message in sandbox.messages(MOBILE)] == [receipt.message_id]


def test_thirty_two_threads_with_one_dedupe_id_send_one_message(clients, sandbox):
    with ThreadPoolExecutor(32) as threads:
        receipts = set(threads.map(lambda _: send(clients), range(32)))
    assert len(receipts) == 1
    assert len(sandbox.messages(MOBILE)) == 1


def test_an_impossible_number_is_refused(clients):
    with pytest.raises(Refusal, match="SMS_INVALID_NUMBER"):
        send(clients, mobile="12000000000")


def test_a_blocked_number_is_refused_and_nothing_is_sent(clients, sandbox):
    sandbox.block_mobile(MOBILE)
    with pytest.raises(Refusal, match="SMS_BLOCKED"):
        send(clients)
    assert sandbox.messages(MOBILE) == []


def test_the_hourly_limit_of_a_number_says_when_to_come_back(clients, sandbox):
    for at in range(60):
        send(clients, dedupe_id=f"d-{at}")
    with pytest.raises(Refusal, match="SMS_RATE_LIMITED") as refused:
        send(clients, dedupe_id="one too many")
    assert refused.value.retry_after == 60
    send(clients, mobile="13000000003", dedupe_id="another number")
    assert len(sandbox.messages(MOBILE)) == 60


def test_a_wrong_key_is_our_own_fault(sandbox):
    outbound = Outbound("sms", sandbox.url)
    with pytest.raises(Refusal, match="SMS_REFUSED"):
        HttpSmsGateway(outbound, "wrong", "一码通域").send(MOBILE, "LOGIN_CODE", {}, "d-1")
    outbound.close()
    assert sandbox.messages(MOBILE) == []


@pytest.mark.parametrize("kind", ["DOWN", "ERROR", "DROP"])
def test_a_gateway_that_stays_down_is_tried_three_times(clients, sandbox, kind):
    sandbox.fault("sms", kind, calls=10)
    with pytest.raises(Refusal, match="UPSTREAM_UNAVAILABLE") as refused:
        send(clients)
    assert refused.value.retry_after == 5
    assert sandbox.counts() == {"sms": 3}


def test_a_gateway_that_recovers_takes_the_message(clients, sandbox):
    sandbox.fault("sms", "DOWN", calls=2)
    send(clients)
    assert len(sandbox.messages(MOBILE)) == 1


def test_an_unreadable_answer_is_malformed_and_not_tried_again(clients, sandbox):
    sandbox.fault("sms", "MALFORMED")
    with pytest.raises(Refusal, match="UPSTREAM_MALFORMED"):
        send(clients)
    assert sandbox.counts() == {"sms": 1}


def test_a_slow_gateway_is_given_up_at_the_deadline(hurried_clients, sandbox):
    sandbox.fault("sms", "SLOW", delay_ms=3000)
    started = time.monotonic()
    with pytest.raises(Refusal, match="UPSTREAM_TIMEOUT"):
        send(hurried_clients)
    assert 0.5 < time.monotonic() - started < 2.0

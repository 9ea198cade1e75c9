import time

import pytest

from backend.core.errors import Refusal
from backend.core.outbound import Outbound
from backend.exchange.wechat import HttpWeChatLogin, WeChatSession


def test_a_fresh_code_gives_the_user(clients, sandbox):
    code = sandbox.wechat_code("openid-1", unionid="union-1")
    assert clients.wechat.exchange(code) == WeChatSession("openid-1", "union-1")


def test_a_user_without_an_open_platform_has_no_unionid(clients, sandbox):
    assert clients.wechat.exchange(sandbox.wechat_code("openid-2")).unionid is None


def test_the_session_key_is_not_handed_on_and_the_ids_are_not_printed(clients, sandbox):
    session = clients.wechat.exchange(sandbox.wechat_code("openid-3"))
    assert WeChatSession.__slots__ == ("openid", "unionid")
    assert "openid-3" not in repr(session)


def test_an_invented_code_is_invalid(clients):
    with pytest.raises(Refusal, match="WECHAT_CODE_INVALID"):
        clients.wechat.exchange("invented")


def test_a_code_works_once(clients, sandbox):
    code = sandbox.wechat_code("openid-4")
    clients.wechat.exchange(code)
    with pytest.raises(Refusal, match="WECHAT_CODE_USED"):
        clients.wechat.exchange(code)


def test_a_user_whom_wechat_blocks_is_refused(clients, sandbox):
    with pytest.raises(Refusal, match="WECHAT_USER_BLOCKED"):
        clients.wechat.exchange(sandbox.wechat_code("openid-5", blocked=True))


def test_the_rate_limit_says_when_to_come_back(clients, sandbox):
    code = sandbox.wechat_code("openid-6")
    sandbox.fault("wechat", "CODE", code="45011")
    with pytest.raises(Refusal, match="WECHAT_BUSY") as refused:
        clients.wechat.exchange(code)
    assert refused.value.retry_after == 60
    assert sandbox.counts() == {"wechat": 1}


def test_a_busy_system_is_asked_again(clients, sandbox):
    code = sandbox.wechat_code("openid-7")
    sandbox.fault("wechat", "CODE", code="-1")
    assert clients.wechat.exchange(code).openid == "openid-7"
    assert sandbox.counts() == {"wechat": 2}


def test_a_system_that_stays_busy_is_unavailable(clients, sandbox):
    code = sandbox.wechat_code("openid-8")
    sandbox.fault("wechat", "CODE", code="-1", calls=10)
    with pytest.raises(Refusal, match="UPSTREAM_UNAVAILABLE") as refused:
        clients.wechat.exchange(code)
    assert refused.value.retry_after == 5
    assert sandbox.counts() == {"wechat": 3}


@pytest.mark.parametrize(("app_id", "secret"), [("wx0000000000000000", "wrong"), ("wrong", "any")])
def test_wrong_credentials_are_our_own_fault(sandbox, app_id, secret):
    outbound = Outbound("wechat", f"{sandbox.url}/wechat")
    with pytest.raises(Refusal, match="WECHAT_MISCONFIGURED"):
        HttpWeChatLogin(outbound, app_id, secret).exchange(sandbox.wechat_code("openid-9"))
    outbound.close()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("DOWN", "UPSTREAM_UNAVAILABLE"),
        ("ERROR", "UPSTREAM_UNAVAILABLE"),
        ("MALFORMED", "UPSTREAM_MALFORMED"),
        ("DROP", "UPSTREAM_UNAVAILABLE"),
    ],
)
def test_a_single_use_code_is_never_sent_twice(clients, sandbox, kind, expected):
    code = sandbox.wechat_code("openid-10")
    sandbox.fault("wechat", kind)
    with pytest.raises(Refusal, match=expected):
        clients.wechat.exchange(code)
    assert sandbox.counts() == {"wechat": 1}


@pytest.mark.parametrize(("kind", "delay_ms"), [("SLOW", 3000), ("DRIP", 100)])
def test_a_slow_wechat_is_given_up_at_the_deadline(hurried_clients, sandbox, kind, delay_ms):
    code = sandbox.wechat_code("openid-11")
    sandbox.fault("wechat", kind, delay_ms=delay_ms)
    started = time.monotonic()
    with pytest.raises(Refusal, match="UPSTREAM_TIMEOUT"):
        hurried_clients.wechat.exchange(code)
    assert 0.5 < time.monotonic() - started < 2.0

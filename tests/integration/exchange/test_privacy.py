"""Whatever happens on the way out, neither secrets nor personal data reach a log or an error."""

import io
import logging
import traceback
from contextlib import closing, contextmanager

import pytest
import structlog

from backend.core.errors import Refusal
from backend.core.outbound import Outbound
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.wechat import HttpWeChatLogin

CONFIG = SandboxConfig()
NAME, ID_NUMBER, MOBILE = "周晓雯", "430302198811053022", "13000000002"
ONE_TIME_CODE, OPENID = "987123", "openid-of-somebody"


@contextmanager
def everything_logged():
    """All that the standard library's logging and structlog write in the block, at the finest level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    configured = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    try:
        yield stream
    finally:
        structlog.configure(**configured)
        root.setLevel(level)
        root.removeHandler(handler)


def attempt(work):
    """The traceback of the refusal that `work` ends in, or nothing."""
    try:
        work()
    except Refusal as refused:
        return "".join(traceback.format_exception(refused)) + repr(refused) + str(refused.params)
    return ""


@pytest.mark.parametrize("kind", ["", "DOWN", "MALFORMED", "DROP", "SLOW"])
def test_nothing_secret_or_personal_is_written(hurried_clients, sandbox, kind):
    code = sandbox.wechat_code(OPENID)
    security = hurried_clients.public_security
    calls = {
        "wechat": lambda: hurried_clients.wechat.exchange(code),
        "sms": lambda: hurried_clients.sms.send(MOBILE, "LOGIN_CODE", {"code": ONE_TIME_CODE}, "d-1"),
        "public-security": lambda: security.check(NAME, ID_NUMBER, "r-1"),
        "face": lambda: security.start(NAME, ID_NUMBER, "r-1"),
    }
    with everything_logged() as stream:
        for stand_in, work in calls.items():
            if kind:
                sandbox.fault(stand_in, kind, calls=3, delay_ms=1500)
            stream.write(attempt(work))
    written = stream.getvalue()
    assert written.count('"event": "outbound_call"') == 4
    secrets = {CONFIG.wechat_app_secret, CONFIG.sms_access_key, CONFIG.exchange_key, code}
    personal = {OPENID, NAME, ID_NUMBER, MOBILE, ONE_TIME_CODE}
    assert [text for text in secrets | personal if text in written] == []


def test_a_connection_that_fails_shows_no_secret(sandbox):
    with everything_logged() as stream, closing(Outbound("wechat", "http://127.0.0.1:1")) as outbound:
        login = HttpWeChatLogin(outbound, CONFIG.wechat_app_id, CONFIG.wechat_app_secret)
        stream.write(attempt(lambda: login.exchange("code-1")))
    assert "UPSTREAM_UNAVAILABLE" in stream.getvalue()
    assert CONFIG.wechat_app_secret not in stream.getvalue()


def test_the_event_says_who_what_how_and_how_long(clients, sandbox):
    with structlog.testing.capture_logs() as events:
        clients.sms.send(MOBILE, "LOGIN_CODE", {"code": ONE_TIME_CODE}, "d-1")
    (event,) = events
    assert event.pop("duration_ms") > 0
    assert event == {
        "event": "outbound_call",
        "log_level": "info",
        "upstream": "sms",
        "operation": "send",
        "outcome": "OK",
        "error": None,
        "status": 202,
        "attempts": 1,
    }

"""Fixtures: the sandbox as a real server, and the production clients that talk to it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from backend.core.clock import SystemClock
from backend.core.outbound import Outbound
from backend.exchange.public_security import HttpPublicSecurity
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.wechat import HttpWeChatLogin
from notifications.channels.sms import HttpSmsGateway
from tests.sandbox import Sandbox, running_sandbox

CONFIG = SandboxConfig()


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Sandbox]:
    """One sandbox process for the test run."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Sandbox:
    """The sandbox as just started."""
    sandbox_server.reset()
    return sandbox_server


class Clients:
    """The production clients, on the sandbox; `deadline` in seconds."""

    def __init__(self, url: str, deadline: float, stack: ExitStack) -> None:
        def outbound(name: str, path: str = "") -> Outbound:
            return stack.enter_context(closing(Outbound(name, url + path, deadline=deadline)))

        self.wechat = HttpWeChatLogin(
            outbound("wechat", "/wechat"), CONFIG.wechat_app_id, CONFIG.wechat_app_secret
        )
        self.sms = HttpSmsGateway(outbound("sms"), CONFIG.sms_access_key, "一码通域")
        self.public_security = HttpPublicSecurity(
            outbound("public_security"), CONFIG.exchange_caller, CONFIG.exchange_key.encode(), SystemClock()
        )


@pytest.fixture
def clients(sandbox: Sandbox) -> Iterator[Clients]:
    """Clients with three seconds for each call."""
    with ExitStack() as stack:
        yield Clients(sandbox.url, 3.0, stack)


@pytest.fixture
def hurried_clients(sandbox: Sandbox) -> Iterator[Clients]:
    """Clients with 0.6 s for each call."""
    with ExitStack() as stack:
        yield Clients(sandbox.url, 0.6, stack)

"""Identity with the production clients of WeChat, SMS and the public-security department, over real HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from backend.core.foundation import Foundation
from backend.core.mongo.schema import ensure_indexes
from backend.identity.login.models import CodePurpose, RegistrationNeeded
from backend.identity.login.proofs import ProofGiven
from backend.identity.login.registration import RegistrationRequest
from backend.identity.models import Assurance
from backend.identity.service import IdentityPorts, build_identity
from backend.identity.sessions.models import SignedIn
from tests.fakes import StandingClock
from tests.integration.exchange.conftest import Clients
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LI, PHONE, World, key
from tests.sandbox import Sandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox_server() -> Iterator[Sandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_server: Sandbox) -> Sandbox:
    sandbox_server.reset()
    sandbox_server.add_person(LI[1], LI[0])
    return sandbox_server


@pytest.fixture
def outside(core: Foundation, clock: StandingClock, sandbox: Sandbox) -> Iterator[World]:
    """The world, but for its outside: that is the sandbox."""
    with ExitStack() as stack:
        clients = Clients(sandbox.url, 0.6, stack)
        world = World(core, clock)
        ports = IdentityPorts(clients.public_security, clients.public_security, clients.wechat, clients.sms)
        world.identity = build_identity(core, ports)
        ensure_indexes(core.db, world.indexes)
        yield world


def proof(world: World, sandbox: Sandbox) -> ProofGiven:
    challenge = world.ask_code(LI[2]).challenge
    return ProofGiven(challenge, sandbox.messages(LI[2])[0]["params"]["code"])


def residents(world: World) -> int:
    return world.core.db["residents"].count_documents({})


def test_a_known_person_registers_by_text_message_and_wechat(outside: World, sandbox: Sandbox) -> None:
    needed = outside.identity.wechat.sign_in(sandbox.wechat_code("openid-1"), PHONE, key())
    assert isinstance(needed, RegistrationNeeded)
    request = RegistrationRequest(LI[0], LI[1], proof(outside, sandbox), wechat_ticket=needed.ticket)
    registered = outside.identity.registration.register(request, PHONE, key())
    back = outside.identity.wechat.sign_in(sandbox.wechat_code("openid-1"), PHONE, key())
    assert isinstance(back, SignedIn)
    assert back.resident == registered.resident


def test_a_name_that_is_not_the_number_s_is_refused(outside: World, sandbox: Sandbox) -> None:
    request = RegistrationRequest("王伟", LI[1], proof(outside, sandbox))
    with refused("REAL_NAME_MISMATCH"):
        outside.identity.registration.register(request, PHONE, key())
    assert residents(outside) == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "SLOW", "delay_ms": 2000}, "UPSTREAM_TIMEOUT"),
        ({"kind": "DOWN"}, "UPSTREAM_UNAVAILABLE"),
        ({"kind": "ERROR"}, "UPSTREAM_UNAVAILABLE"),
        ({"kind": "MALFORMED"}, "UPSTREAM_MALFORMED"),
    ],
)
def test_a_registry_in_trouble_leaves_nothing_and_a_retry_goes_through(
    outside: World, sandbox: Sandbox, fault: dict[str, Any], code: str
) -> None:
    request = RegistrationRequest(LI[0], LI[1], proof(outside, sandbox))
    sandbox.fault("public-security", calls=20, **fault)
    with refused(code):
        outside.identity.registration.register(request, PHONE, key())
    assert residents(outside) == 0
    assert outside.core.db["sessions"].count_documents({}) == 0
    sandbox.reset()
    sandbox.add_person(LI[1], LI[0])
    assert outside.identity.registration.register(request, PHONE, key()).resident


def test_a_used_or_made_up_wechat_code_is_refused(outside: World, sandbox: Sandbox) -> None:
    code = sandbox.wechat_code("openid-1")
    outside.identity.wechat.sign_in(code, PHONE, key())
    with refused("WECHAT_CODE_USED"):
        outside.identity.wechat.sign_in(code, PHONE, key())
    with refused("WECHAT_CODE_INVALID"):
        outside.identity.wechat.sign_in("made-up", PHONE, key())


def test_a_blocked_number_gets_no_code_and_the_caller_learns_nothing(
    outside: World, sandbox: Sandbox
) -> None:
    sandbox.block_mobile(LI[2])
    asked = outside.identity.codes.request(LI[2], CodePurpose.SIGN_IN, PHONE, key())
    assert asked.challenge
    assert sandbox.messages(LI[2]) == []


def test_a_face_that_the_department_passed_gives_level_three(outside: World, sandbox: Sandbox) -> None:
    request = RegistrationRequest(LI[0], LI[1], proof(outside, sandbox))
    viewer = outside.viewer(outside.identity.registration.register(request, PHONE, key()).access_token)
    started = outside.identity.faces.start(viewer, key())
    with refused("FACE_PENDING"):
        outside.identity.faces.complete(viewer, started.check, key())
    sandbox.decide_face(started.url.rstrip("/").rsplit("/", 1)[-1], "PASSED")
    grant = outside.identity.faces.complete(viewer, started.check, key())
    assert grant.assurance is Assurance.L3

"""Challenges: for one desk, one purpose, one scan, two minutes."""

import secrets

import pytest

from backend.core.errors import Refusal
from backend.onecode.challenges import CHALLENGE_BYTES
from backend.onecode.scans import Accepted, Rejected
from tests.fakes import StandingClock
from tests.integration.onecode.world import World, ask, desk

MIGRATION = {"domain": "household", "purpose": "migration"}


def shown_to(world: World, viewer, **purpose: str) -> str:
    asked = MIGRATION | purpose
    return world.onecode.challenges.create(
        viewer, asked["domain"], asked["purpose"], secrets.token_urlsafe(16)
    ).challenge


def scan(world: World, viewer, text: str, challenge: str | None, **purpose: str) -> str:
    answer = world.onecode.scanning.verify(viewer, ask(text, **MIGRATION | purpose, challenge=challenge))
    return answer.code if isinstance(answer, Rejected) else "ACCEPTED"


def test_a_phone_that_signed_the_desks_challenge_is_accepted_once(world: World, clock: StandingClock):
    viewer, phone = desk("household"), world.phone()
    challenge = shown_to(world, viewer)
    first = phone.code(clock.now(), 0, bytes.fromhex(challenge))
    second = phone.code(clock.now(), 1, bytes.fromhex(challenge))

    assert scan(world, viewer, first, challenge) == "ACCEPTED"
    assert scan(world, viewer, second, challenge) == "CODE_CHALLENGE_USED"


def test_a_session_without_keys_answers_a_challenge_through_the_service(world: World):
    viewer = desk("household")
    challenge = shown_to(world, viewer)
    code = world.onecode.showing.current(world.viewer, None, challenge).text

    assert scan(world, viewer, code, challenge) == "ACCEPTED"


def test_an_accepted_challenge_still_costs_four_commands(world: World, clock: StandingClock, commands):
    viewer, phone = desk("household"), world.phone()
    challenge = shown_to(world, viewer)
    code = phone.code(clock.now(), 0, bytes.fromhex(challenge))
    scan(world, desk("medical"), code, challenge)
    commands.names.clear()

    assert scan(world, viewer, code, challenge) == "ACCEPTED"
    assert commands.names == ["aggregate", "insert", "insert", "commitTransaction"]


def test_an_ordinary_code_is_no_answer_to_a_challenge(world: World, clock: StandingClock):
    viewer = desk("household")
    challenge = shown_to(world, viewer)

    assert scan(world, viewer, world.phone().code(clock.now()), challenge) == "CODE_CHALLENGE_MISMATCH"


def test_a_high_value_purpose_without_a_challenge_is_refused(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    assert scan(world, desk("household"), code, None) == "CODE_CHALLENGE_REQUIRED"


@pytest.mark.parametrize("what", ["another desk", "another purpose", "nobody"])
def test_a_challenge_of_anyone_else_is_refused(world: World, clock: StandingClock, what: str):
    viewer = desk("household")
    challenge = {
        "another desk": lambda: shown_to(world, desk("household")),
        "another purpose": lambda: shown_to(world, viewer, purpose="certificate"),
        "nobody": lambda: secrets.token_hex(CHALLENGE_BYTES),
    }[what]()
    code = world.phone().code(clock.now(), 0, bytes.fromhex(challenge))

    assert scan(world, viewer, code, challenge) == "CODE_CHALLENGE_UNKNOWN"


def test_a_challenge_lives_two_minutes(world: World, clock: StandingClock):
    viewer, phone = desk("household"), world.phone()
    early, late = shown_to(world, viewer), shown_to(world, viewer)

    clock.advance(119)
    assert scan(world, viewer, phone.code(clock.now(), 0, bytes.fromhex(early)), early) == "ACCEPTED"
    clock.advance(1)
    assert (
        scan(world, viewer, phone.code(clock.now(), 1, bytes.fromhex(late)), late) == "CODE_CHALLENGE_EXPIRED"
    )


def test_a_desk_gets_challenges_for_its_own_scope_only(world: World):
    with pytest.raises(Refusal) as refused:
        shown_to(world, desk("library"))

    assert refused.value.code == "DESK_OUT_OF_SCOPE"
    assert world.core.db["scan_challenges"].count_documents({}) == 0


def test_one_request_id_is_one_challenge(world: World):
    viewer, request = desk("household"), secrets.token_urlsafe(16)
    create = world.onecode.challenges.create
    first = create(viewer, "household", "migration", request)

    assert create(viewer, "household", "migration", request) == first
    assert create(desk("household"), "household", "migration", request) != first
    with pytest.raises(Refusal) as refused:
        create(viewer, "household", "certificate", request)
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_an_accepted_answer_repeats_for_the_same_request(world: World, clock: StandingClock):
    viewer, phone = desk("household"), world.phone()
    challenge = shown_to(world, viewer)
    request = ask(phone.code(clock.now(), 0, bytes.fromhex(challenge)), **MIGRATION, challenge=challenge)
    first = world.onecode.scanning.verify(viewer, request)

    assert isinstance(first, Accepted)
    assert world.onecode.scanning.verify(viewer, request) == first

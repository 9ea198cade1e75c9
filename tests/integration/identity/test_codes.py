"""One-time codes: to whom they go, how often, and what they are good for."""

import pytest

from backend.identity.login.models import CodePurpose
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LAPTOP, LI, PHONE, World, key

MOBILE = LI[2]


def test_a_code_proves_the_number_it_was_sent_to(world: World) -> None:
    proof = world.prove(MOBILE)
    proven = world.identity.codes.check(proof.challenge or "", proof.code or "", CodePurpose.SIGN_IN, PHONE)
    assert proven.mobile == MOBILE


def test_no_code_or_number_is_stored_in_clear(world: World) -> None:
    proof = world.prove(MOBILE)
    stored = str(world.core.db["phone_codes"].find_one()) + str(list(world.core.db["audit_entries"].find()))
    assert MOBILE not in stored
    assert str(proof.code) not in stored.replace(str(proof.challenge), "")


def test_asked_again_within_a_minute_nothing_is_sent_and_the_answer_is_the_same(world: World) -> None:
    first = world.ask_code(MOBILE)
    world.clock.advance(59)
    again = world.identity.codes.request(MOBILE, CodePurpose.SIGN_IN, PHONE, key())
    assert again == first
    assert len(world.sms.sent) == 1


def test_another_installation_must_wait_out_the_minute(world: World) -> None:
    world.ask_code(MOBILE)
    with refused("RATE_LIMITED"):
        world.identity.codes.request(MOBILE, CodePurpose.SIGN_IN, LAPTOP, key())
    assert len(world.sms.sent) == 1


def test_a_repeat_under_the_same_key_sends_nothing(world: World) -> None:
    repeated = key()
    first = world.identity.codes.request(MOBILE, CodePurpose.SIGN_IN, PHONE, repeated)
    world.clock.advance(120)
    assert world.identity.codes.request(MOBILE, CodePurpose.SIGN_IN, PHONE, repeated) == first
    assert len(world.sms.sent) == 1


def test_a_code_is_dead_after_five_minutes(world: World) -> None:
    proof = world.prove(MOBILE)
    world.clock.advance(300)
    with refused("PHONE_CODE_WRONG"):
        world.identity.phone.sign_in(proof.challenge or "", proof.code or "", PHONE, key())


def test_a_code_is_dead_after_five_wrong_tries(world: World) -> None:
    proof = world.prove(MOBILE)
    wrong = f"{(int(proof.code or '') + 1) % 10**6:06}"
    for _ in range(5):
        with refused("PHONE_CODE_WRONG"):
            world.identity.phone.sign_in(proof.challenge or "", wrong, PHONE, key())
    with refused("PHONE_CODE_WRONG"):
        world.identity.phone.sign_in(proof.challenge or "", proof.code or "", PHONE, key())


def test_a_code_for_one_purpose_is_good_for_no_other(world: World) -> None:
    world.register()
    requested = world.ask_code(MOBILE, CodePurpose.SUSPEND)
    with refused("PHONE_CODE_WRONG"):
        world.identity.phone.sign_in(requested.challenge, world.sms.last_code(MOBILE), PHONE, key())


def test_a_code_of_another_challenge_is_wrong(world: World) -> None:
    first = world.prove(MOBILE)
    second = world.prove("13900000009")
    with refused("PHONE_CODE_WRONG"):
        world.identity.phone.sign_in(first.challenge or "", f"{second.code}x", PHONE, key())
    with refused("PHONE_CODE_WRONG"):
        world.identity.phone.sign_in("no-such-challenge", second.code or "", PHONE, key())


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "\u0000", "x" * 10_000])
def test_a_strange_code_is_only_wrong(world: World, code: str) -> None:
    challenge = world.ask_code(MOBILE).challenge
    with refused("PHONE_CODE_WRONG"):
        world.identity.phone.sign_in(challenge, code, PHONE, key())


def test_a_suspended_resident_gets_no_code_and_the_answer_looks_the_same(world: World) -> None:
    signed_in = world.register()
    world.suspend(signed_in.access_token)
    before = len(world.sms.sent)
    known, unknown = world.ask_code(MOBILE), world.ask_code("13900000009")
    assert [to for to, _, _ in world.sms.sent[before:]] == ["13900000009"]
    assert known.expires_at < unknown.expires_at
    assert known.expires_at - known.ask_again_at == unknown.expires_at - unknown.ask_again_at
    assert len(known.challenge) == len(unknown.challenge)


def test_a_number_that_the_operator_blocks_gets_no_more_tries_today(world: World) -> None:
    world.sms.refused[MOBILE] = "SMS_BLOCKED"
    challenge = world.ask_code(MOBILE).challenge
    world.sms.refused.clear()
    world.ask_code(MOBILE)
    assert world.sms.sent == []
    for guess in ("000000", ""):
        with refused("PHONE_CODE_WRONG"):
            world.identity.phone.sign_in(challenge, guess, PHONE, key())
    world.clock.advance(24 * 3600)
    world.ask_code(MOBILE)
    assert len(world.sms.sent) == 1


def test_when_the_gateway_is_down_nothing_is_recorded(world: World) -> None:
    world.sms.refused[MOBILE] = "UPSTREAM_TIMEOUT"
    with refused("UPSTREAM_TIMEOUT"):
        world.ask_code(MOBILE)
    assert world.core.db["phone_codes"].count_documents({}) == 0


def test_a_number_gets_five_codes_an_hour_at_most(world: World) -> None:
    for _ in range(5):
        world.ask_code(MOBILE)
    with refused("RATE_LIMITED"):
        world.ask_code(MOBILE)
    assert len(world.sms.sent) == 5

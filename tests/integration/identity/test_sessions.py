"""Sessions: renewed by refresh tokens that count once, listed and ended by their resident only."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.core.errors import Refusal
from backend.core.paging import PageRequest
from backend.identity.models import Assurance
from backend.identity.sessions.models import SignedIn
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LAPTOP, LI, PHONE, WANG, DeviceKey, World, key

DAY = 86400


def test_signing_in_opens_a_session_at_level_one(world: World) -> None:
    registered = world.register()
    signed_in = world.sign_in(LI[2], LAPTOP)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.resident == registered.resident
    viewer = world.viewer(signed_in.access_token)
    assert (viewer.resident, viewer.session) == (registered.resident, signed_in.session)
    assert (viewer.assurance, viewer.device) == (Assurance.L1, None)


def test_a_refresh_token_gives_new_tokens_of_the_same_session(world: World) -> None:
    first = world.register()
    second = world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    third = world.identity.refresh.refresh(second.refresh_token, PHONE, key())
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert {first.session, second.session, third.session} == {first.session}
    assert world.counts(third.access_token)


def test_no_refresh_token_is_stored_in_clear(world: World) -> None:
    second = world.identity.refresh.refresh(world.register().refresh_token, PHONE, key())
    random_part = second.refresh_token.split(".")[1]
    for name in world.core.db.list_collection_names():
        assert random_part not in str(list(world.core.db[name].find())), name


def test_a_used_token_shown_again_ends_the_family(world: World) -> None:
    first = world.register()
    second = world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    world.clock.advance(46)
    with refused("REFRESH_REUSED"):
        world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    assert not world.counts(second.access_token)
    with refused("SESSION_ENDED"):
        world.identity.refresh.refresh(second.refresh_token, PHONE, key())
    assert world.actions()[-1] == "identity.session.refresh_reused"


def test_a_token_from_long_ago_ends_the_family_too(world: World) -> None:
    first = world.register()
    latest = first
    for _ in range(3):
        latest = world.identity.refresh.refresh(latest.refresh_token, PHONE, key())
    with refused("REFRESH_REUSED"):
        world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    assert not world.counts(latest.access_token)


def test_the_same_installation_gets_a_lost_answer_again_within_the_grace(world: World) -> None:
    first = world.register()
    lost = world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    world.clock.advance(45)
    again = world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    assert again.refresh_token == lost.refresh_token
    third = world.identity.refresh.refresh(again.refresh_token, PHONE, key())
    assert world.counts(third.access_token)


def test_another_installation_gets_no_grace(world: World) -> None:
    first = world.register()
    world.identity.refresh.refresh(first.refresh_token, PHONE, key())
    with refused("REFRESH_REUSED"):
        world.identity.refresh.refresh(first.refresh_token, LAPTOP, key())


def test_a_repeat_under_the_same_key_gets_the_same_answer(world: World) -> None:
    first, repeated = world.register(), key()
    answer = world.identity.refresh.refresh(first.refresh_token, PHONE, repeated)
    world.clock.advance(600)
    assert world.identity.refresh.refresh(first.refresh_token, PHONE, repeated) == answer


def test_a_repeat_under_the_same_key_by_another_installation_ends_the_family(world: World) -> None:
    first, captured = world.register(), key()
    answer = world.identity.refresh.refresh(first.refresh_token, PHONE, captured)
    with refused("REFRESH_REUSED"):
        world.identity.refresh.refresh(first.refresh_token, LAPTOP, captured)
    assert not world.counts(answer.access_token)


def test_a_token_shown_by_many_threads_at_once_has_one_successor(world: World) -> None:
    first = world.register()
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda _: world.identity.refresh.refresh(first.refresh_token, PHONE, key()), range(4))
        )
    assert len({answer.refresh_token for answer in answers}) == 1
    assert world.counts(answers[0].access_token)


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "é.b.c", "x" * 100_000])
def test_a_made_up_token_ends_nothing(world: World, token: str) -> None:
    with refused("SESSION_ENDED"):
        world.identity.refresh.refresh(token, PHONE, key())


def test_a_forged_token_of_a_known_session_ends_nothing(world: World) -> None:
    signed_in = world.register()
    session, random, tag = signed_in.refresh_token.split(".")
    for forged in (f"{session}.{random[::-1]}.{tag}", f"{session}.{random}.{tag[::-1]}", f"{session}..{tag}"):
        with refused("SESSION_ENDED"):
            world.identity.refresh.refresh(forged, PHONE, key())
    assert world.counts(signed_in.access_token)


def test_a_session_dies_of_thirty_idle_days(world: World) -> None:
    signed_in = world.register()
    world.clock.advance(30 * DAY)
    with refused("SESSION_ENDED"):
        world.identity.refresh.refresh(signed_in.refresh_token, PHONE, key())


def test_a_session_in_use_dies_after_ninety_days(world: World) -> None:
    latest = world.register()
    for _ in range(3):
        world.clock.advance(29 * DAY)
        latest = world.identity.refresh.refresh(latest.refresh_token, PHONE, key())
    world.clock.advance(3 * DAY)
    with refused("SESSION_ENDED"):
        world.identity.refresh.refresh(latest.refresh_token, PHONE, key())


def test_a_renewed_token_is_at_level_one_and_remembers_the_device(world: World) -> None:
    signed_in = world.register()
    registered = world.register_device(signed_in.access_token, DeviceKey())
    assert registered.grant.assurance is Assurance.L2
    renewed = world.identity.refresh.refresh(signed_in.refresh_token, PHONE, key())
    viewer = world.viewer(renewed.access_token)
    assert (viewer.assurance, viewer.device) == (Assurance.L1, registered.device.id)


def test_signing_out_ends_this_session_only(world: World) -> None:
    phone = world.register()
    laptop = world.sign_in(LI[2], LAPTOP)
    assert isinstance(laptop, SignedIn)
    world.identity.sessions.sign_out(world.viewer(phone.access_token), key())
    assert not world.counts(phone.access_token)
    assert world.counts(laptop.access_token)
    with refused("SESSION_ENDED"):
        world.identity.refresh.refresh(phone.refresh_token, PHONE, key())


def test_a_resident_ends_another_of_their_sessions(world: World) -> None:
    phone = world.register()
    laptop = world.sign_in(LI[2], LAPTOP)
    assert isinstance(laptop, SignedIn)
    world.identity.sessions.revoke(world.viewer(laptop.access_token), phone.session, key())
    assert not world.counts(phone.access_token)
    assert world.counts(laptop.access_token)


def test_nobody_ends_another_resident_s_session(world: World) -> None:
    mine, theirs = world.register(LI), world.register(WANG, LAPTOP)
    with refused("NOT_FOUND"):
        world.identity.sessions.revoke(world.viewer(mine.access_token), theirs.session, key())
    assert world.counts(theirs.access_token)


def test_sessions_are_listed_newest_first_in_pages(world: World) -> None:
    opened = [world.register().session]
    for _ in range(2):
        signed_in = world.sign_in(LI[2])
        assert isinstance(signed_in, SignedIn)
        opened.append(signed_in.session)
    world.register(WANG, LAPTOP)
    viewer = world.viewer(signed_in.access_token)
    first = world.identity.sessions.list(viewer, PageRequest.of(2))
    rest = world.identity.sessions.list(viewer, PageRequest.of(2, first.cursors[-1]))
    assert [one.id for one in (*first.items, *rest.items)] == opened[::-1]
    assert (first.has_next, rest.has_next) == (True, False)


def test_a_revoked_key_of_another_request_is_a_conflict(world: World) -> None:
    phone, used = world.register(), key()
    viewer = world.viewer(phone.access_token)
    world.identity.sessions.sign_out(viewer, used)
    with pytest.raises(Refusal, match="IDEMPOTENCY_KEY_REUSED"):
        world.identity.sessions.revoke(viewer, phone.session, used)

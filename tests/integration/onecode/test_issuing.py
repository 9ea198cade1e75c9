"""Issuing and showing against a real mongod: batches, lifetimes, rotation, and who gets nothing."""

import secrets
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial

import pytest

from backend.core.errors import Refusal
from backend.core.mongo.client import Session, transact
from backend.identity.devices.repository import DeviceRepository
from backend.identity.holding import Holding
from backend.identity.sessions.models import EndReason
from backend.identity.sessions.repository import SessionRepository
from backend.identity.viewer import ResidentViewer
from backend.onecode.service import build_onecode
from backend.onecode.showing import draw_png, draw_svg
from backend.onecode.wire.code import parse_code
from backend.onecode.wire.credential import parse_credential
from backend.onecode.wire.domains import ALL_DOMAINS, Domain
from backend.onecode.wire.errors import CodeRejected
from tests.fakes import StandingClock
from tests.integration.onecode.world import Commands, Phone, World, ask, desk, holder, signed_in


def claims_of(text: str):
    return parse_credential(parse_code(text).credential).claims


def batch_claims(phone: Phone):
    return [parse_credential(one).claims for one in phone.credentials]


def refusal_of(call) -> str:
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


def test_each_credential_of_a_batch_has_its_own_handle_key_and_entry(world: World):
    claims = batch_claims(world.phone())

    for values in (
        {one.handle for one in claims},
        {one.device_key for one in claims},
        {(one.status_list, one.status_index) for one in claims},
    ):
        assert len(values) == 16


@pytest.mark.parametrize(("domain", "hours"), [(None, 4), ("medical", 4), ("library", 24)])
def test_a_credential_lives_as_long_as_its_domains_allow(world: World, domain: str | None, hours: int):
    for one in batch_claims(world.phone(domain)):
        assert one.expires_at - one.issued_at == timedelta(hours=hours)
        assert bool(one.domains & Domain.MEDICAL) is (hours == 4)


def test_the_time_of_issue_is_cut_so_that_it_tells_little(world: World, clock: StandingClock):
    first = batch_claims(world.phone())[0].issued_at
    clock.advance(3600)
    later = batch_claims(world.phone())[0].issued_at

    assert first <= later - timedelta(minutes=50)
    assert (later.minute, later.second) == (0, 0)


def test_the_same_request_gets_the_same_batch(world: World):
    points, key = Phone().points(), secrets.token_urlsafe(16)
    first = world.onecode.issuing.issue_batch(world.viewer, points, None, key)

    assert world.onecode.issuing.issue_batch(world.viewer, points, None, key) == first
    assert world.core.db["credentials"].count_documents({}) == 16
    assert len(world.audits("onecode.credentials.issued")) == 1


@pytest.mark.parametrize(
    ("points", "code"),
    [
        (lambda _good: [], "BAD_INPUT"),
        (lambda good: good + good[:1], "BAD_INPUT"),
        (lambda good: [good[0], good[0]], "BAD_INPUT"),
        (lambda _good: ["AAAA"], "DEVICE_KEY_INVALID"),
        (lambda _good: ["not base64!"], "DEVICE_KEY_INVALID"),
        (lambda _good: ["A" + "A" * 43], "DEVICE_KEY_INVALID"),
    ],
)
def test_bad_keys_get_nothing(world: World, points, code: str):
    keys = points(Phone().points())

    assert (
        refusal_of(
            lambda: world.onecode.issuing.issue_batch(world.viewer, keys, None, secrets.token_urlsafe())
        )
        == code
    )
    assert world.core.db["credentials"].count_documents({}) == 0


def test_a_session_without_a_device_gets_no_batch(world: World):
    viewer = holder(world.resident)

    call = lambda: world.onecode.issuing.issue_batch(viewer, Phone().points(), None, secrets.token_urlsafe())  # noqa: E731
    assert refusal_of(call) == "DEVICE_NOT_REGISTERED"


def test_a_suspended_resident_gets_nothing(world: World):
    world.set_status("SUSPENDED")

    assert refusal_of(world.phone) == "IDENTITY_SUSPENDED"
    assert refusal_of(lambda: world.onecode.showing.current(world.viewer)) == "IDENTITY_SUSPENDED"
    assert world.core.db["credentials"].count_documents({}) == 0


def test_no_credential_slips_past_a_suspension_at_the_same_moment(world: World):
    """Sixteen sessions ask during a suspension: what was issued is revoked, or was never issued."""
    viewers = [signed_in(world.core, world.resident) for _ in range(16)]

    def suspend(session) -> None:
        world.core.db["residents"].update_one(
            {"_id": world.resident}, {"$set": {"status": "SUSPENDED"}}, session=session
        )
        world.onecode.revocation.resident_suspended(world.resident, session)

    def show(turn: int) -> str:
        try:
            return world.onecode.showing.current(viewers[turn]).text[:4]
        except Refusal as refusal:
            return refusal.code

    with ThreadPoolExecutor(17) as pool:
        asked = [pool.submit(show, turn) for turn in range(16)]
        suspended = pool.submit(transact, world.core.db, suspend)
        suspended.result()

    assert {one.result() for one in asked} <= {"YM1:", "IDENTITY_SUSPENDED"}
    assert world.core.db["credentials"].count_documents({"revoked_at": None}) == 0


def end_session(world: World, session: Session) -> None:
    """As a sign-out does."""
    ended, now = world.viewer.session, world.core.clock.now()
    SessionRepository(world.core.db).end(ended, world.resident, EndReason.SIGNED_OUT, now, session)
    world.onecode.revocation.session_ended(ended, session)


def end_device(world: World, session: Session) -> None:
    """As a device's revocation does; the session may be on another device by now, and stay."""
    device = world.viewer.device or ""
    DeviceRepository(world.core.db).revoke(world.resident, device, world.core.clock.now(), session)
    world.onecode.revocation.device_removed(device, session)


@pytest.mark.parametrize("end", [end_session, end_device])
def test_a_batch_that_commits_before_the_end_of_its_session_or_device_ends_with_it(world: World, end):
    with ThreadPoolExecutor(1) as pool:
        endings: list[Future[None]] = []

        def hold(viewer: ResidentViewer, session: Session) -> None:
            Holding(world.core.db).signed_in(viewer, session)
            endings.append(pool.submit(transact, world.core.db, partial(end, world)))
            wait(
                endings, timeout=0.5
            )  # An ending that needn't wait for this transaction would be done by then.

        onecode = build_onecode(world.core, hold)
        onecode.issuing.issue_batch(world.viewer, Phone().points(), None, secrets.token_urlsafe())
        endings[0].result()

    assert world.core.db["credentials"].count_documents({}) == 16
    assert world.core.db["credentials"].count_documents({"revoked_at": None}) == 0


@pytest.mark.parametrize(
    ("end", "code"), [(end_session, "SESSION_ENDED"), (end_device, "DEVICE_NOT_REGISTERED")]
)
def test_a_batch_that_began_before_the_end_and_comes_after_it_is_refused(world: World, end, code: str):
    turns = []

    def hold(viewer: ResidentViewer, session: Session) -> None:
        turns.append(session)
        if len(turns) == 1:
            transact(world.core.db, partial(end, world))
        Holding(world.core.db).signed_in(viewer, session)

    issuing = build_onecode(world.core, hold).issuing
    assert (
        refusal_of(lambda: issuing.issue_batch(world.viewer, Phone().points(), None, secrets.token_urlsafe()))
        == code
    )
    assert len(turns) == 2
    assert world.core.db["credentials"].count_documents({}) == 0


def test_within_a_step_the_code_is_the_same_and_in_the_next_it_is_another(world: World, clock: StandingClock):
    showing = world.onecode.showing
    first = showing.current(world.viewer)
    clock.advance(3)
    same = showing.current(world.viewer)
    clock.advance(first.refresh_seconds - 3)
    other = showing.current(world.viewer)

    assert first.text == same.text
    assert other.text != first.text
    assert claims_of(other.text).handle == claims_of(first.text).handle


def test_a_refresh_costs_two_finds(world: World, clock: StandingClock, commands: Commands):
    world.onecode.showing.current(world.viewer)
    clock.advance(15)
    commands.names.clear()

    world.onecode.showing.current(world.viewer)

    assert commands.names == ["find", "find"]


def test_after_an_accepted_scan_the_next_code_shares_nothing_with_it(world: World, clock: StandingClock):
    first = world.onecode.showing.current(world.viewer)
    world.onecode.scanning.verify(desk("medical"), ask(first.text))

    second = world.onecode.showing.current(world.viewer)

    before, after = claims_of(first.text), claims_of(second.text)
    assert before.handle != after.handle
    assert before.device_key != after.device_key
    assert (before.status_list, before.status_index) != (after.status_list, after.status_index)


def test_after_five_minutes_the_next_credential_is_shown(world: World, clock: StandingClock):
    first = world.onecode.showing.current(world.viewer)
    clock.advance(301)

    assert claims_of(world.onecode.showing.current(world.viewer).text).handle != claims_of(first.text).handle


def test_sessions_and_reaches_never_share_a_credential(world: World):
    other = signed_in(world.core, world.resident)
    texts = [
        world.onecode.showing.current(world.viewer).text,
        world.onecode.showing.current(world.viewer, "library").text,
        world.onecode.showing.current(other).text,
    ]

    assert len({claims_of(text).handle for text in texts}) == 3
    assert claims_of(texts[0]).domains == ALL_DOMAINS


def test_an_unknown_domain_is_refused(world: World):
    with pytest.raises(CodeRejected) as refused:
        world.onecode.showing.current(world.viewer, "astrology")
    assert refused.value.code == "CODE_DOMAIN_NOT_ALLOWED"


@pytest.mark.parametrize("challenge", ["", "00", "zz" * 16, "00" * 17])
def test_a_malformed_challenge_is_refused(world: World, challenge: str):
    assert refusal_of(lambda: world.onecode.showing.current(world.viewer, None, challenge)) == "BAD_INPUT"


def test_a_code_is_drawn_as_an_image(world: World):
    text = world.onecode.showing.current(world.viewer).text

    assert draw_svg(text).startswith("<svg")
    assert draw_png(text).startswith(b"\x89PNG")

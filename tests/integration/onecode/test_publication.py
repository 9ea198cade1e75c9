"""Trust list and status lists as a desk without a network gets them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest

from backend.core.keyring import Purpose
from backend.core.mongo.client import transact
from backend.identity.holding import Holding
from backend.onecode.indices import LIST_SIZE
from backend.onecode.publication import STATUS_TTL, TRUST_TTL
from backend.onecode.service import build_onecode
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import from_jwk
from backend.onecode.wire.status import load_status_list
from backend.onecode.wire.trust import TrustedKey, TrustList, load_trust_list
from backend.onecode.wire.verifier import OfflineVerifier
from tests.fakes import StandingClock
from tests.integration.onecode.world import Commands, World, make_core


def revoke_all(world: World) -> None:
    revoke = world.onecode.revocation.resident_suspended
    transact(world.core.db, lambda session: revoke(world.resident, session))


def roots_of(world: World):
    return [from_jwk(key) for key in orjson.loads(world.onecode.trust.roots().body)["keys"]]


def trust_list_of(world: World, clock: StandingClock, **more):
    token = world.onecode.trust.trust_list().body.decode()
    return load_trust_list(token, roots_of(world), now=clock.now(), **more)


def code_keys(trust_list: TrustList) -> list[TrustedKey]:
    """The keys that may sign codes; those of cards have no domain."""
    return [key for key in trust_list.keys if key.domains]


def verifier_of(world: World, clock: StandingClock) -> OfflineVerifier:
    trust_list = trust_list_of(world, clock)
    published = world.onecode.status.status_list(0)
    assert published is not None
    status = load_status_list(
        published.body, trust_list, now=clock.now(), uri="https://code.example/.well-known/one-code/status/0"
    )
    return OfflineVerifier(trust_list, [status], clock=clock)


def test_a_desk_without_a_network_accepts_a_code_by_the_published_files(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    assert verifier_of(world, clock).verify(code, domain=Domain.MEDICAL).status == "valid"


def test_a_suspension_reaches_a_desk_without_a_network_within_the_ttl(world: World, clock: StandingClock):
    phone = world.phone()
    verifier_of(world, clock)
    revoke_all(world)

    clock.advance(STATUS_TTL.total_seconds())

    with pytest.raises(CodeRejected) as refused:
        verifier_of(world, clock).verify(phone.code(clock.now()), domain=Domain.MEDICAL)
    assert refused.value.code == "CODE_REVOKED"


def test_others_in_the_list_stay_valid(world: World, clock: StandingClock):
    phone = world.phone()
    revoke_all(world)

    fresh = world.phone()

    verifier = verifier_of(world, clock)
    assert verifier.verify(fresh.code(clock.now()), domain=Domain.MEDICAL).status == "valid"
    with pytest.raises(CodeRejected):
        verifier.verify(phone.code(clock.now()), domain=Domain.MEDICAL)


def test_an_expired_revocation_leaves_the_list(world: World, clock: StandingClock):
    world.phone()
    revoke_all(world)
    published = world.onecode.status.status_list(0)
    clock.advance(4 * 3600)
    later = world.onecode.status.status_list(0)

    assert published is not None
    assert later is not None
    assert len(later.body) < len(published.body)


@pytest.mark.parametrize("family", ["status", "card-status"])
def test_a_desk_set_up_before_the_first_issue_downloads_an_empty_list(
    world: World, clock: StandingClock, family: str
):
    publication = {"status": world.onecode.status, "card-status": world.onecode.card_status}[family]
    published = publication.status_list(0)
    assert published is not None

    uri = f"https://code.example/.well-known/one-code/{family}/0"
    status = load_status_list(published.body, trust_list_of(world, clock), now=clock.now(), uri=uri)

    assert not any(map(status.is_revoked, range(LIST_SIZE)))
    assert publication.status_list(1) is None


@pytest.mark.parametrize("number", [1, 7, 4095])
def test_a_list_in_which_nothing_was_issued_is_not_there(world: World, number: int):
    world.phone()

    assert world.onecode.status.status_list(number) is None


def test_a_status_list_is_built_once_whoever_asks(world: World, commands: Commands):
    world.phone()
    commands.names.clear()
    barrier = threading.Barrier(16)

    def fetch(_turn: int) -> str:
        barrier.wait()
        published = world.onecode.status.status_list(0)
        assert published is not None
        return published.etag

    with ThreadPoolExecutor(16) as pool:
        etags = set(pool.map(fetch, range(16)))

    assert len(etags) == 1
    assert commands.names == ["find"]


def test_a_published_file_says_how_long_it_is_good(world: World, clock: StandingClock):
    world.phone()
    published = world.onecode.status.status_list(0)
    assert published is not None

    assert published.content_type == "application/statuslist+cwt"
    assert published.max_age(clock.now()) == STATUS_TTL.total_seconds()
    assert published.max_age(clock.now() + timedelta(hours=1)) == 0
    assert world.onecode.trust.trust_list().content_type == "application/tongyu-trust-list+jwt"


def test_the_sequence_stays_while_the_keys_do_and_moves_when_they_change(world: World, clock: StandingClock):
    first = trust_list_of(world, clock).sequence
    clock.advance(3600)
    same = trust_list_of(world, clock).sequence
    world.core.keyring.rotate(Purpose.CODE, publish_ahead=timedelta(hours=1), verify_for=timedelta(days=2))
    clock.advance(TRUST_TTL.total_seconds())
    announced = trust_list_of(world, clock, highest_sequence=same)

    assert first == same
    assert announced.sequence == same + 1
    assert len(code_keys(announced)) == 2


def test_two_processes_publish_one_sequence(world: World, clock: StandingClock):
    other = build_onecode(make_core(world.core.db, world.kek, clock), Holding(world.core.db).signed_in)
    world.core.keyring.rotate(Purpose.CODE, publish_ahead=timedelta(hours=1), verify_for=timedelta(days=2))

    here = trust_list_of(world, clock)
    there = load_trust_list(other.trust.trust_list().body.decode(), roots_of(world), now=clock.now())

    assert here.sequence == there.sequence
    assert len(code_keys(there)) == 2


def test_a_key_is_in_the_list_before_it_signs_and_codes_of_both_are_good(world: World, clock: StandingClock):
    before = world.phone()
    world.core.keyring.rotate(Purpose.CODE, publish_ahead=timedelta(minutes=30), verify_for=timedelta(days=2))
    kept_by_a_desk = verifier_of(world, clock)

    clock.advance(1801)
    after = world.phone()

    assert before.credentials[0][5:15] != after.credentials[0][5:15]
    for phone in (before, after):
        assert kept_by_a_desk.verify_signatures(phone.code(clock.now()), domain=Domain.MEDICAL)


def test_a_retired_key_is_gone_from_the_list_and_its_codes_with_it(world: World, clock: StandingClock):
    phone = world.phone()
    kid = world.core.keyring.active(Purpose.CODE).kid
    world.core.keyring.retire(Purpose.CODE, kid)
    clock.advance(TRUST_TTL.total_seconds())

    with pytest.raises(CodeRejected) as refused:
        OfflineVerifier(trust_list_of(world, clock), clock=clock).verify_signatures(
            phone.code(clock.now()), domain=Domain.MEDICAL
        )
    assert refused.value.code == "CODE_ISSUER_UNKNOWN"

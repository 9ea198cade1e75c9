"""The printed card: issued at a desk, verified online and offline, revoked, printed."""

import secrets
from xml.etree import ElementTree

import pytest

from backend.core.errors import Refusal
from backend.core.mongo.client import transact
from backend.core.paging import PageRequest
from backend.core.resident_id import IdKind, IdNumber
from backend.identity.models import Assurance
from backend.identity.repository import ResidentRepository
from backend.identity.residents import Residents
from backend.identity.viewer import StaffViewer
from backend.onecode.cards.models import PrintedCard, masked
from backend.onecode.cards.printing import draw_card, draw_sheet
from backend.onecode.cards.verifying import verify_card_offline
from backend.onecode.policies import Attribute, Withheld
from backend.onecode.publication import STATUS_TTL
from backend.onecode.scans import Accepted, Medium, Rejected
from backend.onecode.wire.card import read_card
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.status import load_status_list
from backend.onecode.wire.trust import load_trust_list
from tests.fakes import StandingClock
from tests.integration.onecode.test_publication import roots_of, trust_list_of
from tests.integration.onecode.world import WOMAN_1988, World, ask, desk

ISSUER = desk("medical", roles="card_issuer")


@pytest.fixture(autouse=True)
def findable(world: World) -> None:
    """Gives the resident the blind index under which a desk finds them."""
    index = Residents(ResidentRepository(world.core.db), world.core.sealer).id_index(
        IdNumber(IdKind.MAINLAND, WOMAN_1988, None, None, "")
    )
    world.core.db["residents"].update_one({"_id": world.resident}, {"$set": {"id_index": index}})


def issue(world: World, viewer: StaffViewer = ISSUER, **changed) -> PrintedCard:
    given = {
        "name": "王小芳",
        "id_number": WOMAN_1988,
        "document_seen": True,
        "key": secrets.token_urlsafe(16),
    }
    return world.onecode.cards.issue(viewer, **given | changed)


def scan(world: World, text: str, *domains: str, **asked):
    return world.onecode.card_scanning.verify(desk(*domains or ("medical",)), ask(text, **asked))


def offline(world: World, clock: StandingClock, text: str, *lists):
    return verify_card_offline(text, trust_list_of(world, clock), lists, now=clock.now())


def status_of(world: World, clock: StandingClock):
    published = world.onecode.card_status.status_list(0)
    assert published is not None
    return load_status_list(published.body, trust_list_of(world, clock), now=clock.now())


def test_a_card_tells_a_desk_less_than_a_code_and_at_l1(world: World):
    answer = scan(world, issue(world).text, purpose="settlement")

    assert isinstance(answer, Accepted)
    assert answer.level is Assurance.L1
    assert answer.scan.medium is Medium.CARD
    assert dict(answer.values) == {"name": "王小芳", "id_kind": "MAINLAND", "insurance_place": "430300"}
    assert (Attribute.ID_NUMBER, Withheld.NOT_BY_CARD) in answer.withheld


def test_a_card_counts_again_and_again_and_each_time_is_recorded(world: World):
    card = issue(world)

    for _ in range(3):
        assert isinstance(scan(world, card.text), Accepted)

    assert len(world.audits("onecode.scan.accepted")) == 3
    assert world.core.db["scans"].count_documents({"medium": "CARD"}) == 3


def test_a_retry_is_no_second_scan(world: World):
    viewer, request = desk("medical"), ask(issue(world).text)
    first = world.onecode.card_scanning.verify(viewer, request)

    assert world.onecode.card_scanning.verify(viewer, request) == first
    assert len(world.audits("onecode.scan.accepted")) == 1


def test_the_symbol_holds_the_name_and_no_number(world: World):
    card = issue(world)
    content = read_card(card.text).card

    assert content.named()["fullName"] == "王小芳"
    assert WOMAN_1988 not in str(content)
    assert card.masked_number == "430***********3022"
    assert masked(WOMAN_1988) == card.masked_number


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"document_seen": False}, "CARD_DOCUMENT_NOT_SEEN"),
        ({"name": "王大芳"}, "CARD_IDENTITY_MISMATCH"),
        ({"id_number": "430102199003074515"}, "CARD_IDENTITY_MISMATCH"),
        ({"id_number": "430102199003074516"}, "ID_NUMBER_CHECKSUM"),
    ],
)
def test_who_is_not_the_person_gets_no_card(world: World, changed, code: str):
    with pytest.raises(Refusal) as refused:
        issue(world, **changed)

    assert refused.value.code == code
    assert world.core.db["cards"].count_documents({}) == 0
    assert world.audits("onecode.card.issued") == []


def test_a_suspended_resident_gets_no_card(world: World):
    world.set_status("SUSPENDED")

    with pytest.raises(Refusal) as refused:
        issue(world)
    assert refused.value.code == "IDENTITY_SUSPENDED"


def test_the_same_request_gets_the_same_card(world: World):
    key = secrets.token_urlsafe(16)

    assert issue(world, key=key) == issue(world, key=key)
    assert world.core.db["cards"].count_documents({}) == 1


def test_a_new_card_takes_the_place_of_the_old_one(world: World):
    old, new = issue(world), issue(world)

    assert scan(world, old.text) == Rejected("CODE_REVOKED", {})
    assert isinstance(scan(world, new.text), Accepted)


def test_a_resident_revokes_their_own_card_and_no_others(world: World):
    card = issue(world)
    revoke = world.onecode.cards.revoke
    with pytest.raises(Refusal) as refused:
        revoke(world.viewer, "01NOSUCHCARD", secrets.token_urlsafe(16))
    assert refused.value.code == "NOT_FOUND"

    revoke(world.viewer, card.serial, secrets.token_urlsafe(16))

    assert scan(world, card.text) == Rejected("CODE_REVOKED", {})
    page = world.onecode.cards.page(world.viewer, PageRequest.of(10))
    assert [(one.serial, one.revoked_at is None) for one in page.items] == [(card.serial, False)]


def test_a_desk_revokes_the_cards_of_who_has_lost_one(world: World):
    card = issue(world)

    assert world.onecode.cards.revoke_at_desk(ISSUER, "王小芳", WOMAN_1988, secrets.token_urlsafe(16)) == 1
    assert scan(world, card.text) == Rejected("CODE_REVOKED", {})


def test_a_suspension_ends_the_card_with_the_codes(world: World, clock: StandingClock):
    card = issue(world)
    revoke = world.onecode.revocation.resident_suspended
    transact(world.core.db, lambda session: revoke(world.resident, session))

    assert scan(world, card.text) == Rejected("CODE_REVOKED", {})
    with pytest.raises(CodeRejected) as refused:
        offline(world, clock, card.text, status_of(world, clock))
    assert refused.value.code == "CODE_REVOKED"


def test_a_card_serves_no_purpose_that_needs_a_challenge(world: World):
    answer = scan(world, issue(world).text, "household", domain="household", purpose="migration")

    assert answer == Rejected("CARD_NOT_ALLOWED", {})


def test_a_desk_outside_its_scope_learns_nothing(world: World):
    assert scan(world, issue(world).text, "library") == Rejected("DESK_OUT_OF_SCOPE", {})


def test_a_code_is_no_card_and_a_card_is_no_code(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    assert isinstance(scan(world, code), Rejected)
    assert world.onecode.scanning.verify(desk("medical"), ask(issue(world).text)) == Rejected(
        "CODE_MALFORMED", {"detail": "code: doesn't begin with YM1:"}
    )


def test_a_card_holds_for_a_year_and_not_longer(world: World, clock: StandingClock):
    card = issue(world)

    clock.advance(365 * 86_400 - 1)
    assert isinstance(scan(world, card.text), Accepted)
    clock.advance(1)
    assert scan(world, card.text) == Rejected("CARD_EXPIRED", {})


def test_a_changed_card_is_refused(world: World):
    text = issue(world).text
    changed = text[:-4] + ("0" if text[-4] != "0" else "1") + text[-3:]

    assert isinstance(scan(world, changed), Rejected)


def test_without_a_network_a_card_is_judged_by_the_published_files(world: World, clock: StandingClock):
    card = issue(world)

    content = offline(world, clock, card.text, status_of(world, clock))

    assert content.named()["fullName"] == "王小芳"
    with pytest.raises(TrustRejected) as refused:
        offline(world, clock, card.text)
    assert refused.value.code == "STATUS_LIST_MISSING"


def test_a_revocation_reaches_a_desk_without_a_network_within_the_ttl(world: World, clock: StandingClock):
    card = issue(world)
    status_of(world, clock)
    world.onecode.cards.revoke(world.viewer, card.serial, secrets.token_urlsafe(16))

    clock.advance(STATUS_TTL.total_seconds())

    with pytest.raises(CodeRejected) as refused:
        offline(world, clock, card.text, status_of(world, clock))
    assert refused.value.code == "CODE_REVOKED"


def test_a_key_of_codes_signs_no_card_and_a_key_of_cards_no_code(world: World, clock: StandingClock):
    trust_list = load_trust_list(
        world.onecode.trust.trust_list().body.decode(), roots_of(world), now=clock.now()
    )
    codes, cards = (key for key in trust_list.keys)

    assert codes.domains
    assert not cards.domains
    assert read_card(issue(world).text).kid == cards.key.kid


@pytest.mark.parametrize("draw", [draw_card, draw_sheet])
def test_the_print_is_well_formed_and_names_the_holder(world: World, draw):
    card = issue(world)
    drawn = ElementTree.fromstring(draw(card))  # noqa: S314 - our own drawing.
    texts = [node.text for node in drawn.iter("{http://www.w3.org/2000/svg}text")]

    assert "王小芳" in texts
    assert "430***********3022" in texts
    assert WOMAN_1988 not in draw(card)


def test_a_name_with_signs_of_markup_stays_text():
    card = PrintedCard("01A", StandingClock().now(), "A<b>&\"'", "430***********3022", "ABC")

    ElementTree.fromstring(draw_card(card))  # noqa: S314 - as above.
    assert "<b>" not in draw_card(card)

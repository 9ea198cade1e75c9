"""Consents in a real database: decisions, history, audit, batches."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pymongo.monitoring
import pytest

from backend.core.errors import Refusal
from backend.core.foundation import Foundation, build_foundation
from backend.core.mongo.client import Client, Db, connect
from backend.core.mongo.schema import ensure_indexes
from backend.core.paging import PageRequest
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.identity.consent.models import ConsentState, ConsentStatus, consent_texts
from backend.identity.consent.repository import INDEXES, from_document
from backend.identity.consent.service import ConsentService, build_consents
from backend.identity.models import Assurance
from backend.identity.viewer import ResidentViewer
from backend.onecode.policies import Attribute, DeskScope, Withheld, disclose
from tests.fakes import StandingClock

VERSION = consent_texts()["school_gate_photo"].version
PHOTO = ("school_gate_photo", "photo")


@pytest.fixture
def foundation(db: Db, mongo_client: Client, clock: StandingClock) -> Foundation:
    ensure_indexes(db, INDEXES)
    settings = Settings(mongodb_database=db.name, kek=Kek.generate())
    return build_foundation(settings, clock=clock, client=mongo_client)


@pytest.fixture
def service(foundation: Foundation) -> ConsentService:
    return build_consents(foundation)


@pytest.fixture
def viewer(clock: StandingClock) -> ResidentViewer:
    return ResidentViewer("resident-1", "session-1", None, Assurance.L1, clock.now())


def key(number: int) -> str:
    return f"consent-test-{number:06}"


def refused(code: str, call: object, *arguments: object) -> bool:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.code == code


def test_given_withdrawn_and_given_again_only_the_last_decision_stands(
    service: ConsentService, viewer: ResidentViewer, clock: StandingClock
) -> None:
    stands = []
    for number, change in enumerate(
        (
            lambda n: service.give(viewer, *PHOTO, VERSION, key(n)),
            lambda n: service.withdraw(viewer, *PHOTO, key(n)),
            lambda n: service.give(viewer, *PHOTO, VERSION, key(n)),
            lambda n: service.refuse(viewer, *PHOTO, VERSION, key(n)),
        )
    ):
        clock.advance(1)
        change(number)
        stands.append(service.allowed("resident-1", *PHOTO))

    history = service.history(viewer, PageRequest.of(10)).items

    assert stands == [True, False, True, False]
    assert [one.state for one in history] == ["REFUSED", "GIVEN", "WITHDRAWN", "GIVEN"]
    assert {(one.by, one.by_kind, one.version) for one in history} == {("resident-1", "self", VERSION)}


def test_the_scan_obeys_a_withdrawal_at_once(service: ConsentService, viewer: ResidentViewer, db: Db) -> None:
    desk = DeskScope(frozenset({"school_gate"}))

    def at_the_gate() -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        joined = from_document("resident-1", db["consents"].find_one({"_id": "resident-1"}))
        decided = disclose("school_gate", "pick_up", desk, joined)
        return decided.disclosed, decided.withheld

    before = at_the_gate()
    service.give(viewer, *PHOTO, VERSION, key(1))
    given = at_the_gate()
    service.withdraw(viewer, *PHOTO, key(2))

    assert before[1] == ((Attribute.PHOTO, Withheld.CONSENT_NEEDED),)
    assert Attribute.PHOTO in given[0]
    assert at_the_gate()[1] == ((Attribute.PHOTO, Withheld.CONSENT_WITHDRAWN),)


def test_a_repeated_request_is_one_decision_with_the_first_answer(
    service: ConsentService, viewer: ResidentViewer, clock: StandingClock
) -> None:
    first = service.give(viewer, *PHOTO, VERSION, key(1))
    clock.advance(60)
    again = service.give(viewer, *PHOTO, VERSION, key(1))

    assert again == first
    assert len(service.history(viewer, PageRequest.of(10)).items) == 1
    assert refused("IDEMPOTENCY_KEY_REUSED", service.refuse, viewer, *PHOTO, VERSION, key(1))


def test_what_nobody_asks_or_another_text_is_refused_and_leaves_no_trace(
    service: ConsentService, viewer: ResidentViewer, db: Db
) -> None:
    assert refused("CONSENT_UNKNOWN", service.give, viewer, "marketing", "mobile", VERSION, key(1))
    assert refused("CONSENT_UNKNOWN", service.give, viewer, PHOTO[0], "id_number", VERSION, key(2))
    assert refused("CONSENT_UNKNOWN", service.give, viewer, "a.b", "$set", VERSION, key(3))
    assert refused("CONSENT_TEXT_CHANGED", service.give, viewer, *PHOTO, "2019-01", key(4))
    assert refused("CONSENT_NOT_GIVEN", service.withdraw, viewer, *PHOTO, key(5))

    assert db["consents"].count_documents({}) == 0
    assert db["consent_history"].count_documents({}) == 0
    assert db["audit_entries"].count_documents({}) == 0


def test_a_refusal_cannot_be_withdrawn(service: ConsentService, viewer: ResidentViewer) -> None:
    service.refuse(viewer, *PHOTO, VERSION, key(1))

    assert refused("CONSENT_NOT_GIVEN", service.withdraw, viewer, *PHOTO, key(2))
    assert service.of("resident-1").status(*PHOTO) is ConsentStatus.REFUSED


def test_every_decision_is_audited_with_purpose_and_version(
    service: ConsentService, viewer: ResidentViewer, foundation: Foundation, clock: StandingClock
) -> None:
    service.give(viewer, *PHOTO, VERSION, key(1))
    clock.advance(1)
    service.withdraw(viewer, *PHOTO, key(2))

    records = foundation.audit.for_subject("resident-1", PageRequest.of(10)).items

    assert [record.entry.action for record in records] == ["consent.withdrawn", "consent.given"]
    assert {record.entry.purpose for record in records} == {"school_gate_photo"}
    assert records[0].entry.detail == {"resource": "photo", "version": VERSION}


def test_consents_of_others_are_neither_seen_nor_changed(
    service: ConsentService, viewer: ResidentViewer
) -> None:
    other = replace(viewer, resident="resident-2")
    service.give(viewer, *PHOTO, VERSION, key(1))

    assert refused("CONSENT_NOT_GIVEN", service.withdraw, other, *PHOTO, key(1))
    assert not service.allowed("resident-2", *PHOTO)
    assert service.history(other, PageRequest.of(10)).items == ()
    assert service.allowed("resident-1", *PHOTO)


def test_the_history_comes_in_pages_newest_first(
    service: ConsentService, viewer: ResidentViewer, clock: StandingClock
) -> None:
    purposes = sorted(consent_texts())[:7]
    for number, purpose in enumerate(purposes):
        text = consent_texts()[purpose]
        service.give(viewer, purpose, text.resources[0], text.version, key(number))
        clock.advance(number % 2)

    first = service.history(viewer, PageRequest.of(4))
    second = service.history(viewer, PageRequest.of(4, first.cursors[-1]))

    assert [one.purpose for one in (*first.items, *second.items)] == purposes[::-1]
    assert (first.has_next, second.has_next) == (True, False)
    assert refused("BAD_INPUT", PageRequest.of, 4, "bm90IG91cnM")


class Counted(pymongo.monitoring.CommandListener):
    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        pass


@pytest.mark.parametrize("count", [1, 25])
def test_a_batch_of_residents_is_one_query_whatever_its_size(
    mongo: str, foundation: Foundation, service: ConsentService, viewer: ResidentViewer, count: int
) -> None:
    service.give(viewer, *PHOTO, VERSION, key(1))
    counted = Counted()
    with connect(mongo, listeners=[counted]) as client:
        watched = build_consents(build_foundation(foundation.settings, clock=foundation.clock, client=client))
        counted.names.clear()
        batch = watched.for_residents([f"resident-{number}" for number in range(1, count + 1)])
        watched.allowed("resident-1", *PHOTO)
        commands = list(counted.names)

    assert commands == ["find", "find"]
    assert len(batch) == count
    assert [resident for resident, one in batch.items() if one.allowed(*PHOTO)] == ["resident-1"]


def test_first_decisions_made_at_once_are_all_kept(service: ConsentService, viewer: ResidentViewer) -> None:
    asked = [
        (text.purpose, resource, text.version)
        for text in consent_texts().values()
        for resource in text.resources
    ]

    def give(numbered: tuple[int, tuple[str, str, str]]) -> ConsentState:
        return service.give(viewer, *numbered[1], key(numbered[0])).state

    with ThreadPoolExecutor(len(asked)) as pool:
        states = list(pool.map(give, enumerate(asked)))

    standing = service.of("resident-1")
    assert set(states) == {"GIVEN"}
    assert all(standing.allowed(purpose, resource) for purpose, resource, _ in asked)

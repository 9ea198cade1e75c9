"""The online scan against a real mongod: what is told, what is refused, what is kept of it."""

import pytest

from backend.core.errors import Refusal
from backend.core.mongo.client import transact
from backend.identity.models import Assurance
from backend.onecode.policies import Attribute, Withheld
from backend.onecode.scans import Accepted, Rejected, ScanAnswer
from tests.fakes import StandingClock
from tests.integration.onecode.world import Commands, World, ask, desk, signed_in


def rejected(answer: ScanAnswer) -> str:
    assert isinstance(answer, Rejected), answer
    return answer.code


def accepted(answer: ScanAnswer) -> Accepted:
    assert isinstance(answer, Accepted), answer
    return answer


def test_a_desk_learns_what_the_policy_and_consent_allow_and_no_more(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    answer = accepted(world.onecode.scanning.verify(desk("medical"), ask(code)))

    assert answer.level is Assurance.L2
    assert dict(answer.values) == {
        "name": "王小芳",
        "sex": "FEMALE",
        "birth_year": "1988",
        "insurance_place": "430300",
    }
    assert answer.withheld == ((Attribute.MOBILE, Withheld.CONSENT_NEEDED),)


def test_an_attribute_that_no_record_holds_is_withheld_with_that_reason(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    answer = accepted(world.onecode.scanning.verify(desk("education"), ask(code, "education", "enrolment")))

    assert (Attribute.GUARDIANSHIP, Withheld.NOT_HELD) in answer.withheld
    assert Attribute.GUARDIANSHIP not in dict(answer.values)


def test_the_stored_scan_and_its_audit_entry_hold_names_and_no_values(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    answer = accepted(world.onecode.scanning.verify(desk("medical"), ask(code)))

    stored = world.core.db["scans"].find_one({})
    entry = world.core.audit.find(answer.scan.audit)
    assert stored is not None
    assert stored["disclosed"] == ["name", "sex", "birth_year", "insurance_place"]
    assert "王小芳" not in str(stored)
    assert entry is not None
    assert "王小芳".encode() not in entry.content
    assert entry.entry.subject == world.resident
    assert entry.entry.place == {"city": "430100", "department": "medical-insurance", "desk": "3"}


def test_an_accepted_scan_costs_four_commands(world: World, clock: StandingClock, commands: Commands):
    phone, viewer = world.phone(), desk("medical")
    world.onecode.scanning.verify(viewer, ask(phone.code(clock.now(), 0)))
    request = ask(phone.code(clock.now(), 1))
    commands.names.clear()

    accepted(world.onecode.scanning.verify(viewer, request))

    assert commands.names == ["aggregate", "insert", "insert", "commitTransaction"]


def test_a_code_that_was_scanned_is_refused_everywhere_else(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())
    accepted(world.onecode.scanning.verify(desk("medical"), ask(code)))

    second = world.onecode.scanning.verify(desk("medical"), ask(code))

    assert rejected(second) == "CODE_REPLAYED"
    assert len(world.audits("onecode.scan.accepted")) == 1
    assert len(world.audits("onecode.scan.refused")) == 1


def test_a_retry_of_the_same_request_gets_the_same_answer_and_leaves_no_second_trace(
    world: World, clock: StandingClock
):
    viewer, request = desk("medical"), ask(world.phone().code(clock.now()))
    first = accepted(world.onecode.scanning.verify(viewer, request))

    assert accepted(world.onecode.scanning.verify(viewer, request)) == first
    assert len(world.audits("onecode.scan.accepted")) == 1
    assert world.audits("onecode.scan.refused") == []


@pytest.mark.parametrize("later", [60, 590])
def test_a_retry_counts_although_the_code_has_grown_too_old(world: World, clock: StandingClock, later: int):
    viewer, request = desk("medical"), ask(world.phone().code(clock.now()))
    first = accepted(world.onecode.scanning.verify(viewer, request))

    clock.advance(later)

    assert accepted(world.onecode.scanning.verify(viewer, request)) == first


def test_after_ten_minutes_the_same_request_is_a_replay(world: World, clock: StandingClock):
    viewer, request = desk("medical"), ask(world.phone().code(clock.now()))
    accepted(world.onecode.scanning.verify(viewer, request))

    clock.advance(601)

    assert rejected(world.onecode.scanning.verify(viewer, request)) == "CODE_REPLAYED"


def test_the_same_request_of_another_desk_is_a_replay(world: World, clock: StandingClock):
    request = ask(world.phone().code(clock.now()))
    accepted(world.onecode.scanning.verify(desk("medical"), request))

    assert rejected(world.onecode.scanning.verify(desk("medical"), request)) == "CODE_REPLAYED"


def test_one_request_id_for_two_codes_is_refused_and_discloses_nothing(world: World, clock: StandingClock):
    phone, viewer = world.phone(), desk("medical")
    first = ask(phone.code(clock.now(), 0))
    accepted(world.onecode.scanning.verify(viewer, first))

    with pytest.raises(Refusal) as refusal:
        world.onecode.scanning.verify(viewer, ask(phone.code(clock.now(), 1), request=first.request))

    assert refusal.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert len(world.audits("onecode.scan.accepted")) == 1


def test_one_request_id_for_another_purpose_is_refused(world: World, clock: StandingClock):
    code, viewer = world.phone().code(clock.now()), desk("medical")
    first = ask(code)
    accepted(world.onecode.scanning.verify(viewer, first))

    with pytest.raises(Refusal) as refusal:
        world.onecode.scanning.verify(viewer, ask(code, purpose="settlement", request=first.request))

    assert refusal.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_a_suspended_resident_is_refused_at_once_and_even_for_a_retry(world: World, clock: StandingClock):
    phone, viewer = world.phone(), desk("medical")
    request = ask(phone.code(clock.now(), 0))
    accepted(world.onecode.scanning.verify(viewer, request))

    world.set_status("SUSPENDED")

    fresh = ask(phone.code(clock.now(), 1))
    assert rejected(world.onecode.scanning.verify(viewer, fresh)) == "IDENTITY_SUSPENDED"
    assert rejected(world.onecode.scanning.verify(viewer, request)) == "IDENTITY_SUSPENDED"


@pytest.mark.parametrize("how", ["resident", "session", "device"])
def test_revoked_credentials_are_refused_and_stay_so(world: World, clock: StandingClock, how: str):
    phone, revocation = world.phone(), world.onecode.revocation
    revoke = {
        "resident": lambda session: revocation.resident_suspended(world.resident, session),
        "session": lambda session: revocation.session_ended(world.viewer.session, session),
        "device": lambda session: revocation.device_removed(world.viewer.device or "", session),
    }[how]

    assert transact(world.core.db, revoke) == 16

    answer = world.onecode.scanning.verify(desk("medical"), ask(phone.code(clock.now())))
    assert rejected(answer) == "CODE_REVOKED"
    again = world.phone().code(clock.now())
    accepted(world.onecode.scanning.verify(desk("medical"), ask(again)))


def test_an_erased_resident_discloses_nothing(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())
    transact(world.core.db, lambda session: world.core.sealer.erase(world.resident, session))

    answer = world.onecode.scanning.verify(desk("medical"), ask(code))

    assert rejected(answer) == "RESIDENT_ERASED"


def test_an_unknown_handle_is_refused_and_audited(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())
    world.core.db["credentials"].delete_many({})

    assert rejected(world.onecode.scanning.verify(desk("medical"), ask(code))) == "CODE_UNKNOWN"
    assert len(world.audits("onecode.scan.refused")) == 1


def test_a_desk_outside_its_scope_learns_nothing_and_the_code_stays_good(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())

    assert rejected(world.onecode.scanning.verify(desk("library"), ask(code))) == "DESK_OUT_OF_SCOPE"
    assert len(world.audits("onecode.scan.refused")) == 1
    accepted(world.onecode.scanning.verify(desk("medical"), ask(code)))


def test_an_everyday_code_is_of_no_use_in_a_sensitive_domain(world: World, clock: StandingClock):
    code = world.phone("library").code(clock.now())

    assert rejected(world.onecode.scanning.verify(desk("medical"), ask(code))) == "CODE_DOMAIN_NOT_ALLOWED"
    accepted(world.onecode.scanning.verify(desk("library"), ask(code, "library", "loan")))


def test_a_screenshot_is_refused_and_the_holder_sees_the_attempt(world: World, clock: StandingClock):
    code = world.phone().code(clock.now())
    clock.advance(60)

    assert rejected(world.onecode.scanning.verify(desk("medical"), ask(code))) == "CODE_PROOF_EXPIRED"
    stored = world.core.db["scans"].find_one({"resident": world.resident})
    assert stored is not None
    assert stored["refusal"] == "CODE_PROOF_EXPIRED"


def test_nonsense_is_refused_and_audited(world: World):
    answer = world.onecode.scanning.verify(desk("medical"), ask("YM1:NONSENSE"))

    assert rejected(answer) == "CODE_MALFORMED"
    assert len(world.audits("onecode.scan.refused")) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [({"purpose": "no_such"}, "PURPOSE_UNKNOWN"), ({"request": "short"}, "BAD_INPUT")],
)
def test_a_question_that_makes_no_sense_is_refused(world: World, change: dict[str, str], code: str):
    with pytest.raises(Refusal) as refusal:
        world.onecode.scanning.verify(desk("medical"), ask("YM1:", **change))
    assert refusal.value.code == code


def test_two_sectors_know_the_same_resident_by_different_names(world: World, clock: StandingClock):
    phone = world.phone()
    medical = accepted(world.onecode.scanning.verify(desk("medical"), ask(phone.code(clock.now(), 0))))
    again = accepted(world.onecode.scanning.verify(desk("medical"), ask(phone.code(clock.now(), 1))))
    library = accepted(
        world.onecode.scanning.verify(desk("library"), ask(phone.code(clock.now(), 2), "library", "loan"))
    )

    assert medical.subject == again.subject
    assert medical.subject != library.subject
    assert world.resident not in (medical.subject, library.subject)


def test_a_server_held_code_proves_less(world: World):
    shown = world.onecode.showing.current(signed_in(world.core, world.resident))

    answer = accepted(world.onecode.scanning.verify(desk("medical"), ask(shown.text)))

    assert answer.level is Assurance.L1

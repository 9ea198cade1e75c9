"""One person is one resident, whatever the entry; and nobody gets into an identity by knowing about it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from backend.core.errors import Refusal
from backend.core.resident_id import IdKind
from backend.exchange.public_security import FaceResult
from backend.identity.login.models import CodePurpose, RegistrationNeeded
from backend.identity.login.proofs import ProofGiven
from backend.identity.login.registration import RegistrationRequest
from backend.identity.sessions.models import SignedIn
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LAPTOP, LI, PHONE, WANG, DeviceKey, World, key

THEIRS = "13900000009"


def residents(world: World) -> int:
    return world.core.db["residents"].count_documents({})


def test_a_person_registers_and_can_be_opened_again(world: World) -> None:
    signed_in = world.register()
    resident = world.identity.residents.find(signed_in.resident)
    assert resident is not None
    assert (resident.kind, resident.birth_year, resident.city) == (IdKind.MAINLAND, 1990, "430100")
    person = world.identity.residents.person(resident)
    assert (person.name, person.id_number, person.mobile) == LI
    assert world.actions()[-2:] == ["identity.registered", "identity.session.opened"]


def test_nothing_personal_is_stored_in_clear(world: World) -> None:
    world.register()
    for name in world.core.db.list_collection_names():
        text = str(list(world.core.db[name].find()))
        assert not any(secret in text for secret in LI), name


def test_an_erased_resident_reads_as_erased(world: World) -> None:
    resident = world.identity.residents.find(world.register().resident)
    assert resident is not None
    world.core.db["data_keys"].delete_one({"_id": resident.id})
    world.clock.advance(2)
    person = world.identity.residents.person(resident)
    assert (person.name, person.id_number, person.mobile) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        ("王伟", LI[1], "REAL_NAME_MISMATCH"),
        ("李明", "430102199003074523", "REAL_NAME_NO_RECORD"),
        ("李明", "430102199003074516", "ID_NUMBER_CHECKSUM"),
        ("1", LI[1], "NAME_INVALID"),
    ],
)
def test_who_cannot_be_proven_is_not_registered(world: World, name: str, number: str, code: str) -> None:
    with refused(code):
        world.register((name, number, LI[2]))
    refusals = [record.entry.code for record in world.records() if record.entry.outcome == "refused"]
    assert refusals == ([code] if code.startswith("REAL_NAME") else [])
    assert residents(world) == 0
    assert world.core.db["sessions"].count_documents({}) == 0


def test_trouble_upstream_leaves_nothing_half_done_and_the_same_code_still_works(world: World) -> None:
    request = RegistrationRequest(LI[0], LI[1], world.prove(LI[2]))
    world.registry.fault = Refusal("UPSTREAM_TIMEOUT")
    repeated = key()
    with refused("UPSTREAM_TIMEOUT"):
        world.identity.registration.register(request, PHONE, repeated)
    assert residents(world) == 0
    world.registry.fault = None
    assert world.identity.registration.register(request, PHONE, repeated).resident
    assert residents(world) == 1


def test_the_registry_is_not_asked_before_the_mobile_is_proven(world: World) -> None:
    request = RegistrationRequest(LI[0], LI[1], ProofGiven(world.ask_code(LI[2]).challenge, "nope"))
    with refused("PHONE_CODE_WRONG"):
        world.identity.registration.register(request, PHONE, key())
    with refused("PROOF_REQUIRED"):
        world.identity.registration.register(RegistrationRequest(LI[0], LI[1], ProofGiven()), PHONE, key())
    assert world.registry.asked == 0


def test_a_repeat_under_the_same_key_gets_the_same_answer(world: World) -> None:
    request, repeated = RegistrationRequest(LI[0], LI[1], world.prove(LI[2])), key()
    first = world.identity.registration.register(request, PHONE, repeated)
    assert world.identity.registration.register(request, PHONE, repeated) == first
    assert world.registry.asked == 1
    assert world.core.db["sessions"].count_documents({}) == 1


def test_who_knows_all_but_the_code_does_not_get_the_answer_again(world: World) -> None:
    request, captured = RegistrationRequest(LI[0], LI[1], world.prove(LI[2])), key()
    world.identity.registration.register(request, PHONE, captured)
    guessed = replace(request, proof=replace(request.proof, code="no code"))
    with refused("PHONE_CODE_WRONG"):
        world.identity.registration.register(guessed, LAPTOP, captured)


def test_a_proof_is_good_for_one_registration(world: World) -> None:
    request = RegistrationRequest(LI[0], LI[1], world.prove(LI[2]))
    world.identity.registration.register(request, PHONE, key())
    with refused("PHONE_CODE_WRONG"):
        world.identity.registration.register(request, PHONE, key())


def test_the_same_person_from_another_entry_is_the_same_resident(world: World) -> None:
    first = world.register(client=PHONE)
    second = world.register(client=LAPTOP)
    assert second.resident == first.resident
    assert second.session != first.session
    assert residents(world) == 1


def test_two_registrations_at_the_same_moment_make_one_resident(world: World) -> None:
    requests = [RegistrationRequest(LI[0], LI[1], world.prove(LI[2])) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda one: world.identity.registration.register(one, PHONE, key()), requests)
    assert len({one.resident for one in done}) == 1
    assert residents(world) == 1


def test_a_stranger_who_knows_name_and_number_does_not_get_in_with_their_own_phone(world: World) -> None:
    victim = world.register()
    with refused("FACE_CHECK_REQUIRED"):
        world.register((LI[0], LI[1], THEIRS), LAPTOP)
    person = world.identity.residents.find(victim.resident)
    assert person is not None
    assert world.identity.residents.person(person).mobile == LI[2]
    assert world.counts(victim.access_token)
    assert world.core.db["sessions"].count_documents({}) == 1


def test_with_their_face_a_person_takes_their_identity_to_a_new_number(
    world: World,
) -> None:
    before = world.register()
    world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
    started = world.identity.faces.start_by_name(LI[0], LI[1], LAPTOP, key())
    world.faces.results[LI[1]] = FaceResult.PASSED
    after = world.register((LI[0], LI[1], THEIRS), LAPTOP, face_check=started.check)
    assert after.resident == before.resident
    assert not world.counts(before.access_token)
    assert world.counts(after.access_token)
    assert isinstance(world.sign_in(LI[2]), RegistrationNeeded)
    assert isinstance(world.sign_in(THEIRS, LAPTOP), SignedIn)
    assert world.told() == [before.resident]


def test_a_face_check_of_somebody_else_does_not_help(world: World) -> None:
    world.register()
    started = world.identity.faces.start_by_name(WANG[0], WANG[1], LAPTOP, key())
    world.faces.results[WANG[1]] = FaceResult.PASSED
    with refused("FACE_CHECK_INVALID"):
        world.register((LI[0], LI[1], THEIRS), LAPTOP, face_check=started.check)


def test_a_recycled_number_moves_to_the_person_who_proves_it(world: World) -> None:
    former = world.register(LI)
    newcomer = world.register((WANG[0], WANG[1], LI[2]), LAPTOP)
    assert newcomer.resident != former.resident
    signed_in = world.sign_in(LI[2], LAPTOP)
    assert isinstance(signed_in, SignedIn)
    assert signed_in.resident == newcomer.resident
    left = world.identity.residents.find(former.resident)
    assert left is not None
    assert left.mobile is None
    assert "identity.mobile.released" in world.actions()


def test_a_number_not_proven_for_ninety_days_opens_nobody_s_identity(world: World) -> None:
    world.register()
    world.clock.advance(91 * 86400)
    outcome = world.sign_in(LI[2])
    assert isinstance(outcome, RegistrationNeeded)
    # The same hand proves who it is once more, and signs in as before from then on.
    request = RegistrationRequest(LI[0], LI[1], ProofGiven(ticket=outcome.ticket))
    world.identity.registration.register(request, PHONE, key())
    assert isinstance(world.sign_in(LI[2]), SignedIn)
    assert residents(world) == 1


def test_a_suspended_person_cannot_register_their_way_back(world: World) -> None:
    requested = world.prove(LI[2])
    first = world.identity.registration.register(RegistrationRequest(LI[0], LI[1], requested), PHONE, key())
    spare = world.prove(LI[2])
    world.suspend(first.access_token)
    with refused("IDENTITY_SUSPENDED"):
        world.identity.registration.register(RegistrationRequest(LI[0], LI[1], spare), PHONE, key())
    with refused("IDENTITY_SUSPENDED"):
        world.register((LI[0], LI[1], THEIRS))


def test_the_place_is_what_they_say_or_what_the_number_hints_at(world: World) -> None:
    hinted = world.identity.residents.find(world.register().resident)
    said = world.identity.residents.find(world.register(WANG, division="430105").resident)
    assert hinted is not None
    assert said is not None
    assert (hinted.city, hinted.district) == ("430100", "430102")
    assert (said.city, said.district) == ("430100", "430105")
    with refused("DIVISION_UNKNOWN"):
        world.register(WANG, division="110101")


def test_a_mobile_is_changed_at_level_two_only(world: World) -> None:
    signed_in = world.register()
    from_new_number = world.ask_code(THEIRS, CodePurpose.CHANGE_MOBILE)
    code = world.sms.last_code(THEIRS)
    with refused("STEP_UP_REQUIRED"):
        world.identity.mobiles.change(
            world.viewer(signed_in.access_token), from_new_number.challenge, code, PHONE, key()
        )
    assert isinstance(world.sign_in(LI[2]), SignedIn)
    registered = world.register_device(signed_in.access_token, DeviceKey())
    from_new_number = world.ask_code(THEIRS, CodePurpose.CHANGE_MOBILE)
    viewer = world.viewer(registered.grant.access_token)
    world.identity.mobiles.change(
        viewer, from_new_number.challenge, world.sms.last_code(THEIRS), PHONE, key()
    )
    moved = world.sign_in(THEIRS)
    assert isinstance(moved, SignedIn)
    assert moved.resident == signed_in.resident
    assert isinstance(world.sign_in(LI[2]), RegistrationNeeded)


class TestWeChat:
    def test_an_unlinked_account_gets_a_ticket_that_register_takes(self, world: World) -> None:
        needed = world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
        assert isinstance(needed, RegistrationNeeded)
        registered = world.register(wechat_ticket=needed.ticket)
        again = world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
        assert isinstance(again, SignedIn)
        assert again.resident == registered.resident

    def test_a_ticket_links_once_and_for_ten_minutes(self, world: World) -> None:
        needed = world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
        assert isinstance(needed, RegistrationNeeded)
        world.register(LI, wechat_ticket=needed.ticket)
        with refused("TICKET_INVALID"):
            world.register(WANG, wechat_ticket=needed.ticket)
        late = world.identity.wechat.sign_in(world.wechat_code("openid-2"), PHONE, key())
        assert isinstance(late, RegistrationNeeded)
        world.clock.advance(600)
        with refused("TICKET_INVALID"):
            world.register(WANG, wechat_ticket=late.ticket)

    def test_a_ticket_of_one_kind_proves_nothing_of_the_other(self, world: World) -> None:
        wechat = world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
        phone = world.sign_in("13900000009")
        assert isinstance(wechat, RegistrationNeeded)
        assert isinstance(phone, RegistrationNeeded)
        with refused("TICKET_INVALID"):
            world.register(LI, wechat_ticket=phone.ticket)
        request = RegistrationRequest(LI[0], LI[1], ProofGiven(ticket=wechat.ticket))
        with refused("TICKET_INVALID"):
            world.identity.registration.register(request, PHONE, key())
        assert residents(world) == 0

    def test_a_sister_mini_program_knows_the_resident_by_unionid(self, world: World) -> None:
        needed = world.identity.wechat.sign_in(world.wechat_code("openid-1", "union-1"), PHONE, key())
        assert isinstance(needed, RegistrationNeeded)
        registered = world.register(wechat_ticket=needed.ticket)
        sister = world.identity.wechat.sign_in(world.wechat_code("openid-2", "union-1"), PHONE, key())
        assert isinstance(sister, SignedIn)
        assert sister.resident == registered.resident

    def test_a_lost_answer_is_given_again_although_the_code_is_used(self, world: World) -> None:
        code, repeated = world.wechat_code("openid-1"), key()
        first = world.identity.wechat.sign_in(code, PHONE, repeated)
        assert world.identity.wechat.sign_in(code, PHONE, repeated) == first
        with refused("WECHAT_CODE_INVALID"):
            world.identity.wechat.sign_in(code, PHONE, key())

    def test_a_suspended_resident_does_not_get_in(self, world: World) -> None:
        needed = world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
        assert isinstance(needed, RegistrationNeeded)
        registered = world.register(wechat_ticket=needed.ticket)
        world.suspend(registered.access_token)
        sessions = world.core.db["sessions"].count_documents({})
        with refused("IDENTITY_SUSPENDED"):
            world.identity.wechat.sign_in(world.wechat_code("openid-1"), PHONE, key())
        assert world.core.db["sessions"].count_documents({}) == sessions

"""A suspended identity opens nothing any more, from the moment that the suspension is committed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.core.errors import Refusal
from backend.exchange.public_security import FaceResult
from backend.identity.login.models import CodePurpose
from backend.identity.models import IdentityStatus
from backend.identity.sessions.models import SignedIn
from backend.identity.staff.models import StaffRole
from backend.identity.suspension import SuspensionReason
from backend.identity.viewer import StaffViewer
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LAPTOP, LI, PHONE, WANG, World, key

OFFICER = StaffViewer(
    "staff-1", "session-1", frozenset({StaffRole.IDENTITY_OFFICER}), "430100", "ps", None, frozenset()
)
CLERK = StaffViewer(
    "staff-2", "session-2", frozenset({StaffRole.VERIFIER}), "430100", "ps", None, frozenset()
)
ELSEWHERE = StaffViewer(
    "staff-3", "session-3", frozenset({StaffRole.IDENTITY_OFFICER}), "430300", "ps", None, frozenset()
)


def status(world: World, resident: str) -> IdentityStatus:
    found = world.identity.residents.find(resident)
    assert found is not None
    return found.status


def test_every_session_ends_with_its_refresh_and_its_codes(world: World) -> None:
    phone = world.register()
    laptop = world.sign_in(LI[2], LAPTOP)
    assert isinstance(laptop, SignedIn)
    world.suspend(laptop.access_token)
    assert not world.counts(phone.access_token)
    assert not world.counts(laptop.access_token)
    for ended, client in ((phone, PHONE), (laptop, LAPTOP)):
        with refused("SESSION_ENDED"):
            world.identity.refresh.refresh(ended.refresh_token, client, key())
    assert world.told() == [phone.resident]
    assert world.records()[-1].entry.detail == {"reason": "LOST_PHONE"}


def test_a_token_from_a_machine_whose_clock_is_ahead_is_refused_too(world: World) -> None:
    signed_in = world.register()
    world.clock.advance(30)
    ahead = world.identity.refresh.refresh(signed_in.refresh_token, PHONE, key())
    world.clock.advance(-30)
    world.suspend(signed_in.access_token)
    assert not world.counts(ahead.access_token)


def test_a_code_sent_before_the_suspension_signs_nobody_in(world: World) -> None:
    signed_in = world.register()
    proof = world.prove(LI[2])
    world.suspend(signed_in.access_token)
    with refused("IDENTITY_SUSPENDED"):
        world.identity.phone.sign_in(proof.challenge or "", proof.code or "", PHONE, key())
    assert world.core.db["sessions"].count_documents({"open": True}) == 0


def test_no_session_slips_past_a_suspension_at_the_same_moment(world: World) -> None:
    signed_in = world.register()
    proofs = []
    for _ in range(3):
        proof = world.prove(LI[2])
        proofs.append(proof)
    world.clock.advance(-200)  # The oldest of the three codes is still good.

    def enter(at: int) -> None:
        proof = proofs[at]
        try:
            world.identity.phone.sign_in(proof.challenge or "", proof.code or "", PHONE, key())
        except Refusal as refusal:
            assert refusal.code == "IDENTITY_SUSPENDED"  # noqa: PT017 - either outcome is right.

    with ThreadPoolExecutor(4) as pool:
        entering = [pool.submit(enter, at) for at in range(3)]
        pool.submit(world.suspend, signed_in.access_token).result()
        for one in entering:
            one.result()
    assert world.core.db["sessions"].count_documents({"open": True}) == 0


def test_a_hook_that_fails_suspends_nobody(world: World) -> None:
    signed_in = world.register()
    world.core.db["codes_of_another_feature"].create_index("resident", unique=True)
    world.core.db["codes_of_another_feature"].insert_one({"resident": signed_in.resident})
    with pytest.raises(Exception, match="E11000"):
        world.suspend(signed_in.access_token)
    assert status(world, signed_in.resident) is IdentityStatus.ACTIVE
    assert world.counts(signed_in.access_token)
    assert "identity.suspended" not in world.actions()


class TestWithoutASession:
    def suspend(self, world: World, who: tuple[str, str, str], mobile: str) -> None:
        requested = world.ask_code(mobile, CodePurpose.SUSPEND, LAPTOP)
        code = world.sms.last_code(mobile)
        world.identity.suspension.suspend_by_proof(who[0], who[1], requested.challenge, code, LAPTOP, key())

    def test_name_number_and_phone_code_suspend(self, world: World) -> None:
        signed_in = world.register()
        self.suspend(world, LI, LI[2])
        assert not world.counts(signed_in.access_token)
        assert status(world, signed_in.resident) is IdentityStatus.SUSPENDED

    def test_somebody_else_s_phone_suspends_nobody(self, world: World) -> None:
        victim, other = world.register(LI), world.register(WANG, LAPTOP)
        with refused("NOT_FOUND"):
            self.suspend(world, LI, WANG[2])
        with refused("REAL_NAME_MISMATCH"):
            self.suspend(world, (WANG[0], LI[1], ""), LI[2])
        assert world.counts(victim.access_token)
        assert world.counts(other.access_token)

    def test_a_face_restores_and_signing_in_works_again(self, world: World) -> None:
        signed_in = world.register()
        world.suspend(signed_in.access_token)
        check = world.identity.faces.start_by_name(LI[0], LI[1], LAPTOP, key()).check
        with refused("FACE_PENDING"):
            world.identity.suspension.restore_own(LI[0], LI[1], check, key())
        assert status(world, signed_in.resident) is IdentityStatus.SUSPENDED
        world.faces.results[LI[1]] = FaceResult.PASSED
        world.identity.suspension.restore_own(LI[0], LI[1], check, key())
        back = world.sign_in(LI[2])
        assert isinstance(back, SignedIn)
        assert world.counts(back.access_token)
        assert not world.counts(signed_in.access_token)
        with refused("FACE_CHECK_INVALID"):
            world.identity.suspension.restore_own(LI[0], LI[1], check, key())


class TestByStaff:
    def test_an_officer_suspends_and_restores_and_says_why(self, world: World) -> None:
        signed_in = world.register()
        suspend = world.identity.suspension.suspend_by_staff
        suspend(OFFICER, signed_in.resident, SuspensionReason.SUSPECTED_MISUSE, "Report 17", key())
        assert not world.counts(signed_in.access_token)
        entry = world.records()[-1].entry
        assert (entry.actor.kind, entry.actor.id) == ("staff", "staff-1")
        assert entry.detail == {"reason": "SUSPECTED_MISUSE", "note": "Report 17"}
        restore = world.identity.suspension.restore_by_staff
        restore(OFFICER, signed_in.resident, SuspensionReason.RESOLVED, "Report 17 closed", key())
        assert status(world, signed_in.resident) is IdentityStatus.ACTIVE

    @pytest.mark.parametrize(
        ("staff", "note", "code"),
        [
            (CLERK, "why", "FORBIDDEN"),
            (ELSEWHERE, "why", "NOT_FOUND"),
            (OFFICER, " ", "BAD_INPUT"),
            (OFFICER, "x" * 201, "BAD_INPUT"),
            (OFFICER, f"number {LI[1]}", "BAD_INPUT"),
        ],
    )
    def test_nobody_else_and_never_without_a_reason(
        self, world: World, staff: StaffViewer, note: str, code: str
    ) -> None:
        signed_in = world.register()
        with refused(code):
            world.identity.suspension.suspend_by_staff(
                staff, signed_in.resident, SuspensionReason.SUSPECTED_MISUSE, note, key()
            )
        assert world.counts(signed_in.access_token)
        assert world.told() == []

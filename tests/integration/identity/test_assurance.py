"""Levels of assurance: a device's key gives L2, a face gives L3 for five minutes."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from backend.core.errors import Refusal
from backend.exchange.public_security import FaceResult
from backend.identity.devices.keys import registration_text, step_up_text
from backend.identity.devices.models import MAX_DEVICES
from backend.identity.models import Assurance
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LAPTOP, LI, WANG, DeviceKey, World, key


def devices(world: World) -> int:
    return world.core.db["devices"].count_documents({"active": True})


class TestDevices:
    def test_a_device_that_proves_its_key_is_registered_and_gives_level_two(self, world: World) -> None:
        phone = DeviceKey()
        registered = world.register_device(world.register().access_token, phone)
        assert registered.device.thumbprint == phone.thumbprint
        viewer = world.viewer(registered.grant.access_token)
        assert (viewer.assurance, viewer.device) == (Assurance.L2, registered.device.id)
        lifted = world.viewer(world.step_up(registered.grant.access_token, phone))
        assert lifted.assurance is Assurance.L2

    def test_a_signature_by_another_key_or_of_another_text_proves_nothing(self, world: World) -> None:
        viewer = world.viewer(world.register().access_token)
        phone, other = DeviceKey(), DeviceKey()
        challenge = world.identity.devices.challenge(viewer, key()).challenge
        text = registration_text(challenge, phone.thumbprint)
        for signature in (
            other.sign(text),
            phone.sign(step_up_text(challenge, "device")),
            phone.sign(registration_text("other", phone.thumbprint)),
            phone.sign(text)[:-2],
            "!",
        ):
            with refused("DEVICE_PROOF_INVALID"):
                world.identity.devices.register(
                    viewer, challenge, (phone.x, phone.y), signature, name="x", key=key()
                )
        assert devices(world) == 0

    @pytest.mark.parametrize(
        ("x", "y"), [("", ""), ("AA", "AA"), ("A" * 43, "A" * 43), ("é" * 43, "A" * 43), ("A" * 9999, "AA")]
    )
    def test_what_is_no_point_of_the_curve_is_no_key(self, world: World, x: str, y: str) -> None:
        viewer = world.viewer(world.register().access_token)
        with refused("DEVICE_KEY_INVALID"):
            world.identity.devices.register(viewer, "c", (x, y), "s", name="x", key=key())

    def test_a_challenge_is_for_one_session_one_use_and_five_minutes(self, world: World) -> None:
        phone = DeviceKey()
        registered = world.register_device(world.register().access_token, phone)
        viewer = world.viewer(registered.grant.access_token)
        challenge = world.identity.devices.challenge(viewer, key()).challenge
        signature = phone.sign(step_up_text(challenge, registered.device.id))
        world.identity.devices.step_up(viewer, challenge, signature, key())
        with refused("DEVICE_PROOF_INVALID"):
            world.identity.devices.step_up(viewer, challenge, signature, key())
        late = world.identity.devices.challenge(viewer, key()).challenge
        world.clock.advance(300)
        with refused("DEVICE_PROOF_INVALID"):
            signature = phone.sign(step_up_text(late, registered.device.id))
            world.identity.devices.step_up(viewer, late, signature, key())
        theirs = world.viewer(world.register(WANG, LAPTOP).access_token)
        foreign = world.identity.devices.challenge(theirs, key()).challenge
        with refused("DEVICE_PROOF_INVALID"):
            signature = phone.sign(step_up_text(foreign, registered.device.id))
            world.identity.devices.step_up(viewer, foreign, signature, key())

    def test_a_key_belongs_to_one_device(self, world: World) -> None:
        phone = DeviceKey()
        world.register_device(world.register().access_token, phone)
        theirs = world.register(WANG, LAPTOP).access_token
        with refused("DEVICE_KEY_TAKEN"):
            world.register_device(theirs, phone)
        assert devices(world) == 1

    def test_an_old_sign_in_registers_no_device(self, world: World) -> None:
        signed_in = world.register()
        world.clock.advance(14 * 60)
        old = world.identity.refresh.refresh(signed_in.refresh_token, LAPTOP, key())
        world.clock.advance(2 * 60)
        with refused("SIGN_IN_AGAIN"):
            world.register_device(old.access_token, DeviceKey())
        assert devices(world) == 0

    def test_there_are_at_most_ten_devices(self, world: World) -> None:
        token = world.register().access_token
        for _ in range(MAX_DEVICES):
            world.register_device(token, DeviceKey())
        with refused("TOO_MANY_DEVICES"):
            world.register_device(token, DeviceKey())

    def test_at_most_ten_devices_come_of_registrations_at_once(self, world: World) -> None:
        token = world.register().access_token
        for _ in range(MAX_DEVICES - 1):
            world.register_device(token, DeviceKey())
        signed_in = [world.sign_in(LI[2]) for _ in range(3)]
        tokens = [token, *(one.access_token for one in signed_in)]  # type: ignore[union-attr]
        begin = Barrier(len(tokens))

        def register(token: str) -> str:
            begin.wait()
            try:
                return world.register_device(token, DeviceKey()).device.name
            except Refusal as refusal:
                return refusal.code

        with ThreadPoolExecutor(len(tokens)) as pool:
            outcomes = Counter(pool.map(register, tokens))
        assert outcomes == {"Phone": 1, "TOO_MANY_DEVICES": 3}
        assert devices(world) == MAX_DEVICES

    def test_a_revoked_device_makes_room_for_one(self, world: World) -> None:
        token = world.register().access_token
        for _ in range(MAX_DEVICES):
            last = world.register_device(token, DeviceKey())
        elsewhere = world.sign_in(LI[2]).access_token  # type: ignore[union-attr]
        world.identity.devices.revoke(world.viewer(elsewhere), last.device.id, key())
        world.register_device(elsewhere, DeviceKey())
        with refused("TOO_MANY_DEVICES"):
            world.register_device(elsewhere, DeviceKey())
        assert devices(world) == MAX_DEVICES

    def test_revoking_a_device_ends_its_sessions_and_its_key(self, world: World) -> None:
        phone = DeviceKey()
        registered = world.register_device(world.register().access_token, phone)
        laptop = world.sign_in(LI[2], LAPTOP)
        viewer = world.viewer(laptop.access_token)  # type: ignore[union-attr]
        world.identity.devices.revoke(viewer, registered.device.id, key())
        assert not world.counts(registered.grant.access_token)
        assert world.counts(laptop.access_token)  # type: ignore[union-attr]
        assert world.told() == [viewer.resident]
        with refused("DEVICE_NOT_REGISTERED"):
            world.step_up(registered.grant.access_token, phone)

    def test_nobody_revokes_another_resident_s_device(self, world: World) -> None:
        registered = world.register_device(world.register().access_token, DeviceKey())
        theirs = world.viewer(world.register(WANG, LAPTOP).access_token)
        with refused("NOT_FOUND"):
            world.identity.devices.revoke(theirs, registered.device.id, key())
        assert devices(world) == 1
        assert world.told() == []


class TestFaces:
    def test_a_passed_check_gives_level_three_for_five_minutes(self, world: World) -> None:
        viewer = world.viewer(world.register().access_token)
        started = world.identity.faces.start(viewer, key())
        world.faces.results[LI[1]] = FaceResult.PASSED
        token = world.identity.faces.complete(viewer, started.check, key()).access_token
        passed_at = world.clock.now()
        assert world.viewer(token).assurance is Assurance.L3
        assert abs(world.viewer(token).auth_time - passed_at) < timedelta(seconds=1)
        world.clock.advance(301)
        assert world.viewer(token).assurance is Assurance.L1

    @pytest.mark.parametrize(
        ("result", "code"),
        [
            (FaceResult.PENDING, "FACE_PENDING"),
            (FaceResult.FAILED, "FACE_FAILED"),
            (FaceResult.EXPIRED, "FACE_FAILED"),
        ],
    )
    def test_anything_but_a_pass_lifts_nobody(self, world: World, result: FaceResult, code: str) -> None:
        viewer = world.viewer(world.register().access_token)
        started = world.identity.faces.start(viewer, key())
        world.faces.results[LI[1]] = result
        with refused(code):
            world.identity.faces.complete(viewer, started.check, key())
        assert "identity.assurance.raised" not in world.actions()

    def test_a_check_lifts_its_own_session_once(self, world: World) -> None:
        mine = world.viewer(world.register().access_token)
        theirs = world.viewer(world.register(WANG, LAPTOP).access_token)
        started = world.identity.faces.start(mine, key())
        world.faces.results[LI[1]] = FaceResult.PASSED
        with refused("FACE_CHECK_INVALID"):
            world.identity.faces.complete(theirs, started.check, key())
        world.identity.faces.complete(mine, started.check, key())
        with refused("FACE_CHECK_INVALID"):
            world.identity.faces.complete(mine, started.check, key())

    def test_a_check_by_name_lifts_no_session(self, world: World) -> None:
        viewer = world.viewer(world.register().access_token)
        started = world.identity.faces.start_by_name(LI[0], LI[1], LAPTOP, key())
        world.faces.results[LI[1]] = FaceResult.PASSED
        with refused("FACE_CHECK_INVALID"):
            world.identity.faces.complete(viewer, started.check, key())

    def test_a_check_is_over_after_ten_minutes(self, world: World) -> None:
        viewer = world.viewer(world.register().access_token)
        started = world.identity.faces.start(viewer, key())
        world.faces.results[LI[1]] = FaceResult.PASSED
        world.clock.advance(600)
        with refused("FACE_CHECK_INVALID"):
            world.identity.faces.complete(viewer, started.check, key())

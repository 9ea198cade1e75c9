"""What identity costs the database: no step scans a collection, no page costs more than another."""

from collections.abc import Iterator

import pytest
from pymongo.monitoring import CommandListener, CommandStartedEvent

from backend.core.foundation import build_foundation
from backend.core.mongo.client import Client as MongoClient
from backend.core.mongo.client import Db, connect
from backend.core.mongo.schema import ensure_indexes
from backend.core.paging import PageRequest
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.exchange.public_security import FaceResult
from backend.identity.login.models import CodePurpose, RegistrationNeeded
from backend.identity.sessions.models import SignedIn
from tests.fakes import StandingClock
from tests.integration.identity.helpers import refused
from tests.integration.identity.world import LAPTOP, LI, PHONE, WANG, DeviceKey, World, key


class Counting(CommandListener):
    """Notes the names of the commands that a client sends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        """One more."""
        self.names.append(event.command_name)

    def succeeded(self, event: object) -> None:
        """Of no interest."""

    def failed(self, event: object) -> None:
        """Of no interest."""


@pytest.fixture
def no_table_scans(mongo_client: MongoClient) -> Iterator[None]:
    """The server refuses every query that no index serves."""
    mongo_client.admin.command("setParameter", 1, notablescan=True)
    yield
    mongo_client.admin.command("setParameter", 1, notablescan=False)


@pytest.mark.usefixtures("no_table_scans")
def test_no_step_of_a_resident_s_life_scans_a_collection(world: World) -> None:
    needed = world.identity.wechat.sign_in(world.wechat_code("openid-1", "union-1"), PHONE, key())
    assert isinstance(needed, RegistrationNeeded)
    phone = world.register(LI, wechat_ticket=needed.ticket)
    world.identity.wechat.sign_in(world.wechat_code("openid-2", "union-1"), PHONE, key())
    device = DeviceKey()
    registered = world.register_device(phone.access_token, device)
    world.step_up(registered.grant.access_token, device)
    renewed = world.identity.refresh.refresh(phone.refresh_token, PHONE, key())
    world.clock.advance(60)
    with refused("REFRESH_REUSED"):
        world.identity.refresh.refresh(phone.refresh_token, PHONE, key())
    assert not world.counts(renewed.access_token)
    laptop = world.sign_in(LI[2], LAPTOP)
    assert isinstance(laptop, SignedIn)
    viewer = world.viewer(laptop.access_token)
    world.identity.sessions.list(viewer, PageRequest.of(5))
    world.identity.devices.list(viewer, PageRequest.of(5))
    check = world.identity.faces.start(viewer, key()).check
    world.faces.results[LI[1]] = FaceResult.PASSED
    world.identity.faces.complete(viewer, check, key())
    world.identity.devices.revoke(viewer, registered.device.id, key())
    world.register((WANG[0], WANG[1], LI[2]), PHONE)
    face = world.identity.faces.start_by_name(LI[0], LI[1], LAPTOP, key()).check
    back = world.register(LI, LAPTOP, face_check=face)
    asked = world.ask_code(LI[2], CodePurpose.SUSPEND, LAPTOP)
    code = world.sms.last_code(LI[2])
    world.identity.suspension.suspend_by_proof(LI[0], LI[1], asked.challenge, code, LAPTOP, key())
    assert not world.counts(back.access_token)
    face = world.identity.faces.start_by_name(LI[0], LI[1], LAPTOP, key()).check
    world.identity.suspension.restore_own(LI[0], LI[1], face, key())


def test_a_page_of_sessions_or_devices_is_one_find_whatever_its_size(
    db: Db, mongo: str, clock: StandingClock
) -> None:
    counting = Counting()
    with connect(mongo, listeners=[counting]) as client:
        settings = Settings(kek=Kek.generate(), mongodb_database=db.name)
        core = build_foundation(settings, clock=clock, client=client)
        core.keyring.ensure()
        world = World(core, clock)
        ensure_indexes(db, world.indexes)
        token = world.register().access_token
        for _ in range(5):
            world.register_device(token, DeviceKey())
            world.clock.advance(3600)  # A number gets five codes an hour.
            signed_in = world.sign_in(LI[2])
            assert isinstance(signed_in, SignedIn)
            token = signed_in.access_token
        viewer = world.viewer(token)
        for listed in (world.identity.sessions.list, world.identity.devices.list):
            for first in (1, 5):
                counting.names.clear()
                assert len(listed(viewer, PageRequest.of(first)).items) == first
                assert counting.names == ["find"]

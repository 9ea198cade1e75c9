"""Identity on a real database, with the outside world in the test's hands."""

import pytest

from backend.core.foundation import Foundation, build_foundation
from backend.core.mongo.client import Client as MongoClient
from backend.core.mongo.client import Db
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from backend.core.settings import Settings
from tests.fakes import StandingClock
from tests.integration.identity.world import World


@pytest.fixture
def core(db: Db, mongo_client: MongoClient, clock: StandingClock) -> Foundation:
    """The foundation on an empty database."""
    settings = Settings(kek=Kek.generate(), mongodb_database=db.name)  # type: ignore[arg-type]
    foundation = build_foundation(settings, clock=clock, client=mongo_client)
    foundation.keyring.ensure()
    return foundation


@pytest.fixture
def world(core: Foundation, clock: StandingClock) -> World:
    """Identity with all indexes, nobody registered."""
    world = World(core, clock)
    ensure_indexes(core.db, world.indexes)
    return world

"""A world of one resident for each test, on a client whose commands are counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from backend.core.mongo.client import connect
from tests.fakes import StandingClock
from tests.integration.onecode.world import Commands, World, make_world


@pytest.fixture
def clock() -> StandingClock:
    """The last ten past an hour: in the past, as commands that run beside it go by the real time."""
    earlier = datetime.now(UTC) - timedelta(minutes=10)
    return StandingClock(earlier.replace(minute=10, second=0, microsecond=0))


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def world(mongo: str, clock: StandingClock, commands: Commands) -> Iterator[World]:
    name = f"tongyu_test_{uuid4().hex}"
    with connect(mongo, listeners=[commands]) as client:
        yield make_world(client[name], clock)
        client.drop_database(name)

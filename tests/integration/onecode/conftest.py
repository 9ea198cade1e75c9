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
    """Ten past the present hour: expired documents are really removed by MongoDB, by its own clock."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return StandingClock(hour + timedelta(minutes=10))


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def world(mongo: str, clock: StandingClock, commands: Commands) -> Iterator[World]:
    name = f"tongyu_test_{uuid4().hex}"
    with connect(mongo, listeners=[commands]) as client:
        yield make_world(client[name], clock)
        client.drop_database(name)

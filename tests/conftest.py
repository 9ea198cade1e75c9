"""Fixtures that every test may use: a real mongod, a database of one's own, a clock that stands still."""

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from backend.core.mongo.client import Client, Db, connect
from backend.core.mongo.embedded import embedded_mongo
from tests.fakes import StandingClock


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a real replica set: `TONGYU_TEST_MONGODB_URI`, else an embedded mongod of this process.

    Under pytest-xdist each worker is a process with a folder of its own, and so has a mongod of its own.
    """
    given = os.environ.get("TONGYU_TEST_MONGODB_URI")
    if given:
        yield given
        return
    with embedded_mongo(tmp_path_factory.mktemp("mongod"), cache_gb=0.25) as running:
        with connect(running.uri) as client:
            # Rows of a clock that stands in the past would expire by the server's clock in mid-test.
            client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
        yield running.uri


@pytest.fixture(scope="session")
def mongo_client(mongo: str) -> Iterator[Client]:
    """A client with the production options, shared by the tests of this process."""
    with connect(mongo) as client:
        yield client


@pytest.fixture
def db(mongo_client: Client) -> Iterator[Db]:
    """An empty database under a name of its own, dropped afterwards."""
    name = f"tongyu_test_{uuid4().hex}"
    yield mongo_client[name]
    mongo_client.drop_database(name)


@pytest.fixture
def clock() -> StandingClock:
    """A clock at 2026-01-01T00:00:00Z that moves only when told."""
    return StandingClock()

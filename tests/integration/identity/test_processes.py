"""A suspension takes effect on every API process within a second: two real servers, one database."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
import pytest

from backend.core.clock import SystemClock
from backend.core.foundation import build_foundation
from backend.core.mongo.client import Client as MongoClient
from backend.core.mongo.client import Db
from backend.core.mongo.embedded import free_port
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from backend.core.settings import Settings
from tests.fakes import StandingClock
from tests.integration.identity.world import LI, World

SERVE = """
import sys
from werkzeug.serving import make_server
from backend.app import create_app
from backend.core.settings import Settings
make_server("127.0.0.1", int(sys.argv[1]), create_app(Settings()), threaded=True).serve_forever()
"""
ME = {"query": "{ me { id } }"}


@contextmanager
def serving(kek: str, mongo: str, database: str) -> Iterator[str]:
    """The GraphQL address of an API process of its own."""
    port = free_port()
    environment = os.environ | {
        "TONGYU_ENVIRONMENT": "development",
        "TONGYU_KEK": kek,
        "TONGYU_MONGODB_URI": mongo,
        "TONGYU_MONGODB_DATABASE": database,
    }
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://127.0.0.1:{port}/graphql"
        finally:
            process.terminate()
            process.wait(20)


def status(url: str, token: str) -> int:
    """The HTTP status of `me`; 0 while the server isn't there yet."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    try:
        return httpx2.post(url, json=ME, headers=headers, trust_env=False, timeout=5).status_code
    except httpx2.TransportError:
        return 0


@pytest.mark.parametrize("wait", [0.0, 2.0])
def test_every_process_refuses_a_suspended_resident_within_a_second(
    db: Db, mongo: str, mongo_client: MongoClient, wait: float
) -> None:
    kek = Kek.generate()
    settings = Settings(kek=kek, mongodb_database=db.name)
    core = build_foundation(settings, clock=SystemClock(), client=mongo_client)
    core.keyring.ensure()
    world = World(core, StandingClock(SystemClock().now()))
    ensure_indexes(db, world.indexes)
    token = world.register(LI).access_token

    with ExitStack() as stack:
        urls = [stack.enter_context(serving(kek, mongo, db.name)) for _ in range(2)]
        for url in urls:
            deadline = time.monotonic() + 30
            while status(url, token) != 200:
                assert time.monotonic() < deadline, "the server doesn't answer"
                time.sleep(0.1)
        time.sleep(wait)  # With 2 s the feeds answer, without a wait perhaps still the database.

        world.suspend(token)
        committed = time.monotonic()
        seen = {}
        while len(seen) < len(urls) and time.monotonic() - committed < 5:
            for url in urls:
                if url not in seen and status(url, token) == 401:
                    seen[url] = time.monotonic() - committed

    assert len(seen) == 2, "a process still serves the suspended resident"
    assert max(seen.values()) < 1.0

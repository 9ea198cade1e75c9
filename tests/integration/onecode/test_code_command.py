"""`tongyu code` on a real mongod: shows in development only, leaves a trace, finds only who is there."""

import os
import subprocess
import sys

from backend.onecode.scans import Accepted
from tests.architecture.sources import ROOT
from tests.fakes import StandingClock
from tests.integration.onecode.world import World, ask, desk


def run(world: World, mongo: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {
        "TONGYU_MONGODB_URI": mongo,
        "TONGYU_MONGODB_DATABASE": world.core.db.name,
        "TONGYU_KEK": world.kek,
        "TONGYU_PUBLIC_URL": "https://code.example",
        "COLUMNS": "250",
    }
    command = [sys.executable, "-m", "backend.cli", "code", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | given | environment, capture_output=True, text=True, timeout=60
    )


def test_a_demonstration_shows_a_code_that_counts(world: World, mongo: str, clock: StandingClock, tmp_path):
    image = tmp_path / "code.png"
    done = run(world, mongo, "show", world.resident, "--png", str(image), TONGYU_ENVIRONMENT="development")

    read = run(world, mongo, "read", str(image))
    assert done.returncode == 0, done.stderr
    assert read.stdout == done.stdout
    assert done.stdout.startswith("YM1:")
    assert len(world.audits("onecode.code.shown_by_operator")) == 1


def test_in_production_nobodys_code_is_shown(world: World, mongo: str):
    done = run(world, mongo, "show", world.resident, TONGYU_ENVIRONMENT="production")

    assert done.returncode == 1
    assert done.stdout == ""
    assert world.core.db["credentials"].count_documents({}) == 0


def test_who_is_not_there_is_not_found(world: World, mongo: str):
    done = run(world, mongo, "scans", "01NOBODY")

    assert (done.returncode, done.stderr) == (1, "Not found\n")


def test_support_sees_scans_without_values_and_leaves_a_trace(world: World, mongo: str, clock: StandingClock):
    answer = world.onecode.scanning.verify(desk("medical"), ask(world.phone().code(clock.now())))
    assert isinstance(answer, Accepted)

    done = run(world, mongo, "scans", world.resident)

    assert done.returncode == 0, done.stderr
    assert "medical/treatment" in done.stdout
    assert "王小芳" not in done.stdout
    assert len(world.audits("onecode.scans.read_by_operator")) == 1


def test_support_revokes_all_that_a_resident_has(world: World, mongo: str):
    world.phone()

    done = run(world, mongo, "revoke", world.resident)

    assert (done.returncode, done.stdout) == (0, "revoked 16\n")
    assert world.core.db["credentials"].count_documents({"revoked_at": None}) == 0
    assert len(world.audits("onecode.credentials.revoked_by_operator")) == 1

"""The 61 server audits of the npm package graphql-http, against the engine and the whole application."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backend.core.mongo.client import Db
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.database import prepare_database
from tests.graphql.engine.serving import served

HERE = Path(__file__).parent
ALL_OK = "61 ok, 0 warn, 0 notice, 0 error"


@pytest.fixture(scope="module")
def node() -> str:
    """Node of version 18 or later, with the audits installed as the lock file says."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("CONFORMANCE NOT CHECKED: Node 18 or later and npm are needed for the audits")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.findall(r"\d+", version)[0]) < 18:
        pytest.skip(f"CONFORMANCE NOT CHECKED: the audits need Node 18 or later, not {version.strip()}")
    if not (HERE / "node_modules" / "graphql-http").is_dir():
        installed = subprocess.run([npm, "ci"], cwd=HERE, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            pytest.skip(f"CONFORMANCE NOT CHECKED: npm ci failed: {installed.stderr.strip()[-300:]}")
    return node


def audit(node: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node, HERE / "audit.mjs", url], capture_output=True, text=True, timeout=120, check=False
    )


def test_every_audit_is_ok(node: str) -> None:
    with served() as port:
        result = audit(node, f"http://127.0.0.1:{port}/graphql")
    assert result.stdout.splitlines() == [ALL_OK], result.stdout + result.stderr
    assert result.returncode == 0


def test_every_audit_of_the_application_is_ok(node: str, mongo: str, db: Db) -> None:
    settings = Settings(
        environment="development", mongodb_uri=mongo, mongodb_database=db.name, kek=Kek.generate()
    )
    prepare_database(settings)
    assert settings.kek is not None
    environ = {
        "TONGYU_ENVIRONMENT": settings.environment,
        "TONGYU_MONGODB_URI": settings.mongodb_uri,
        "TONGYU_MONGODB_DATABASE": settings.mongodb_database,
        "TONGYU_KEK": settings.kek.get_secret_value(),
    }
    with served("--factory", "backend.app:from_environment", environ=environ) as port:
        result = audit(node, f"http://127.0.0.1:{port}/graphql")
    assert result.stdout.splitlines() == [ALL_OK], result.stdout + result.stderr


def test_the_runner_fails_where_there_is_no_graphql(node: str) -> None:
    with served() as port:
        result = audit(node, f"http://127.0.0.1:{port}/elsewhere")
    assert result.returncode == 1
    assert ALL_OK not in result.stdout


def test_the_lock_file_names_no_registry() -> None:
    lock = (HERE / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert "://" not in lock

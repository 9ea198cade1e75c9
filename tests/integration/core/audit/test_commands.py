"""What `tongyu audit` and the metrics tell an operator."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner, Result

from backend.cli.audit import app
from backend.core.audit.checkpoint import Checkpoints, read_checkpoint
from backend.core.audit.log import ENTRIES, INDEXES, AuditLog
from backend.core.audit.metrics import UnplacedAge
from backend.core.audit.proof import read_proof, verify_proof
from backend.core.audit.sequencer import Sequencer
from backend.core.clock import SystemClock
from backend.core.keyring import Keyring, Purpose
from backend.core.mongo.client import Db, connect
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from tests.fakes import StandingClock
from tests.integration.core.audit.conftest import ORIGIN, scan


@pytest.fixture
def system(db: Db, mongo: str, tmp_path: Path) -> dict[str, str]:
    """The environment of a system whose log holds five entries under a checkpoint."""
    kek, clock = Kek.generate(), SystemClock()
    keyring = Keyring(db, Kek.parse(kek), clock)
    keyring.ensure([Purpose.AUDIT])
    ensure_indexes(db, INDEXES)
    for number in range(5):
        AuditLog(db, clock).append(scan(number), None)
    Sequencer(db, keyring, clock, "worker", origin=ORIGIN).step()
    Checkpoints(db, keyring, clock, ORIGIN).publish()
    return {
        "TONGYU_MONGODB_URI": mongo,
        "TONGYU_MONGODB_DATABASE": db.name,
        "TONGYU_KEK": kek,
        "TONGYU_PUBLIC_URL": "https://tongyu.example",
        "TONGYU_DATA_DIR": str(tmp_path),
    }


def run(system: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env=system)


def test_verify_says_so_when_nothing_was_touched(system: dict[str, str]) -> None:
    result = run(system, "verify")

    assert result.exit_code == 0
    assert "Audit entries 0 to 4 are untouched; 1 checkpoints confirm it." in result.stdout


def test_verify_names_the_entry_and_fails(db: Db, system: dict[str, str]) -> None:
    db[ENTRIES].delete_one({"seq": 2})

    result = run(system, "verify")

    assert result.exit_code == 1
    assert result.stdout == "AUDIT_ENTRY_REMOVED: Audit entry 2 was removed\n"


def test_a_log_that_cannot_be_read_is_not_called_touched(system: dict[str, str]) -> None:
    for fault in ({"TONGYU_MONGODB_URI": "mongodb://127.0.0.1:1/?replicaSet=rs0"}, {"TONGYU_KEK": "none"}):
        result = run(system | fault, "verify")

        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.strip()


def test_verify_from_an_entry_on(db: Db, system: dict[str, str]) -> None:
    db[ENTRIES].delete_one({"seq": 2})

    assert run(system, "verify", "--from", "3").exit_code == 0
    assert run(system, "verify", "--from", "6").exit_code == 2


def test_a_kept_checkpoint_is_compared(db: Db, system: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint.txt"
    kept.write_text(run(system, "checkpoint").stdout, "utf-8")
    assert run(system, "verify", "--checkpoint", str(kept)).exit_code == 0
    db["audit_entries"].delete_many({})
    db["audit_nodes"].delete_many({})
    db["audit_state"].delete_many({})
    db["audit_checkpoints"].delete_many({})
    assert run(system, "verify").exit_code == 0

    result = run(system, "verify", "--checkpoint", str(kept))

    assert result.exit_code == 1
    assert "names 5 audit entries, but from entry 0 on they are gone" in result.stdout


@pytest.mark.parametrize("text", ["", "not a checkpoint"])
def test_a_file_without_a_checkpoint_is_refused(system: dict[str, str], tmp_path: Path, text: str) -> None:
    path = tmp_path / "checkpoint.txt"
    path.write_text(text, "utf-8")

    result = run(system, "verify", "--checkpoint", str(path))

    assert result.exit_code == 2
    assert re.search("holds\\W+no\\W+checkpoint", result.stderr)


def test_the_printed_proof_verifies_with_the_published_keys(db: Db, system: dict[str, str]) -> None:
    row = db[ENTRIES].find_one({"seq": 3})
    text = run(system, "proof", row["_id"]).stdout
    keys = Keyring(db, Kek.parse(system["TONGYU_KEK"]), SystemClock()).published(Purpose.AUDIT)

    assert verify_proof(read_proof(text), ORIGIN, [key.public for key in keys]).id == row["_id"]
    assert run(system, "keys").stdout.startswith(f"{ORIGIN}+")


def test_there_is_nothing_to_print_of_what_isnt_there(db: Db, system: dict[str, str]) -> None:
    assert run(system, "proof", "nothing").exit_code == 2
    assert read_checkpoint(run(system, "checkpoint").stdout).size == 5
    db["audit_checkpoints"].delete_many({})
    assert run(system, "checkpoint").exit_code == 1


def test_the_metric_is_the_age_of_the_oldest_waiting_entry(log: AuditLog, clock: StandingClock) -> None:
    registry = CollectorRegistry()
    UnplacedAge(log, registry)
    log.append(scan(), None)
    clock.advance(75)

    assert b"\ntongyu_audit_oldest_unplaced_seconds 75.0\n" in generate_latest(registry)


def test_the_metric_is_not_a_number_while_mongodb_is_away(clock: StandingClock) -> None:
    registry = CollectorRegistry()
    with connect("mongodb://127.0.0.1:1/?replicaSet=rs0&timeoutMS=200") as client:
        UnplacedAge(AuditLog(client["none"], clock), registry)

        assert b"\ntongyu_audit_oldest_unplaced_seconds NaN\n" in generate_latest(registry)

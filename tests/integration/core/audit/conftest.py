"""Parts of the audit log over a real mongod, with a real keyring."""

import pytest

from backend.core.audit.checkpoint import Checkpoints
from backend.core.audit.log import INDEXES, AuditLog
from backend.core.audit.models import Actor, Entry
from backend.core.audit.sequencer import Sequencer
from backend.core.keyring import Keyring, Purpose
from backend.core.mongo.client import Db
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek
from tests.fakes import StandingClock

ORIGIN = "tongyu.example/audit"


@pytest.fixture
def log(db: Db, clock: StandingClock) -> AuditLog:
    ensure_indexes(db, INDEXES)
    return AuditLog(db, clock)


@pytest.fixture
def keyring(db: Db, clock: StandingClock) -> Keyring:
    ring = Keyring(db, Kek.parse(Kek.generate()), clock)
    ring.ensure([Purpose.AUDIT])
    return ring


@pytest.fixture
def sequencer(db: Db, keyring: Keyring, clock: StandingClock) -> Sequencer:
    return Sequencer(db, keyring, clock, "worker-1", origin=ORIGIN)


@pytest.fixture
def checkpoints(db: Db, keyring: Keyring, clock: StandingClock) -> Checkpoints:
    return Checkpoints(db, keyring, clock, ORIGIN)


def scan(number: int = 0, subject: str | None = "resident-1") -> Entry:
    return Entry(
        action="onecode.scan.accepted",
        actor=Actor("staff", "desk-1"),
        subject=subject,
        place={"city": "430200"},
        detail={"number": number},
    )

"""How fast entries are placed and verified: `python bench/audit_log.py [ENTRIES]`, on an embedded mongod."""

import resource
import sys
import tempfile
import time
from pathlib import Path

from backend.core.audit import INDEXES, Actor, AuditLog, Entry
from backend.core.audit.checkpoint import Checkpoints
from backend.core.audit.sequencer import Sequencer
from backend.core.audit.verify import verify
from backend.core.clock import SystemClock
from backend.core.keyring import Keyring, Purpose
from backend.core.mongo.client import Db, connect, transact
from backend.core.mongo.embedded import embedded_mongo
from backend.core.mongo.schema import ensure_indexes
from backend.core.sealing import Kek

ORIGIN = "bench.example/audit"
ENTRY = Entry(
    action="onecode.scan.accepted",
    actor=Actor("staff", "01k00000000000000000000000"),
    subject="01k00000000000000000000001",
    purpose="registration",
    domain="medical",
    place={"city": "430100", "desk": "01k00000000000000000000002"},
    reference="01k00000000000000000000003",
    detail={"disclosed": ["name", "sex", "birth_year"]},
)


def megabytes() -> int:
    """The largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run(db: Db, entries: int) -> None:
    """Appends, places and verifies so many entries, and prints how long each took."""
    clock = SystemClock()
    ensure_indexes(db, INDEXES)
    keyring = Keyring(db, Kek.parse(Kek.generate()), clock)
    keyring.ensure([Purpose.AUDIT])
    log, checkpoints = AuditLog(db, clock), Checkpoints(db, keyring, clock, ORIGIN)
    sequencer = Sequencer(db, keyring, clock, "bench", origin=ORIGIN)
    for _ in range(entries // 500):
        transact(db, lambda session: [log.append(ENTRY, session) for _ in range(500)])
    began, cpu, placed = time.perf_counter(), time.process_time(), 0
    while done := sequencer.step():
        placed += done
    took, used = time.perf_counter() - began, time.process_time() - cpu
    print(f"placed   {placed} entries in {took:.1f} s: {placed / took:,.0f}/s, of it our CPU {used:.1f} s")
    checkpoints.publish()
    before, began = megabytes(), time.perf_counter()
    report = verify(db, checkpoints)
    took = time.perf_counter() - began
    print(
        f"verified {report.size} entries in {took:.1f} s: {report.size / took:,.0f}/s, sound: {report.sound}"
    )
    print(f"memory   {before} MB before verification, {megabytes()} MB after")


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_mongo(Path(folder)) as mongod,
        connect(mongod.uri) as client,
    ):
        run(client["bench"], int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)

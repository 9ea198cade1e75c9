"""What the audit log asks of MongoDB: so many commands, whatever the number of entries."""

from collections.abc import Iterator

import pytest
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from backend.core.audit.checkpoint import Checkpoints
from backend.core.audit.log import INDEXES, AuditLog
from backend.core.audit.proof import Proofs
from backend.core.audit.sequencer import Sequencer
from backend.core.keyring import Keyring
from backend.core.mongo.client import Db, connect, transact
from backend.core.mongo.schema import ensure_indexes
from backend.core.paging import PageRequest
from tests.fakes import StandingClock
from tests.integration.core.audit.conftest import ORIGIN, scan


class Commands(CommandListener):
    """The names of the commands that were sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to count."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to count."""

    def taken(self) -> list[str]:
        """The names since the last call."""
        names, self.names = self.names, []
        return names


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
def counted(mongo: str, db: Db, commands: Commands) -> Iterator[Db]:
    """The test's database by a client whose commands are counted."""
    ensure_indexes(db, INDEXES)
    with connect(mongo, listeners=[commands]) as client:
        client.admin.command("ping")
        commands.taken()
        yield client[db.name]


def test_an_append_is_one_insert(counted: Db, commands: Commands, clock: StandingClock) -> None:
    log = AuditLog(counted, clock)

    log.append(scan(), None)
    assert commands.taken() == ["insert"]
    transact(counted, lambda session: log.append(scan(), session))
    assert commands.taken() == ["insert", "commitTransaction"]


def test_a_page_is_one_find_whatever_its_size(counted: Db, commands: Commands, clock: StandingClock) -> None:
    log = AuditLog(counted, clock)
    transact(counted, lambda session: [log.append(scan(), session) for _ in range(150)])
    commands.taken()

    for first in (1, 25, 100):
        page = log.for_subject("resident-1", PageRequest.of(first))
        assert len(page.items) == first
        assert commands.taken() == ["find"]


@pytest.mark.parametrize("entries", [1, 500])
def test_a_batch_costs_the_same_commands_for_one_entry_and_for_many(
    counted: Db, commands: Commands, clock: StandingClock, keyring: Keyring, entries: int
) -> None:
    log, sequencer = AuditLog(counted, clock), Sequencer(counted, keyring, clock, "worker", origin=ORIGIN)
    sequencer.step()
    transact(counted, lambda session: [log.append(scan(), session) for _ in range(entries)])
    commands.taken()

    assert sequencer.step() == entries
    # Look for entries; then in one transaction the head, the entries and the tiles.
    sent = [name for name in commands.taken() if name not in {"findAndModify", "getMore"}]
    assert sent == ["find", "update", "update", "update", "commitTransaction"]


def test_an_idle_look_is_one_find(
    counted: Db, commands: Commands, clock: StandingClock, keyring: Keyring
) -> None:
    sequencer = Sequencer(counted, keyring, clock, "worker", origin=ORIGIN, lease_seconds=3600)
    sequencer.step()
    commands.taken()

    sequencer.step()

    assert commands.taken() == ["find"]


@pytest.mark.parametrize("entries", [1, 300, 1000])
def test_a_proof_is_at_most_three_finds_whatever_the_logs_size(
    counted: Db, commands: Commands, clock: StandingClock, keyring: Keyring, entries: int
) -> None:
    log, checkpoints = AuditLog(counted, clock), Checkpoints(counted, keyring, clock, ORIGIN)
    ids = transact(counted, lambda session: [log.append(scan(), session) for _ in range(entries)])
    Sequencer(counted, keyring, clock, "worker", origin=ORIGIN).step()
    checkpoints.publish()
    commands.taken()

    Proofs(counted, log, checkpoints).proof_for(ids[0])

    assert len(commands.taken()) <= 3

"""What a command needs of the system: settings, the database and the keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from backend.cli.current import command_settings
from backend.core.clock import Clock, SystemClock
from backend.core.errors import Refusal
from backend.core.foundation import Foundation, build_foundation
from backend.core.keyring import Keyring
from backend.core.mongo.client import Db, connect
from backend.core.sealing import Kek, Sealer
from backend.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """The parts that commands work on."""

    settings: Settings
    clock: Clock
    db: Db
    kek: Kek
    sealer: Sealer
    keyring: Keyring


@contextmanager
def one_line(*faults: type[Exception], status: int = 1) -> Iterator[None]:
    """Ends the command with one line on standard error and `status` for a Refusal or one of `faults`.

    `tongyu` itself does so, with status 1, for Misconfigured and for MongoDB's being away.
    """
    try:
        yield
    except Refusal as refusal:
        reason = refusal.message("en")
    except faults as fault:
        reason = str(fault)
    else:
        return
    typer.echo(reason, err=True)
    raise typer.Exit(status)


@contextmanager
def open_foundation() -> Iterator[Foundation]:
    """The wired core for a command, for the length of the block; raises BadKek."""
    foundation = build_foundation(command_settings())
    with foundation.db.client:
        yield foundation


@contextmanager
def open_context(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[Context]:
    """The parts as the settings (else the environment) say, for the length of the block; raises BadKek."""
    chosen, time = settings or command_settings(), clock or SystemClock()
    kek = Kek.from_settings(chosen)
    with connect(chosen.mongodb_uri) as client:
        db = client[chosen.mongodb_database]
        yield Context(chosen, time, db, kek, Sealer(db, kek, time), Keyring(db, kek, time))

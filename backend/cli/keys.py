"""`tongyu keys`: the key-encryption key and the signing keys."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.table import Column, Table

from backend.cli.context import Context, open_context
from backend.core.clock import local_iso
from backend.core.errors import Refusal
from backend.core.keyring import VERIFY_FOR, Algorithm, KeyStatus, PublicKey, Purpose, State
from backend.core.sealing import BadKek, Kek, Unopenable
from backend.core.sealing import rewrap as rewrap_all
from backend.onecode.wire.keys import VerifyKey, algorithm_of, key_id, to_jwk

app = typer.Typer(help="Key-encryption key and signing keys.", no_args_is_help=True)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,6})([smhd])")


def duration(text: str) -> timedelta:
    """The length of time of a text such as `90s`, `15m`, `24h` or `7d`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter("write a number and s, m, h or d, as in 24h")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


PurposeArgument = Annotated[Purpose, typer.Argument(help="What the key signs.")]


@app.command()
def kek(
    add: Annotated[
        Path | None, typer.Option(help="Step 1 of a change: this file's key, and a new one that only opens.")
    ] = None,
    promote: Annotated[
        Path | None, typer.Option(help="Step 2: this file's newest key seals from now on; then `rewrap`.")
    ] = None,
    prune: Annotated[
        Path | None,
        typer.Option(help="Step 3, after `rewrap` found nothing: this file's key without the old."),
    ] = None,
) -> None:
    """Print a new key-encryption key, or a changed one. It is the secret behind all others: keep it safe."""
    steps = {Kek.with_new_key: add, Kek.with_newest_primary: promote, Kek.with_primary_only: prune}
    given = [(step, path) for step, path in steps.items() if path is not None]
    if len(given) > 1:
        raise typer.BadParameter("one step at a time")
    with _explained():
        changed = [step(path.read_text("utf-8")) for step, path in given]
    typer.echo(changed[0] if changed else Kek.generate())


@app.command("list")
def list_keys(
    purpose: Annotated[Purpose | None, typer.Option(help="Only the keys of this purpose.")] = None,
    show_gone: Annotated[bool, typer.Option("--all", help="Also keys that no longer verify.")] = False,
) -> None:
    """Show the signing keys, their states and times (UTC+8)."""
    with _context() as context:
        statuses = [s for each in Purpose if purpose in (None, each) for s in context.keyring.statuses(each)]
    table = Table(
        "purpose", Column("kid", no_wrap=True), "algorithm", "state", "active from", "verifies until"
    )
    for status in statuses:
        if show_gone or status.state is not State.GONE:
            table.add_row(*_cells(status))
    Console().print(table)


@app.command()
def rotate(
    purpose: PurposeArgument,
    publish_ahead: Annotated[
        str, typer.Option(metavar="DURATION", help="How long before it signs, as in 15m, 24h or 7d.")
    ] = "24h",
    verify_for: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long the key before it still verifies after that."),
    ] = None,
    algorithm: Annotated[
        Algorithm | None, typer.Option(help="Signature algorithm; else as the key before.")
    ] = None,
) -> None:
    """Announce a new signing key, which takes over after --publish-ahead."""
    ahead = duration(publish_ahead)
    after = VERIFY_FOR[purpose] if verify_for is None else duration(verify_for)
    with _context() as context:
        key = context.keyring.rotate(purpose, publish_ahead=ahead, verify_for=after, algorithm=algorithm)
    typer.echo(f"{key.kid} signs {purpose} from {local_iso(key.active_from)}")


@app.command()
def retire(purpose: PurposeArgument, kid: Annotated[str, typer.Argument(help="As `list` shows it.")]) -> None:
    """End a key at once, as after a compromise: what it signed no longer verifies."""
    with _context() as context:
        context.keyring.retire(purpose, kid)
        active = context.keyring.active(purpose)
    typer.echo(f"{kid} is gone; {active.kid} signs {purpose}")


@app.command()
def rewrap() -> None:
    """Seal all keys and secrets again under the newest key of the key-encryption key."""
    with _context() as context:
        done = rewrap_all(context.db, context.kek)
    typer.echo(f"{done} sealed again")


@app.command("export-root")
def export_root() -> None:
    """Print the public root keys that verifiers pin, as a JWK set (RFC 7517)."""
    with _context() as context:
        roots = [_verify_key(key.public) for key in context.keyring.published(Purpose.CODE_ROOT)]
    typer.echo(json.dumps({"keys": [to_jwk(root) for root in roots]}, indent=2))


@contextmanager
def _context() -> Iterator[Context]:
    with _explained(), open_context() as context:
        yield context


@contextmanager
def _explained() -> Iterator[None]:
    """Turns what an operator can mend into one line and exit status 1."""
    try:
        yield
    except (BadKek, PyMongoError, OSError) as failure:
        reason = str(failure)
    except Unopenable:
        reason = "A key or secret was sealed by a key-encryption key that isn't in TONGYU_KEK any more."
    except Refusal as refusal:
        reason = refusal.message("en")
    else:
        return
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def _cells(status: KeyStatus) -> tuple[str, ...]:
    record = status.record
    until = local_iso(status.retire_at) if status.retire_at else "-"
    return record.purpose, record.kid, record.algorithm, status.state, local_iso(record.active_from), until


def _verify_key(public: PublicKey) -> VerifyKey:
    return VerifyKey(algorithm_of(public), public, key_id(public))

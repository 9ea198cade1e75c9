"""`tongyu audit`: prove that no audit entry was touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from pymongo.errors import PyMongoError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from backend.cli.context import Context, one_line, open_context
from backend.core.audit.checkpoint import Checkpoint, Checkpoints, origin_of, read_checkpoint
from backend.core.audit.log import AuditLog
from backend.core.audit.note import BadNote, verifier_key
from backend.core.audit.proof import Proofs
from backend.core.audit.tiles import DamagedTree
from backend.core.audit.verify import Report
from backend.core.audit.verify import verify as verify_log
from backend.core.errors import Misconfigured

app = typer.Typer(help="The audit log: verification, proofs, checkpoints.", no_args_is_help=True)
_UNREADABLE: Final = (Misconfigured, PyMongoError, OSError, ValueError, DamagedTree)


@app.command()
def verify(
    start: Annotated[int, typer.Option("--from", min=0, help="First entry to verify.")] = 0,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint kept elsewhere, to hold the log against; repeatable."),
    ] = None,
) -> None:
    """Verify every entry, hash and signature. Exit status 1 when anything was touched."""
    with _opened() as audit:
        kept = [_kept(path) for path in checkpoint or ()]
        with _bar() as bar:
            task = bar.add_task("verifying", total=None)
            report = verify_log(
                audit.context.db,
                audit.checkpoints,
                start=start,
                kept=kept,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    _tell(report)
    if not report.sound:
        raise typer.Exit(1)


@app.command()
def proof(entry: Annotated[str, typer.Argument(help="The entry's id.")]) -> None:
    """Print an entry's proof (C2SP tlog-proof), which a stranger can verify without us."""
    with _opened() as audit:
        log = AuditLog(audit.context.db, audit.context.clock)
        text = Proofs(audit.context.db, log, audit.checkpoints).proof_for(entry).text()
    typer.echo(text, nl=False)


@app.command("checkpoint")
def latest_checkpoint() -> None:
    """Print the newest checkpoint (C2SP tlog-checkpoint). Keep it where the operator can't reach it."""
    with _opened() as audit:
        latest = audit.checkpoints.latest()
    if latest is None:
        typer.echo("No checkpoint was published yet.", err=True)
        raise typer.Exit(1)
    typer.echo(latest.note, nl=False)


@app.command("keys")
def show_keys() -> None:
    """Print the public keys that verify checkpoints, as C2SP signed-note verifier keys."""
    with _opened() as audit:
        lines = [verifier_key(audit.checkpoints.origin, key) for key in audit.checkpoints.current_keys()]
    typer.echo("\n".join(lines))


@dataclass(frozen=True, slots=True)
class _Audit:
    """What the commands work on."""

    context: Context
    checkpoints: Checkpoints


@contextmanager
def _opened() -> Iterator[_Audit]:
    """The audit log as the settings say.

    Whatever keeps it from being read is one line and exit status 2, as 1 says that it was touched.
    """
    with one_line(*_UNREADABLE, status=2), open_context() as context:
        origin = origin_of(context.settings.public_url)
        yield _Audit(context, Checkpoints(context.db, context.keyring, context.clock, origin))


def _kept(path: Path) -> Checkpoint:
    try:
        return read_checkpoint(path.read_text("utf-8"))
    except BadNote as fault:
        raise typer.BadParameter(f"{path} holds no checkpoint: {fault}") from fault


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _tell(report: Report) -> None:
    for finding in report.findings:
        typer.echo(f"{finding.kind}: {finding.text('en')}")
    if report.sound:
        typer.echo(
            f"Audit entries {report.start} to {report.size - 1} are untouched; "
            f"{report.checkpoints} checkpoints confirm it."
            if report.size > report.start
            else f"No audit entry from {report.start} on."
        )

"""`tongyu code`: codes by hand, for support and demos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.cli.context import one_line, open_foundation
from backend.core.audit import Actor, Entry
from backend.core.clock import local_iso
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.mongo.client import Session, transact
from backend.core.paging import PageRequest
from backend.identity.holding import Holding
from backend.identity.models import Assurance
from backend.identity.repository import ResidentRepository
from backend.identity.viewer import ResidentViewer
from backend.onecode.imaging import read_image
from backend.onecode.service import OneCode, build_onecode
from backend.onecode.showing import draw_png
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.qr import symbol

app = typer.Typer(help="Codes by hand, for support and demos.", no_args_is_help=True)

ResidentId = Annotated[str, typer.Argument(help="The resident's id; never a name or number.")]


@app.command()
def read(
    image: Annotated[
        Path, typer.Argument(help="A picture that shows one code.", exists=True, dir_okay=False)
    ],
) -> None:
    """Print what a scanner reads from a picture; status 1 when it shows no code."""
    try:
        typer.echo(read_image(image))
    except CodeRejected as refusal:
        typer.echo(refusal.message("en"), err=True)
        raise typer.Exit(1) from refusal


@app.command()
def show(
    resident: ResidentId,
    domain: Annotated[str | None, typer.Option(help="One that the code is for; all when left out.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write an image there instead of drawing it here.")] = None,
) -> None:
    """Show a resident's code of this moment; in development only, as it stands for the person."""
    with _onecode() as (core, onecode):
        if core.settings.environment != "development":
            typer.echo("a resident's code is shown here in development only", err=True)
            raise typer.Exit(1)
        shown = onecode.showing.current(_viewer(core, resident), domain)
        core.audit.append(_entry(resident, "onecode.code.shown_by_operator"), None)
    if png is not None:
        png.write_bytes(draw_png(shown.text))
    else:
        symbol(shown.text).terminal(compact=True)
    typer.echo(shown.text)
    typer.echo(f"until {local_iso(shown.expires_at)}", err=True)


@app.command()
def scans(
    resident: ResidentId,
    first: Annotated[int, typer.Option(min=1, max=100, help="How many, newest first.")] = 20,
) -> None:
    """List who scanned a resident's code or card: names of attributes, no values; times are UTC+8."""
    table = Table("at", "medium", "outcome", "city", "department", "desk", "purpose", "disclosed", "audit")
    with _onecode() as (core, onecode):
        page = onecode.history.page(_viewer(core, resident), PageRequest.of(first))
        core.audit.append(_entry(resident, "onecode.scans.read_by_operator"), None)
    for scan in page.items:
        place = (scan.place.city, scan.place.department, scan.place.desk)
        table.add_row(
            local_iso(scan.at),
            scan.medium,
            scan.refusal or "accepted",
            *(part or "" for part in place),
            f"{scan.domain}/{scan.purpose}",
            ", ".join(scan.disclosed),
            scan.audit,
        )
    Console().print(table)


@app.command()
def revoke(resident: ResidentId) -> None:
    """Revoke all live credentials and cards of a resident; new ones can be had at once."""
    with _onecode() as (core, onecode):
        _viewer(core, resident)

        def work(session: Session) -> int:
            core.audit.append(_entry(resident, "onecode.credentials.revoked_by_operator"), session)
            return onecode.revocation.resident_suspended(resident, session)

        typer.echo(f"revoked {transact(core.db, work)}")


@contextmanager
def _onecode() -> Iterator[tuple[Foundation, OneCode]]:
    """The one code on the settings' database; a refusal is one line, and status 1."""
    with one_line(), open_foundation() as core:
        # The command's session is its own: there is none that could end.
        yield core, build_onecode(core, Holding(core.db).identity)


def _viewer(core: Foundation, resident: str) -> ResidentViewer:
    """The resident as a session of this command's own, at L1; Refusal NOT_FOUND when there is none."""
    if ResidentRepository(core.db).find(resident) is None:
        raise Refusal("NOT_FOUND")
    return ResidentViewer(resident, f"cli:{new_id()}", None, Assurance.L1, core.clock.now())


def _entry(resident: str, action: str) -> Entry:
    return Entry(action=action, actor=Actor("system", "cli"), subject=resident)

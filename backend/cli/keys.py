"""`tongyu keys`: the key-encryption key and the signing keys."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.cli.context import Context, open_context
from backend.core.clock import local_iso
from backend.core.errors import Refusal
from backend.core.keyring import VERIFY_FOR, Algorithm, Keyring, KeyStatus, Purpose
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
Duration = Annotated[timedelta, typer.Option(parser=duration, metavar="DURATION")]


@app.command()
def kek(
    add: Annotated[
        Path | None, typer.Option(help="Step 1 of a change: this file's key, and a new one that only opens.")
    ] = None,
    promote: Annotated[
        Path | None, typer.Option(help="Step 2: this file's newest key seals from now on; then `rewrap`.")
    ] = None,
    prune: Annotated[
        Path | None, typer.Option(help="Step 3, after `rewrap` found nothing: this file's key without the old.")
    ] = None,
) -> None:
    """Print a new key-encryption key, or a changed one. It is the secret behind all others: keep it safe."""
    given = [(step, path) for step, path in _steps(add, promote, prune) if path is not None]
    if len(given) > 1:
        raise typer.BadParameter("one step at a time")
    with _explained():
        typer.echo(given[0][0](given[0][1].read_text("utf-8")) if given else Kek.generate())

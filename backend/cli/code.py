"""`tongyu code`: codes by hand, for support and demos."""

from pathlib import Path
from typing import Annotated

import typer

from backend.onecode.imaging import read_image
from backend.onecode.wire.errors import CodeRejected

app = typer.Typer(help="Codes by hand, for support and demos.", no_args_is_help=True)


@app.command()
def read(
    image: Annotated[Path, typer.Argument(help="A picture that shows one code.", exists=True, dir_okay=False)],
) -> None:
    """Print what a scanner reads from a picture; status 1 when it shows no code."""
    try:
        typer.echo(read_image(image))
    except CodeRejected as refusal:
        typer.echo(refusal.message("en"), err=True)
        raise typer.Exit(1) from refusal

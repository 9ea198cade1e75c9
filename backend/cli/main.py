"""The `tongyu` command: its table of contents."""

import typer

from backend.cli import audit, code, keys, staff
from backend.cli.dev import dev
from backend.cli.doctor import doctor
from backend.cli.sandbox import sandbox
from backend.cli.seeding import seed
from backend.cli.serve import serve, worker
from backend.cli.settings import settings
from backend.cli.verify import verify

app = typer.Typer(
    name="tongyu",
    help="一码通域: one code and one schema for a city cluster's public services.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # They hold secrets and personal data.
)
for command in (dev, serve, worker, sandbox, seed, verify, doctor, settings):
    app.command()(command)
app.add_typer(keys.app, name="keys")
app.add_typer(staff.app, name="staff")
app.add_typer(code.app, name="code")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """The console script's entry point."""
    app()

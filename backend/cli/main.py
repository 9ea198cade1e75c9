"""The `tongyu` command: its table of contents. A command's module is imported when the command is used."""

import sys
from importlib import import_module
from typing import Any, Final

import typer
from pydantic import ValidationError
from pymongo.errors import PyMongoError
from typer.core import TyperGroup

from backend.core.errors import Misconfigured

COMMANDS: Final = {
    "dev": "dev:dev",
    "serve": "serve:serve",
    "worker": "serve:worker",
    "sandbox": "sandbox:sandbox",
    "seed": "seeding:seed",
    "verify": "verify:verify",
    "doctor": "doctor:doctor",
    "settings": "settings:settings",
    "keys": "keys:app",
    "staff": "staff:app",
    "code": "code:app",
    "audit": "audit:app",
}
"""Where each command is: a module of this folder and its function, or its group of commands."""


class _Lazy(TyperGroup):
    """Imports a command when it is asked for: all of them together take seconds."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002 - Typer keeps its base class to itself.
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ARG002, ANN401 - likewise.
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"backend.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)


app = typer.Typer(
    name="tongyu",
    cls=_Lazy,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # They hold secrets and personal data.
)


@app.callback(help="一码通域: one code and one schema for a city cluster's public services.")
def tongyu() -> None:
    """What comes before any command: nothing."""


def main() -> None:
    """The console script's entry point: a fault that an operator can mend is one line, and status 1."""
    try:
        app()
    except Misconfigured as fault:
        _fail(str(fault))
    except ValidationError as fault:
        # Only names and reasons: the values may be secrets.
        _fail("; ".join(f"TONGYU_{str(one['loc'][0]).upper()}: {one['msg']}" for one in fault.errors()))
    except PyMongoError as fault:
        _fail(f"MongoDB doesn't answer ({type(fault).__name__}); see TONGYU_MONGODB_URI and `tongyu doctor`")


def _fail(reason: str) -> None:
    typer.secho(f"✗ {reason}", fg="red", err=True)
    sys.exit(1)

"""The `tongyu` command: its table of contents."""

import sys

import typer
from pydantic import ValidationError
from pymongo.errors import PyMongoError

from backend.cli import audit, code, keys, staff
from backend.cli.dev import dev
from backend.cli.doctor import doctor
from backend.cli.sandbox import sandbox
from backend.cli.seeding import seed
from backend.cli.serve import BadSetting, serve, worker
from backend.cli.settings import settings, variable
from backend.cli.verify import verify
from backend.core.mongo.embedded import MongodUnavailable
from backend.core.sealing import BadKek

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
    """The console script's entry point: a fault that an operator can mend is one line, and status 1."""
    try:
        app()
    except (BadKek, BadSetting, MongodUnavailable) as fault:
        _fail(str(fault))
    except ValidationError as fault:
        # Only names and reasons: the values may be secrets.
        _fail("; ".join(f"{variable(str(one['loc'][0]))}: {one['msg']}" for one in fault.errors()))
    except PyMongoError as fault:
        _fail(f"MongoDB doesn't answer ({type(fault).__name__}); see TONGYU_MONGODB_URI and `tongyu doctor`")


def _fail(reason: str) -> None:
    typer.secho(f"✗ {reason}", fg="red", err=True)
    sys.exit(1)

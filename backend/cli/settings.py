"""`tongyu settings`: every setting, what it is for, and what it is now. Secrets are never printed."""

from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from backend.cli.current import command_settings
from backend.core.settings import Settings


def settings(
    *, markdown: Annotated[bool, typer.Option(help="Print the table of docs/operations.md instead.")] = False
) -> None:
    """Shows every setting with its present value."""
    if markdown:
        typer.echo(settings_table())
        return
    present = command_settings()
    table = Table("Variable", "Now", "What for", box=None)
    for name, field in Settings.model_fields.items():
        table.add_row(variable(name), shown(getattr(present, name)), field.description or "")
    Console(highlight=False).print(table)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"TONGYU_{name.upper()}"


def shown(value: object) -> str:
    """A value as people may see it."""
    if value is None:
        return "–"
    return "(set)" if isinstance(value, SecretStr) else str(value)


def settings_table() -> str:
    """The Markdown table of all settings with their defaults."""
    rows = [
        f"| `{variable(name)}` | {_code(shown(field.default))} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what for |", "|---|---|---|", *rows])


def _code(text: str) -> str:
    return text if text == "–" else f"`{text}`"

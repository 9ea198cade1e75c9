"""`tongyu staff`: accounts of staff, their credentials, roles and scope. Passwords are never arguments."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.cli.context import one_line, open_foundation
from backend.core.access_tokens import AccessTokens
from backend.core.clock import local_iso
from backend.core.divisions import divisions
from backend.core.paging import MAX_FIRST, PageRequest, decode_cursor
from backend.identity.revocation import Revocations
from backend.identity.revocations.repository import RevocationRepository
from backend.identity.staff.accounts import StaffAccounts
from backend.identity.staff.models import StaffMember, StaffRole, StaffScope
from backend.identity.staff.service import build_staff
from backend.onecode.policies import policies

app = typer.Typer(help="Accounts of staff: verifiers, officers, auditors.", no_args_is_help=True)

Username = Annotated[str, typer.Argument(help="3 to 32 of a-z 0-9 . _ -")]
Role = Annotated[StaffRole, typer.Argument(help="What they may do.")]
City = Annotated[str | None, typer.Option(help="Six-digit code of their city; every city when left out.")]
Department = Annotated[str | None, typer.Option(help="Name of their department.")]
Desk = Annotated[str | None, typer.Option(help="Name of their desk, as residents see it.")]
Domains = Annotated[
    list[str] | None,
    typer.Option("--domain", help="medical, or one purpose of it such as medical/pharmacy; repeatable."),
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]


@app.command()
def create(
    username: Username,
    roles: Annotated[list[StaffRole] | None, typer.Option("--role", help="Repeatable.")] = None,
    city: City = None,
    department: Department = None,
    desk: Desk = None,
    domains: Domains = None,
    password_stdin: PasswordStdin = False,
) -> None:
    """Create an account and show how to set up its authenticator app."""
    scope = _scope(city, department, desk, domains)
    password = _password(from_stdin=password_stdin)
    with _accounts() as accounts:
        member = accounts.create(username, password, frozenset(roles or ()), scope)
        typer.echo(f"created {member.username}")
        typer.echo(accounts.totp(member.username).uri)


@app.command("list")
def list_accounts() -> None:
    """List all accounts with their roles and scope; times are UTC+8."""
    table = Table("user name", "status", "roles", "city", "department", "desk", "domains", "last sign-in")
    with _accounts() as accounts:
        for member in _all(accounts):
            table.add_row(*_cells(member))
    Console().print(table)


@app.command("set-password")
def set_password(username: Username, password_stdin: PasswordStdin = False) -> None:
    """Set a new password; all sessions of the account end."""
    password = _password(from_stdin=password_stdin)
    with _accounts() as accounts:
        accounts.set_password(username, password)


@app.command("totp-uri")
def totp_uri(
    username: Username,
    renew: Annotated[bool, typer.Option(help="Make a new secret first; all sessions end.")] = False,
) -> None:
    """Print the otpauth URI for an authenticator app, and the code that it must show now."""
    with _accounts() as accounts:
        if renew:
            accounts.renew_totp(username)
        enrolment = accounts.totp(username)
    typer.echo(enrolment.uri)
    typer.echo(f"{enrolment.code} (for {enrolment.seconds_left} s more)")


@app.command("totp")
def totp_code(username: Username) -> None:
    """Print only the code that the authenticator app shows now, for scripts and demos."""
    with _accounts() as accounts:
        typer.echo(accounts.totp(username).code)


@app.command()
def disable(username: Username) -> None:
    """End all sessions of an account at once and let it sign in no more."""
    with _accounts() as accounts:
        accounts.disable(username)


@app.command()
def enable(username: Username) -> None:
    """Let a disabled account sign in again."""
    with _accounts() as accounts:
        accounts.enable(username)


@app.command()
def grant(username: Username, role: Role) -> None:
    """Give a role."""
    with _accounts() as accounts:
        accounts.grant(username, role)


@app.command()
def revoke(username: Username, role: Role) -> None:
    """Take a role; tokens that still name it end at once."""
    with _accounts() as accounts:
        accounts.revoke(username, role)


@app.command("scope")
def set_scope(
    username: Username,
    city: City = None,
    department: Department = None,
    desk: Desk = None,
    domains: Domains = None,
) -> None:
    """Replace the scope: what isn't given is no limit, but without a domain nothing is allowed."""
    with _accounts() as accounts:
        accounts.set_scope(username, _scope(city, department, desk, domains))


@contextmanager
def _accounts() -> Iterator[StaffAccounts]:
    """The accounts in the configured database; a refusal ends in one line and status 1."""
    with one_line(), open_foundation() as core:
        tokens = AccessTokens(core.keyring, core.clock, core.settings.public_url)
        revocations = Revocations(RevocationRepository(core.db), core.clock)
        yield build_staff(core, tokens, revocations).accounts


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


def _scope(
    city: str | None, department: str | None, desk: str | None, domains: list[str] | None
) -> StaffScope:
    known = {domain for domain, _ in policies()} | {f"{domain}/{purpose}" for domain, purpose in policies()}
    unknown = set(domains or ()) - known
    if unknown:
        raise typer.BadParameter(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    return StaffScope(city, department, desk, frozenset(domains or ()))


def _all(accounts: StaffAccounts) -> Iterator[StaffMember]:
    page = accounts.list(PageRequest(MAX_FIRST))
    yield from page.items
    while page.has_next:
        page = accounts.list(PageRequest(MAX_FIRST, decode_cursor(page.cursors[-1])))
        yield from page.items


def _cells(member: StaffMember) -> tuple[str, ...]:
    scope = member.scope
    return (
        member.username,
        member.status.lower(),
        ", ".join(sorted(member.roles)) or "-",
        divisions()[scope.city].name if scope.city else "all",
        scope.department or "-",
        scope.desk or "-",
        ", ".join(sorted(scope.domains)) or "none",
        local_iso(member.signed_in_at) if member.signed_in_at else "never",
    )

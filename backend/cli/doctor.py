"""`tongyu doctor`: what is configured, what is reachable, what is missing, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx2
import pymongo
import typer
from pymongo.errors import OperationFailure, PyMongoError
from rich.console import Console
from rich.table import Table

from backend.cli.current import command_settings
from backend.core.foundation import Foundation, build_foundation
from backend.core.keyring import Purpose
from backend.core.mongo.client import ORPHAN_SECONDS, connect
from backend.core.mongo.embedded import MongodUnavailable, check_runs, find_mongod
from backend.core.sealing import BadKek, Kek
from backend.core.settings import Settings

_PROBE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `ok` None means that it isn't needed here."""

    what: str
    ok: bool | None
    says: str


def doctor() -> None:
    """Looks at settings, MongoDB, keys and the systems outside; status 1 when something needed is missing."""
    settings = command_settings()
    table = Table("", "What", "Found", box=None)
    findings = list(examine(settings))
    for finding in findings:
        sign = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]·[/]"}[finding.ok]
        table.add_row(sign, finding.what, finding.says)
    Console(highlight=False).print(table)
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, in the order in which to mend them."""
    yield _embedded()
    yield _kek(settings)
    yield _mongodb(settings)
    yield from _database(settings)
    yield _allow_list(settings)
    yield _secret("WeChat sign-in", settings.wechat_app_secret is not None, "TONGYU_WECHAT_APP_SECRET")
    yield _secret("Text messages", settings.sms_access_key is not None, "TONGYU_SMS_ACCESS_KEY")
    yield _secret("Public security", settings.public_security_key is not None, "TONGYU_PUBLIC_SECURITY_KEY")
    for what, url in (
        ("WeChat", settings.wechat_url),
        ("Text-message gateway", settings.sms_url),
        ("Public security", settings.public_security_url),
    ):
        yield _reachable(what, url)


def _embedded() -> Finding:
    try:
        return Finding("Embedded mongod", True, f"version {check_runs(find_mongod())}")
    except MongodUnavailable as unavailable:
        return Finding("Embedded mongod", None, str(unavailable))


def _kek(settings: Settings) -> Finding:
    try:
        Kek.from_settings(settings)
    except BadKek as fault:
        return Finding("Key-encryption key", False, str(fault))
    return Finding("Key-encryption key", True, "readable")


def _mongodb(settings: Settings) -> Finding:
    try:
        with pymongo.timeout(_PROBE_SECONDS), connect(settings.mongodb_uri) as client:
            hello = client.admin.command("hello")
            version = client.server_info()["version"]
    except PyMongoError as fault:
        return Finding("MongoDB", False, f"no answer ({type(fault).__name__}); see TONGYU_MONGODB_URI")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        return Finding("MongoDB", False, f"{version}, but no replica set: transactions need one")
    return Finding("MongoDB", True, f"{version}, {hello.get('setName', 'sharded')}")


def _orphans(foundation: Foundation) -> Finding:
    """How long a killed process's transaction may hold its locks; a router doesn't tell."""
    name = "transactionLifetimeLimitSeconds"
    try:
        seconds = foundation.db.client.admin.command({"getParameter": 1, name: 1})[name]
    except OperationFailure:
        return Finding(
            "Orphaned transactions", None, f"{name} can't be read here; set it to {ORPHAN_SECONDS}"
        )
    wise = seconds <= ORPHAN_SECONDS
    says = f"end after {seconds} s" + ("" if wise else f"; set {name} to {ORPHAN_SECONDS}")
    return Finding("Orphaned transactions", True if wise else None, says)


def _database(settings: Settings) -> Iterator[Finding]:
    """What only a reachable database with the right key can tell."""
    try:
        with pymongo.timeout(_PROBE_SECONDS):
            foundation = build_foundation(settings)
            with foundation.db.client:
                yield from (look(foundation) for look in _LOOKS)
    except (PyMongoError, BadKek) as fault:
        yield Finding("Database", False, f"can't be looked into ({type(fault).__name__})")


def _sealed(foundation: Foundation) -> Finding:
    try:
        foundation.sealer.check()
    except BadKek as fault:
        return Finding("Sealed data", False, str(fault))
    return Finding("Sealed data", True, "opens with this key")


def _signing_keys(foundation: Foundation) -> Finding:
    missing = [purpose.value for purpose in Purpose if not foundation.keyring.statuses(purpose)]
    if missing:
        return Finding("Signing keys", False, f"none for {', '.join(missing)}; `tongyu serve` makes them")
    return Finding("Signing keys", True, f"{len(Purpose)} purposes")


_LOOKS: tuple[Callable[[Foundation], Finding], ...] = (_sealed, _signing_keys, _orphans)


def _allow_list(settings: Settings) -> Finding:
    if settings.allow_list is not None:
        exists = settings.allow_list.is_file()
        return Finding("Allow-list", exists, str(settings.allow_list) if exists else "the file is missing")
    needed = settings.environment == "production"
    says = "TONGYU_ALLOW_LIST is needed in production" if needed else "not needed in development"
    return Finding("Allow-list", False if needed else None, says)


def _secret(what: str, present: bool, variable: str) -> Finding:
    return Finding(f"{what}: credential", present, "set" if present else f"{variable} isn't set")


def _reachable(what: str, url: str) -> Finding:
    try:
        httpx2.get(url, timeout=_PROBE_SECONDS, trust_env=False)
    except httpx2.HTTPError as fault:
        return Finding(f"{what}: address", False, f"{url}: {type(fault).__name__}")
    return Finding(f"{what}: address", True, url)

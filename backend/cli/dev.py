"""`tongyu dev`: the whole product on this machine, on embedded defaults.

It imports little and lets its children do the work side by side: that is what makes the start quick.
"""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import typer
from pydantic import SecretStr
from rich.console import Console

from backend.cli.current import CURRENT
from backend.cli.guide import guide
from backend.cli.supervisor import Supervisor
from backend.core.errors import Misconfigured
from backend.core.mongo.client import connect
from backend.core.mongo.embedded import embedded_mongo
from backend.core.settings import Settings
from backend.exchange.sandbox.config import (
    DEVELOPMENT_EXCHANGE_KEY,
    DEVELOPMENT_SMS_KEY,
    DEVELOPMENT_WECHAT_SECRET,
)

READY_SECONDS = 60.0

_console = Console(highlight=False)


class NotReady(Misconfigured):
    """A process doesn't answer, or a port is somebody else's."""


def dev() -> None:
    """Starts MongoDB, the sandbox, the worker and the API with demo data; Ctrl-C ends all of it."""
    started = time.monotonic()
    settings = Settings(environment="development")
    try:
        _check_ports(settings)
        with _mongodb(settings) as uri, Supervisor(settings.data_dir / "logs") as supervisor:
            _run(_wired(settings, uri), supervisor, started)
    except Misconfigured as fault:
        _console.print(f"[bold red]✗[/] {fault}", soft_wrap=True)
        raise typer.Exit(1) from fault


def sandbox_port(settings: Settings) -> int:
    """Where the sandbox listens: as set, else the API's port plus one."""
    return settings.sandbox_port or settings.port + 1


def _check_ports(settings: Settings) -> None:
    for port, variable in ((settings.port, "PORT"), (sandbox_port(settings), "TONGYU_SANDBOX_PORT")):
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as fault:
                raise NotReady(
                    f"Port {port} on {settings.host} is taken. Stop what listens there, or choose another: "
                    f"make run {variable}={port + 1000}"
                ) from fault


@contextlib.contextmanager
def _mongodb(settings: Settings) -> Iterator[str]:
    """The database that TONGYU_MONGODB_URI names, else an embedded one in the data folder."""
    if "TONGYU_MONGODB_URI" in os.environ:
        _console.print("[green]✓[/] MongoDB: the one that TONGYU_MONGODB_URI names")
        yield settings.mongodb_uri
        return
    with embedded_mongo(settings.data_dir / "mongodb") as running:
        _console.print(f"[green]✓[/] MongoDB: embedded, data in {settings.data_dir / 'mongodb'}")
        yield running.uri


def _wired(settings: Settings, uri: str) -> Settings:
    """The settings of this run: the database, a development key, the sandbox as every system outside."""
    sandbox = f"http://{settings.host}:{sandbox_port(settings)}"
    return settings.model_copy(
        update={
            "mongodb_uri": uri,
            "log_format": "console",
            "kek_file": settings.kek_file or _development_kek(settings.data_dir),
            "public_url": f"http://{settings.host}:{settings.port}",
            "wechat_url": f"{sandbox}/wechat",
            "wechat_app_secret": SecretStr(DEVELOPMENT_WECHAT_SECRET),
            "sms_url": sandbox,
            "sms_access_key": SecretStr(DEVELOPMENT_SMS_KEY),
            "public_security_url": sandbox,
            "public_security_key": SecretStr(DEVELOPMENT_EXCHANGE_KEY),
        }
    )


def _development_kek(data_dir: Path) -> Path:
    """A key-encryption key that only this folder's data is sealed with; made once."""
    path = data_dir / "development-kek.json"
    if not path.is_file():
        from backend.core.sealing import Kek  # noqa: PLC0415 - Tink takes half a second to import.

        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(Kek.generate(), "utf-8")
    return path


def _run(settings: Settings, supervisor: Supervisor, started: float) -> None:
    environment = _environment(settings)
    with _announced(settings, environment):
        supervisor.start("sandbox", ["sandbox", "--port", str(sandbox_port(settings))], environment)
        supervisor.start("api", ["serve"], environment)
        if not _has_demo_data(settings):
            supervisor.run(["seed", "--desks", "--residents", str(settings.demo_residents)], environment)
        _await_ready(settings, supervisor)
        supervisor.start("worker", ["worker"], environment)
        if not supervisor.stopping:
            seconds = time.monotonic() - started
            _console.print(guide(settings, sandbox_port(settings), seconds), soft_wrap=True)
            supervisor.wait()
    _console.print("Stopping…")


def _has_demo_data(settings: Settings) -> bool:
    """Whether an earlier start has made the demo's residents and desks."""
    with connect(settings.mongodb_uri) as client:
        db = client[settings.mongodb_database]
        residents = db["residents"].estimated_document_count()
        return residents >= settings.demo_residents and db["staff"].estimated_document_count() > 0


def _environment(settings: Settings) -> Mapping[str, str]:
    """The settings as variables, for the child processes and for commands typed meanwhile."""
    return {
        f"TONGYU_{name.upper()}": _as_text(value)
        for name, value in settings.model_dump(exclude_none=True).items()
    }


def _as_text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


@contextlib.contextmanager
def _announced(settings: Settings, environment: Mapping[str, str]) -> Iterator[None]:
    """Lets `tongyu` commands in this folder find this run, for its length. The file is its owner's alone."""
    path = settings.data_dir / CURRENT
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in environment.items()), "utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _await_ready(settings: Settings, supervisor: Supervisor) -> None:
    urls = [
        f"http://{settings.host}:{settings.port}/readyz",
        f"http://{settings.host}:{sandbox_port(settings)}/healthz",
    ]
    deadline = time.monotonic() + READY_SECONDS
    while urls and not supervisor.stopping:
        supervisor.check()
        if time.monotonic() > deadline:
            raise NotReady(f"not ready after {READY_SECONDS:.0f} s: {', '.join(urls)}")
        urls = [url for url in urls if not _answers(url)]
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1.0) as answer:  # noqa: S310 - our own address.
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False

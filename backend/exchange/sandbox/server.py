"""The sandbox as a process."""

import os
from functools import partial

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from backend.core.clock import SystemClock
from backend.core.process import end_with
from backend.exchange.sandbox.app import create_sandbox
from backend.exchange.sandbox.config import SandboxConfig

_THREADS = 16


def run_sandbox(host: str, port: int, config: SandboxConfig) -> None:
    """Serves the stand-ins until SIGINT or SIGTERM: one worker process, so that its memory is the truth."""
    server = Granian(
        f"{__name__}:load",
        host,
        port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        log_level=LogLevels.error,
        log_access=False,  # URLs hold WeChat's secret and mobile numbers.
    )
    server.serve(target_loader=partial(load, config, os.getpid()), wrap_loader=False)


def load(config: SandboxConfig, parent: int) -> Flask:
    """The application of the worker process, which ends when `parent` is killed."""
    end_with(parent)
    return create_sandbox(config, SystemClock())

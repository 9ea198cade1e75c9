"""An application behind a real server: granian in a process of its own, on a free port of this machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.graphql.engine.sample import make_app, make_view

START_SECONDS = 20.0

app = make_app(make_view())


@contextmanager
def served(*target: str, environ: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port of a granian that serves `target`, or the sample schema, until the block ends."""
    port = _free_port()
    given = {**os.environ, **(environ or {})}
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--no-access-log"]
    command += target or [f"{__name__}:app"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, env=given) as server:
        try:
            _wait(port, server)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=START_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start: {server.poll()}")

"""The whole product as `tongyu dev` runs it, in a folder of its own, and a client that speaks to it."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2

from backend.core.mongo.embedded import free_port
from tests.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
TONGYU = Path(sys.executable).parent / "tongyu"
READY = re.compile(r"runs.*ready after")
START_SECONDS = 90.0


def new_key() -> str:
    """An idempotency key."""
    return secrets.token_urlsafe(18)


class Product:
    """A running product: its addresses, its processes, and calls as clients make them."""

    def __init__(self, folder: Path, port: int, sandbox_port: int, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.port = port
        self.sandbox_port = sandbox_port
        self.url = f"http://127.0.0.1:{port}"
        self.process = process
        self.sandbox = Sandbox(f"http://127.0.0.1:{sandbox_port}")
        self.http = httpx2.Client(base_url=self.url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Closes the clients' connections; the product itself runs on."""
        self.http.close()
        self.sandbox.close()

    def gql(self, document: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The data of one operation; an error of the response fails the test."""
        answer = self.post(document, token, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def post(self, document: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole response of one operation."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": document, "variables": variables}
        return self.http.post("/graphql", json=body, headers=headers).json()

    def tongyu(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a `tongyu` command beside the product."""
        return subprocess.run(
            [str(TONGYU), *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
        )


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Our variables without any of the developer's own settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TONGYU_")}
    return {**own, "TONGYU_DATA_DIR": str(folder / ".tongyu"), **more}


@contextmanager
def running_product(folder: Path, **settings: str) -> Iterator[Product]:
    """Starts the product with these `TONGYU_*` settings and stops it in order."""
    port, sandbox_port = free_port(), free_port()
    more = {f"TONGYU_{name.upper()}": value for name, value in settings.items()}
    process = subprocess.Popen(
        [str(TONGYU), "dev"],
        cwd=folder,
        env=environment(
            folder, TONGYU_PORT=str(port), TONGYU_SANDBOX_PORT=str(sandbox_port), COLUMNS="200", **more
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        await_ready(process)
        with closing(Product(folder, port, sandbox_port, process)) as product:
            yield product
    finally:
        stop(process)


def await_ready(process: subprocess.Popen[str]) -> list[str]:
    """Reads what the product prints until it says that it is ready."""
    printed: list[str] = []
    deadline = time.monotonic() + START_SECONDS
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line)
        if READY.search(line):
            return printed
        if time.monotonic() > deadline:
            break
    raise AssertionError("the product didn't start:\n" + "".join(printed))


def stop(process: subprocess.Popen[str]) -> int:
    """Asks the product to end and waits; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=40)
    return process.returncode

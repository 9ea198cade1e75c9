"""The real sandbox server in a process of its own, and a handle on its controls."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from backend.core.mongo.embedded import free_port

RUN_SANDBOX = (
    "import sys; from backend.exchange.sandbox.server import run_sandbox; "
    "from backend.exchange.sandbox.config import SandboxConfig; "
    "database = dict(zip(('mongodb_uri', 'database'), sys.argv[2:])); "
    "run_sandbox('127.0.0.1', int(sys.argv[1]), SandboxConfig(**database))"
)
"""Arguments: the port, and for the departments the URI and the name of their database."""
_START_SECONDS = 30.0


class Sandbox:
    """The controls of a running sandbox."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx2.Client(base_url=f"{url}/_admin", trust_env=False, timeout=10)

    def fault(self, stand_in: str, kind: str, **details: Any) -> None:
        """Makes the next call (or `calls=`) of a stand-in go wrong."""
        self._post("/faults", {"stand_in": stand_in, "kind": kind, **details})

    def counts(self) -> dict[str, int]:
        """Calls of each stand-in since the last reset."""
        return self._get("/counts")

    def wechat_code(self, openid: str, **details: Any) -> str:
        """What the phone's `wx.login` gives."""
        return self._post("/wechat/codes", {"openid": openid, **details})["js_code"]

    def messages(self, mobile: str) -> list[dict[str, Any]]:
        """Text messages that this number received, newest first."""
        return self._get("/sms/outbox", mobile=mobile)

    def block_mobile(self, mobile: str) -> None:
        """The gateway refuses this number from now on."""
        self._post("/sms/blocked", {"mobile": mobile})

    def add_person(self, id_number: str, name: str) -> None:
        """The registry of people knows this person from now on."""
        self._post("/people", {"id_number": id_number, "name": name})

    def decide_face(self, ticket: str, result: str) -> None:
        """Passes or fails a pending face verification."""
        self._post(f"/face/tickets/{ticket}", {"result": result})

    def pass_faces(self) -> None:
        """Face verifications started from now on pass by themselves."""
        self._post("/face/auto-pass", {"auto_pass": True})

    def departments(self) -> list[dict[str, str]]:
        """City, kind, path, key id and public key of each department."""
        return self._get("/departments")

    def reset(self) -> None:
        """As just started."""
        self._post("/reset", {})

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        response = self._client.post(path, json=body).raise_for_status()
        return response.json() if response.content else None

    def _get(self, path: str, **params: str) -> Any:
        return self._client.get(path, params=params).raise_for_status().json()


@contextmanager
def running_sandbox(*database: str) -> Iterator[Sandbox]:
    """A sandbox on a free port for the length of the block; departments too, given URI and database."""
    port = free_port()
    command = [sys.executable, "-c", RUN_SANDBOX, str(port), *database]
    with subprocess.Popen(command) as process:
        sandbox = Sandbox(f"http://127.0.0.1:{port}")
        try:
            wait_until_it_answers(process, sandbox)
            yield sandbox
        finally:
            sandbox.close()
            process.terminate()
            process.wait(30)


def wait_until_it_answers(process: subprocess.Popen[bytes], sandbox: Sandbox) -> None:
    """Returns once the sandbox takes calls; raises the connection error when it ends or is too slow."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            sandbox.counts()
        except httpx2.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return

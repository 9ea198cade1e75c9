"""Starts the product's processes side by side, and ends them together."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from backend.core.errors import Misconfigured
from backend.core.process import end_with_parent

STOP_SECONDS = 10.0


class ChildDied(Misconfigured):
    """A process of ours ended by itself; the text names it and its log."""


class Supervisor:
    """Child processes, each in a process group of its own, with its output in a log file.

    Leaving the block stops all of them, last started first: SIGTERM, and SIGKILL after 10 s.
    """

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()

    def __enter__(self) -> "Supervisor":
        self._log_dir.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._children.values()):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._children.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()

    @property
    def stopping(self) -> bool:
        """Whether somebody asked us to end."""
        return self._stop.is_set()

    def start(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        """Starts `tongyu ARGUMENTS` with these variables besides our own."""
        with self._log(name).open("ab") as log:
            self._children[name] = subprocess.Popen(  # noqa: S603 - our own command.
                [sys.executable, "-m", "backend.cli", *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(),  # noqa: PLW1509 - it only makes two system calls.
            )

    def run(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        """Runs `tongyu ARGUMENTS` to its end, before people's eyes; raises ChildDied when it fails."""
        process = subprocess.Popen(  # noqa: S603 - our own command.
            [sys.executable, "-m", "backend.cli", *arguments],
            env={**os.environ, **environment},
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - it only makes two system calls.
        )
        while process.poll() is None:
            if self.stopping:
                process.terminate()
            time.sleep(0.02)
        if process.returncode != 0 and not self.stopping:
            raise ChildDied(f"{arguments[0]} ended with status {process.returncode}")

    def check(self) -> None:
        """Raises ChildDied when a child ended by itself."""
        for name, process in self._children.items():
            if process.poll() is not None:
                raise ChildDied(f"{name} ended with status {process.returncode}; see {self._log(name)}")

    def wait(self) -> None:
        """Returns when somebody asks us to end; raises ChildDied when a child ends first."""
        while not self._stop.wait(0.5):
            self.check()

    def _log(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():  # A second Ctrl-C: no patience left.
            raise KeyboardInterrupt
        self._stop.set()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # It may have ended a moment ago.
        os.killpg(process.pid, number)

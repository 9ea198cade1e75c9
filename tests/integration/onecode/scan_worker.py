"""A process that scans: reads a JSON task from stdin, prints the outcomes, one JSON object a line.

Task: `{uri, database, kek, threads, start, scans: [{staff, text, request}]}`; `start` is a Unix time that all
processes wait for, so that they really compete.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from backend.core.clock import SystemClock
from backend.core.errors import Refusal
from backend.core.mongo.client import connect
from backend.identity.holding import Holding
from backend.onecode.scans import Rejected
from backend.onecode.service import OneCode, build_onecode
from tests.integration.onecode.world import ask, desk, make_core

_PRINTING = threading.Lock()


def scan_one(onecode: OneCode, scan: dict[str, str]) -> None:
    """Scans once and prints the outcome; any fault of the system is an outcome too, so that it is seen."""
    began = time.perf_counter()
    try:
        answer = onecode.scanning.verify(
            desk("medical", staff=scan["staff"]), ask(scan["text"], request=scan["request"])
        )
        outcome = answer.code if isinstance(answer, Rejected) else "ACCEPTED"
    except Refusal as refusal:
        outcome = refusal.code
    except Exception as fault:  # noqa: BLE001 - the test counts faults.
        outcome = f"FAULT {type(fault).__name__}: {fault}"[:300]
    line = json.dumps(
        {"request": scan["request"], "outcome": outcome, "seconds": time.perf_counter() - began}
    )
    with _PRINTING:
        print(line, flush=True)  # noqa: T201 - the process's answer.


def main() -> None:
    task: dict[str, Any] = json.load(sys.stdin)
    with connect(task["uri"]) as client:
        core = make_core(client[task["database"]], task["kek"], SystemClock())
        onecode = build_onecode(core, Holding(core.db).signed_in)
        client.admin.command("ping")
        print(json.dumps({"ready": True}), flush=True)  # noqa: T201 - as above.
        time.sleep(max(0.0, task["start"] - time.time()))
        with ThreadPoolExecutor(task["threads"]) as pool:
            list(pool.map(lambda scan: scan_one(onecode, scan), task["scans"]))


if __name__ == "__main__":
    main()

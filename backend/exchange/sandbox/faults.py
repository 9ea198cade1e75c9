"""Faults on demand: a stand-in can be made slow, wrong or dead for its next calls."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock

from flask import Blueprint, Response, g


class FaultKind(StrEnum):
    """What goes wrong."""

    SLOW = "SLOW"  # Answers rightly after delay_ms.
    DRIP = "DRIP"  # Answers rightly, a byte each delay_ms.
    DOWN = "DOWN"  # 503 from the gateway in front; the call never arrives.
    ERROR = "ERROR"  # 500; the call does nothing.
    MALFORMED = "MALFORMED"  # The call is done, the answer is no JSON.
    DROP = "DROP"  # The call is done, the connection breaks before its answer is whole.
    DUPLICATE = "DUPLICATE"  # A department is given the call twice and sends the second answer.
    WRONG_SHAPE = "WRONG_SHAPE"  # A department signs JSON that is not what its document says.
    BAD_SIGNATURE = "BAD_SIGNATURE"  # The call is done, the answer's signature is of nothing.
    UNSIGNED = "UNSIGNED"  # The call is done, the answer isn't signed.
    CODE = "CODE"  # Refused with `code`, as the real interface would; the call does nothing.


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault for the next `calls` calls; `delay_ms` and `code` where the kind needs them."""

    kind: FaultKind
    calls: int = 1
    delay_ms: int = 0
    code: str = ""


class Faults:
    """What each stand-in does wrong, and how often each was called; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._planned: dict[str, Fault] = {}
        self._counts: Counter[str] = Counter()

    def plan(self, stand_in: str, fault: Fault) -> None:
        """Makes the next calls of `stand_in` go wrong, in place of what was planned."""
        with self._lock:
            self._planned[stand_in] = fault

    def arrived(self, stand_in: str) -> Fault | None:
        """Counts a call and says what should go wrong with it."""
        with self._lock:
            self._counts[stand_in] += 1
            fault = self._planned.pop(stand_in, None)
            if fault is not None and fault.calls > 1:
                self._planned[stand_in] = replace(fault, calls=fault.calls - 1)
            return fault

    def counts(self) -> dict[str, int]:
        """Calls since the last reset, by stand-in."""
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Forgets faults and counts."""
        with self._lock:
            self._planned.clear()
            self._counts.clear()


Refuse = Callable[[str], Response]


def inject(blueprint: Blueprint, stand_in: str, faults: Faults, refuse: Refuse) -> None:
    """Puts every call of `blueprint` under `faults`; `refuse` words an error code as the interface does."""

    @blueprint.before_request
    def before() -> Response | None:
        g.fault = faults.arrived(stand_in)
        return None if g.fault is None else _instead(g.fault, refuse)

    @blueprint.after_request
    def after(response: Response) -> Response:
        return response if g.fault is None else _spoil(g.fault, response)


def _instead(fault: Fault, refuse: Refuse) -> Response | None:
    match fault.kind:
        case FaultKind.SLOW:
            time.sleep(fault.delay_ms / 1000)
            return None
        case FaultKind.DOWN:
            return Response("Service Unavailable", 503, content_type="text/plain")
        case FaultKind.ERROR:
            return Response("Internal Server Error", 500, content_type="text/plain")
        case FaultKind.CODE:
            return refuse(fault.code)
        case _:
            return None


def _spoil(fault: Fault, response: Response) -> Response:
    match fault.kind:
        case FaultKind.MALFORMED:
            return Response('{"result": ', response.status_code, content_type="application/json")
        case FaultKind.DROP:
            # Promising more than is sent makes the server break the connection.
            return Response([b"{"], response.status_code, {"Content-Length": "1000"})
        case FaultKind.BAD_SIGNATURE:
            response.headers["Signature"] = f"tongyu=:{'A' * 86}==:"
            return response
        case FaultKind.UNSIGNED:
            for name in ("Signature", "Signature-Input"):
                response.headers.pop(name, None)
            return response
        case FaultKind.DRIP:
            body = response.get_data()
            return Response(
                _drip(body, fault.delay_ms), response.status_code, content_type="application/json"
            )
        case _:
            return response


def _drip(body: bytes, delay_ms: int) -> Iterator[bytes]:
    for at in range(len(body)):
        time.sleep(delay_ms / 1000)
        yield body[at : at + 1]

"""What an online scan costs: CPU beside the sum of its parts, commands to MongoDB, memory over 100,000 scans.

Run it with `python -m bench.onecode_online [scans]`; it ends with 1 when a bound is broken: more than 4
commands, or memory that grew by more than 10 %. It brings its own mongod and data, and speaks to loopback
only.

CPU is that of the thread that serves one request over the WSGI interface; each part is measured in the same
run, the median of interleaved rounds. Memory is that of a real server over HTTP, driven by 32 threads,
after a warm-up.
"""

import base64
import http.client
import itertools
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from graphql import execute_sync, parse, validate
from pydantic import SecretStr
from pymongo import monitoring
from werkzeug.test import EnvironBuilder

from backend.app import create_app
from backend.core.access_tokens import AccessTokens
from backend.core.foundation import Foundation, build_foundation
from backend.core.ids import new_id
from backend.core.logging import configure_logging
from backend.core.mongo.embedded import embedded_mongo
from backend.core.resident_id import parse_id_number
from backend.core.sealing import Kek
from backend.core.settings import Settings
from backend.database import prepare
from backend.identity.holding import Holding
from backend.identity.models import Assurance
from backend.identity.place import Place
from backend.identity.repository import BlindIndexes, to_document
from backend.identity.residents import Particulars, seal_resident
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.onecode.attributes import Facts
from backend.onecode.deciding import Attempt, entry_of, pairwise
from backend.onecode.policies import DeskScope, disclose
from backend.onecode.scan_repository import Found, ScanRepository, guard
from backend.onecode.scans import Accepted, Medium, ScanAnswer, ScanRequest
from backend.onecode.service import OneCode, build_onecode
from backend.onecode.trust import IssuerKeys
from backend.onecode.wire.code import build_code
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.proof import sign_proof, step_at
from backend.services import Services, build_ports, build_services
from graphql_schema.resident.base import Context
from graphql_schema.resident.schema import schema

BACKGROUND = frozenset({"getMore", "hello", "ping", "endSessions"})
COMMANDS_BOUND = 4
GROWTH_BOUND = 1.10
THREADS = 32
DESKS = 512  # A desk may scan 120 times a minute.
WARM_UP = 4_000
SIGN_IN_SECONDS = 300.0
DOCUMENT = """mutation Verify($code: String!, $request: String!) {
  verifyCode(code: $code, domain: "medical", purpose: "treatment", requestId: $request) {
    __typename
    ... on CodeAccepted { scan level subject disclosed { attribute value } withheld { attribute reason } }
    ... on CodeRejected { code }
    ... on Refused { code }
  }
}"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds of CPU a scan, commands of one scan, and bytes of the server's memory."""

    parts: dict[str, float]
    whole: float
    parse_and_validate: float
    commands: tuple[str, ...]
    scans: int
    seconds: float
    memory_before: int
    memory_after: int

    @property
    def within_bounds(self) -> bool:
        """Whether both bounds hold."""
        return len(self.commands) <= COMMANDS_BOUND and self.growth <= GROWTH_BOUND

    @property
    def growth(self) -> float:
        """Memory after / memory before."""
        return self.memory_after / self.memory_before


class Phones:
    """Residents' devices with credentials, making one new code after another. Safe between threads."""

    def __init__(self, held: list[tuple[bytes, SigningKey]]) -> None:
        self._held = held
        self._next = itertools.count()

    def code(self) -> str:
        """A code that nobody has scanned yet."""
        credential, key = self._held[next(self._next) % len(self._held)]
        proof = sign_proof(credential, step_at(datetime.now(UTC)), secrets.token_bytes(12), key)
        return build_code(credential, proof)


class CommandNames(monitoring.CommandListener):
    """Notes the commands that are sent while it listens."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """See CommandListener."""
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """See CommandListener."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """See CommandListener."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A scanning service that always has the same answer ready, to measure what lies around it."""

    answer: ScanAnswer

    def verify(self, _viewer: StaffViewer, _request: ScanRequest) -> ScanAnswer:
        """The answer."""
        return self.answer


@dataclass(frozen=True, slots=True)
class Stage:
    """A prepared database with residents, and the settings under which any process can serve it."""

    settings: Settings
    core: Foundation
    services: Services
    phones: Phones
    tokens: tuple[str, ...]

    def body(self) -> bytes:
        """The request for one new code."""
        variables = {"code": self.phones.code(), "request": secrets.token_urlsafe(16)}
        return json.dumps({"query": DOCUMENT, "variables": variables}).encode()


@contextmanager
def staged(residents: int) -> Iterator[Stage]:
    """A stage on a mongod of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, embedded_mongo(Path(folder), cache_gb=0.5) as mongo:
        settings = Settings(
            environment="development",
            mongodb_uri=mongo.uri,
            kek=SecretStr(Kek.generate()),
            port=_free_port(),
            threads=16,
            log_level="error",
        )
        configure_logging(settings)
        core = build_foundation(settings)
        prepare(core)
        services = build_services(core, build_ports(core))
        onecode = build_onecode(core, Holding(core.db).identity)  # Residents without a session.
        held = [pair for _ in range(residents) for pair in _device(core, onecode)]
        yield Stage(settings, core, services, Phones(held), _desk_tokens(core))
        core.db.client.close()


def _device(core: Foundation, onecode: OneCode) -> list[tuple[bytes, SigningKey]]:
    resident = new_id()
    key = core.sealer.create(resident)
    number = parse_id_number("430302198811053022", today=date(2026, 1, 1))
    given = Particulars("王小芳", number, "13907310001", Place("430300", "430302"), "430300")
    record = seal_resident(resident, given, key, core.clock.now())
    indexes = BlindIndexes(secrets.token_bytes(32), secrets.token_bytes(32))
    core.db["residents"].insert_one(to_document(record, indexes))
    keys = [SigningKey.generate() for _ in range(16)]
    viewer = ResidentViewer(resident, new_id(), new_id(), Assurance.L2, core.clock.now())
    batch = onecode.issuing.issue_batch(viewer, [_point(one) for one in keys], None, new_id())
    return list(zip(batch.credentials, keys, strict=True))


def _desk_tokens(core: Foundation) -> tuple[str, ...]:
    tokens = AccessTokens(core.keyring, core.clock, core.settings.public_url)
    extra = {"roles": ["verifier"], "domains": ["medical"], "city": "430100", "desk": "3"}
    return tuple(
        tokens.issue("staff", new_id(), new_id(), auth_time=core.clock.now(), extra=extra).token
        for _ in range(DESKS)
    )


def _point(key: SigningKey) -> str:
    public = key.private.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return base64.urlsafe_b64encode(public).rstrip(b"=").decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Costs:
    """The scan and its parts as things to run and time, each on material of its own."""

    def __init__(self, stage: Stage, app: Flask) -> None:
        self._stage = stage
        self._app = app
        self._keys = IssuerKeys(stage.core.keyring, stage.core.clock, stage.settings.public_url)
        self._scans = ScanRepository(stage.core.db)
        self._turn = itertools.count()
        self._viewer = StaffViewer(
            new_id(), new_id(), frozenset({"verifier"}), "430100", None, "3", frozenset({"medical"})
        )
        self._answer = self._answered()
        fixed = replace(stage.services.onecode, scanning=Constant(self._answer))
        self._context = Context(
            replace(stage.services, onecode=fixed), self._viewer, "en", "request", "127.0.0.1", ""
        )
        self._document = parse(DOCUMENT)

    def whole(self) -> Callable[[], None]:
        """One request through the whole WSGI application."""
        headers = {"Authorization": f"Bearer {self._token()}"}
        return self._request("/graphql", self._stage.body(), b'"CodeAccepted"', headers)

    def http(self) -> Callable[[], None]:
        """A request that asks next to nothing, without a token: Flask, plumbing and the view."""
        return self._request("/graphql", b'{"query": "{ __typename }"}', b'"Query"', {})

    def token(self) -> Callable[[], None]:
        """The bearer token's signature and claims."""
        tokens, token = self._stage.services.identity.tokens, self._token()

        def run() -> None:
            self._stage.services.viewer(tokens.verify(token))

        return run

    def graphql(self) -> Callable[[], None]:
        """Executing the document, parsed and validated before as in the server, around a ready answer."""
        variables = {"code": "x", "request": "x" * 16}

        def run() -> None:
            done = execute_sync(
                schema._schema,  # noqa: SLF001 - what the engine executes.
                self._document,
                context_value=self._context,
                variable_values=variables,
            )
            if done.errors:
                raise done.errors[0]

        return run

    def crypto(self) -> Callable[[], None]:
        """Both signatures, the decision, opening what is disclosed, the pairwise name."""
        text, found, core = self._stage.phones.code(), self._found(), self._stage.core

        def run() -> None:
            self._keys.verifier().verify_signatures(text, domain=Domain.MEDICAL)
            key = core.sealer.unwrap(found.resident, found.wrapped_key)
            if key is None:
                raise LookupError("no data key")
            decision = disclose("medical", "treatment", DeskScope(self._viewer.domains), found.consents)
            Facts(found.stored, key, date(2026, 1, 1)).values(decision.disclosed)
            pairwise(bytes(32), "medical", found.resident)

        return run

    def mongo(self) -> Callable[[], None]:
        """The aggregate and the transaction, with nothing around them."""
        code = self._keys.verifier().verify_signatures(self._stage.phones.code(), domain=Domain.MEDICAL)
        attempt = self._attempt()
        claim = attempt.claim(guard(code.handle, code.step, code.nonce))
        scan = replace(self._answer.scan, id=new_id())
        audit = self._stage.core.audit

        def run() -> None:
            self._scans.look(code.handle, claim.guard, attempt.fields())
            if self._scans.record(scan, claim, lambda session: audit.append(entry_of(scan), session)) is None:
                raise LookupError("the code was used before")

        return run

    def parse_and_validate(self) -> Callable[[], None]:
        """What the server does once a document, not once a request."""

        def run() -> None:
            if validate(schema._schema, parse(DOCUMENT)):  # noqa: SLF001 - as above.
                raise ValueError("the document doesn't hold")

        return run

    def _attempt(self) -> Attempt:
        request = ScanRequest("", "medical", "treatment", secrets.token_urlsafe(16))
        return Attempt.of(self._viewer, request, Medium.CODE, self._stage.core.clock.now())

    def _found(self) -> Found:
        code = self._keys.verifier().verify_signatures(self._stage.phones.code(), domain=Domain.MEDICAL)
        found = self._scans.look(code.handle, "", self._attempt().fields())
        if found is None:
            raise LookupError("no credential")
        return found

    def _answered(self) -> Accepted:
        request = ScanRequest(self._stage.phones.code(), "medical", "treatment", secrets.token_urlsafe(16))
        answer = self._stage.services.onecode.scanning.verify(self._viewer, request)
        if not isinstance(answer, Accepted):
            raise TypeError(answer.code)
        return answer

    def _token(self) -> str:
        return self._stage.tokens[next(self._turn) % len(self._stage.tokens)]

    def _request(
        self, path: str, body: bytes, expected: bytes, headers: dict[str, str]
    ) -> Callable[[], None]:
        environ = EnvironBuilder(
            path=path, method="POST", data=body, content_type="application/json", headers=headers
        ).get_environ()

        def run() -> None:
            answer = b"".join(self._app.wsgi_app(environ, lambda *_: lambda _data: None))
            if expected not in answer:
                raise ValueError(answer[:300])

        return run


def cpu(stage: Stage, turns: int = 300) -> tuple[dict[str, float], float, float, tuple[str, ...]]:
    """Microseconds of CPU of the parts, the whole, and parsing; and the commands of one scan."""
    names = CommandNames()
    monitoring.register(names)
    app = create_app(stage.settings)
    costs = Costs(stage, app)
    operations = {
        "signatures, opening, pairwise name": costs.crypto,
        "MongoDB commands": costs.mongo,
        "token": costs.token,
        "GraphQL execution": costs.graphql,
        "Flask, plumbing, view": costs.http,
        "whole": costs.whole,
        "parse": costs.parse_and_validate,
    }
    timings: dict[str, list[float]] = {name: [] for name in operations}
    for _ in range(turns):
        # One of each in turn, so that all find the processor's caches as a server does: full of other work.
        for name, run in [(name, make()) for name, make in operations.items()]:
            timings[name].append(_microseconds(run))
    medians = {name: statistics.median(found) for name, found in timings.items()}
    run = costs.whole()
    names.names.clear()
    run()
    seen = tuple(name for name in names.names if name not in BACKGROUND)
    whole, parsing = medians.pop("whole"), medians.pop("parse")
    return medians, whole, parsing, seen


def _microseconds(run: Callable[[], None]) -> float:
    """CPU of this thread alone, so that drivers' and feeds' own threads don't count to whatever runs."""
    start = time.thread_time_ns()
    run()
    return (time.thread_time_ns() - start) / 1e3


@contextmanager
def served(settings: Settings) -> Iterator[psutil.Process]:
    """The real server, `tongyu serve`, as a process of its own."""
    kek = settings.kek.get_secret_value() if settings.kek else ""
    given = {
        "TONGYU_ENVIRONMENT": settings.environment,
        "TONGYU_MONGODB_URI": settings.mongodb_uri,
        "TONGYU_KEK": kek,
        "TONGYU_PORT": str(settings.port),
        "TONGYU_THREADS": str(settings.threads),
        "TONGYU_LOG_LEVEL": settings.log_level,
    }
    command = [sys.executable, "-m", "backend.cli", "serve"]
    with subprocess.Popen(command, env={**os.environ, **given}) as process:
        try:
            _wait(settings.port)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


def memory_of(server: psutil.Process) -> int:
    """Resident bytes of the server and its workers."""
    return sum(process.memory_info().rss for process in (server, *server.children(recursive=True)))


class Desks:
    """Threads that scan new codes over HTTP, each on a connection of its own."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._turn = itertools.count()
        self._tokens, self._signed_in_at = stage.tokens, time.monotonic()
        self.outcomes: Counter[str] = Counter()
        self._lock = threading.Lock()

    def scan(self, count: int) -> None:
        """`count` scans, shared out between the threads; every answer is counted."""
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._scan_some, [count // THREADS] * THREADS))

    def _scan_some(self, count: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._stage.settings.port, timeout=30)
        outcomes = Counter(self._scan_one(connection) for _ in range(count))
        connection.close()
        with self._lock:
            self.outcomes += outcomes

    def _scan_one(self, connection: http.client.HTTPConnection) -> str:
        token = self._token()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection.request("POST", "/graphql", self._stage.body(), headers)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            return f"HTTP {response.status}"
        answer: dict[str, Any] = json.loads(body)
        found = (answer.get("data") or {}).get("verifyCode") or {}
        return str(found.get("code") or found.get("__typename") or answer.get("errors"))[:100]

    def _token(self) -> str:
        """One desk's token after another, signed in anew long before they expire."""
        with self._lock:
            if time.monotonic() - self._signed_in_at > SIGN_IN_SECONDS:
                self._tokens, self._signed_in_at = _desk_tokens(self._stage.core), time.monotonic()
            return self._tokens[next(self._turn) % DESKS]


def memory(stage: Stage, scans: int) -> tuple[int, int, float]:
    """Resident bytes of the server before and after `scans` scans, and the seconds that they took.

    Raises RuntimeError when any scan had another outcome than acceptance.
    """
    desks = Desks(stage)
    with served(stage.settings) as server:
        desks.scan(WARM_UP)
        before, began = memory_of(server), time.monotonic()
        desks.scan(scans)
        took, after = time.monotonic() - began, memory_of(server)
    if set(desks.outcomes) != {"CodeAccepted"}:
        raise RuntimeError(f"not every scan was accepted: {dict(desks.outcomes)}")
    return before, after, took


def measure(scans: int = 100_000, residents: int = 1000) -> Figures:
    """The figures of one run."""
    with staged(residents) as stage:
        parts, whole, parsing, commands = cpu(stage)
        before, after, seconds = memory(stage, scans)
    return Figures(parts, whole, parsing, commands, scans, seconds, before, after)


def report(figures: Figures) -> str:
    """The figures as lines for a person."""
    total = sum(figures.parts.values())
    rate = figures.scans / figures.seconds
    before, after = (value / 2**20 for value in (figures.memory_before, figures.memory_after))
    lines = [
        "online scan, CPU of one process a request:",
        *(f"  {name:36} {cost:8.0f} µs" for name, cost in figures.parts.items()),
        f"  {'sum of the parts':36} {total:8.0f} µs",
        f"  {'the whole scan':36} {figures.whole:8.0f} µs ({figures.whole / total:.2f} of the sum)",
        f"  {'(parse and validate, once a document)':36} {figures.parse_and_validate:7.0f} µs",
        f"commands: {len(figures.commands)} ({', '.join(figures.commands)}), at most {COMMANDS_BOUND}",
        f"{figures.scans} scans by {THREADS} threads in {figures.seconds:.0f} s, {rate:.0f} a second",
        f"server memory: {before:.0f} MiB before, {after:.0f} MiB after ({figures.growth:.3f}, at most 1.10)",
    ]
    return "\n".join(lines)


def main() -> int:
    """Measure, print, and say by the exit status whether the bounds hold."""
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    print(report(figures))
    return 0 if figures.within_bounds else 1


if __name__ == "__main__":
    sys.exit(main())

"""A stand-in for the public-security department's registry of people."""

import unicodedata
from threading import Lock

from flask import Blueprint, Response, jsonify

from backend.core.clock import Clock
from backend.exchange.public_security import RealNameResult
from backend.exchange.sandbox.bodies import is_signed, strings
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.faults import Faults, inject
from backend.exchange.sandbox.population import find


class PeopleRegistry:
    """Who exists: the known people, the generated ones, and those added by hand; safe between threads."""

    def __init__(self, residents: int, seed: int) -> None:
        self._residents = residents
        self._seed = seed
        self._lock = Lock()
        self._added: dict[str, str] = {}

    def add(self, id_number: str, name: str) -> None:
        """Records a person, or another name for one."""
        with self._lock:
            self._added[id_number] = name

    def name_of(self, id_number: str) -> str | None:
        """The name under this number; None when there is no such person."""
        with self._lock:
            if id_number in self._added:
                return self._added[id_number]
        found = find(id_number, self._seed)
        if found is None or (found.index is not None and found.index >= self._residents):
            return None
        return found.name

    def compare(self, name: str, id_number: str) -> RealNameResult:
        """Whether the name goes with the number."""
        registered = self.name_of(id_number)
        if registered is None:
            return RealNameResult.NO_RECORD
        same = unicodedata.normalize("NFC", name) == registered
        return RealNameResult.MATCH if same else RealNameResult.MISMATCH

    def reset(self) -> None:
        """Forgets who was added by hand."""
        with self._lock:
            self._added.clear()


def public_security_blueprint(
    config: SandboxConfig, people: PeopleRegistry, faults: Faults, clock: Clock
) -> Blueprint:
    """`POST /public-security/v1/real-name`, for signed callers."""
    blueprint = Blueprint("public_security", __name__, url_prefix="/public-security/v1")
    inject(blueprint, "public-security", faults, _refused)

    @blueprint.post("/real-name")
    def real_name() -> Response:
        if not is_signed(config, clock):
            return _refused("UNAUTHENTICATED")
        fields = strings("name", "id_number", "request_id")
        if fields is None:
            return _refused("BAD_REQUEST")
        return jsonify(result=people.compare(fields[0], fields[1]))

    return blueprint


def _refused(code: str) -> Response:
    answer = jsonify(code=code)
    answer.status_code = {"UNAUTHENTICATED": 401, "BAD_REQUEST": 400}.get(code, 404)
    return answer

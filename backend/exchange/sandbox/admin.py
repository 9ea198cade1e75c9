"""The sandbox's own controls, under `/_admin`; there is no such thing at the real systems."""

from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from backend.exchange.public_security import FaceResult
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.departments.department import departments
from backend.exchange.sandbox.departments.mount import Departments
from backend.exchange.sandbox.face import FaceTickets
from backend.exchange.sandbox.faults import Fault, FaultKind, Faults
from backend.exchange.sandbox.population import DemoPerson, family_of
from backend.exchange.sandbox.public_security import PeopleRegistry
from backend.exchange.sandbox.sms import SmsOutbox
from backend.exchange.sandbox.wechat import WeChatUsers

_DONE = ("", 204)

STAND_INS = ("wechat", "sms", "public-security", "face", *(one.name for one in departments()))
"""What can be made to fail; a department is named by city and kind, as in `430100/education`."""


class _PlannedFault(BaseModel):
    stand_in: str = Field(pattern=f"^({'|'.join(STAND_INS)})$")
    kind: FaultKind
    calls: int = Field(1, ge=1, le=1_000_000)
    delay_ms: int = Field(0, ge=0, le=60_000)
    code: str = Field("", max_length=64)

    @field_validator("code")
    @classmethod
    def _is_a_number_at_wechat(cls, code: str, info: ValidationInfo) -> str:
        if code and info.data.get("stand_in") == "wechat":
            int(code)
        return code


class _Login(BaseModel):
    openid: str = Field(min_length=1, max_length=64)
    unionid: str | None = None
    blocked: bool = False


class _Mobile(BaseModel):
    mobile: str = Field(max_length=20)


class _Person(BaseModel):
    id_number: str = Field(max_length=20)
    name: str = Field(max_length=50)


class _Decision(BaseModel):
    result: FaceResult


class _AutoPass(BaseModel):
    auto_pass: bool


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that the stand-ins remember."""

    faults: Faults
    users: WeChatUsers
    outbox: SmsOutbox
    people: PeopleRegistry
    tickets: FaceTickets
    departments: Departments

    def reset(self) -> None:
        """Forgets everything since the start."""
        stores = (self.faults, self.users, self.outbox, self.people, self.tickets, self.departments)
        for store in stores:
            store.reset()


def admin_blueprint(config: SandboxConfig, stores: Stores) -> Blueprint:
    """All controls; bodies are JSON, a wrong one is answered 422."""
    blueprint = Blueprint("admin", __name__, url_prefix="/_admin")
    blueprint.register_error_handler(ValidationError, _unprocessable)
    _add_faults(blueprint, stores)
    _add_people(blueprint, config, stores)
    _add_messages(blueprint, stores)
    _add_faces(blueprint, stores)
    return blueprint


def _add_faults(blueprint: Blueprint, stores: Stores) -> None:
    @blueprint.post("/faults")
    def plan() -> ResponseReturnValue:
        planned = _PlannedFault.model_validate(_body())
        fault = Fault(planned.kind, planned.calls, planned.delay_ms, planned.code)
        stores.faults.plan(planned.stand_in, fault)
        return _DONE

    @blueprint.get("/counts")
    def counts() -> ResponseReturnValue:
        return jsonify(stores.faults.counts())

    @blueprint.get("/departments")
    def listing() -> ResponseReturnValue:
        return jsonify(stores.departments.listing())

    @blueprint.post("/reset")
    def reset() -> ResponseReturnValue:
        stores.reset()
        return _DONE


def _add_people(blueprint: Blueprint, config: SandboxConfig, stores: Stores) -> None:
    @blueprint.post("/wechat/codes")
    def log_in() -> ResponseReturnValue:
        login = _Login.model_validate(_body())
        return jsonify(js_code=stores.users.log_in(login.openid, login.unionid, blocked=login.blocked))

    @blueprint.post("/people")
    def add() -> ResponseReturnValue:
        person = _Person.model_validate(_body())
        stores.people.add(person.id_number, person.name)
        return _DONE

    @blueprint.get("/people/<int:index>/family")
    def family(index: int) -> ResponseReturnValue:
        if index >= config.residents:
            return jsonify(code="NOT_FOUND"), 404
        return jsonify([_as_json(member) for member in family_of(index, config.seed).members])


def _add_messages(blueprint: Blueprint, stores: Stores) -> None:
    @blueprint.get("/sms/outbox")
    def outbox() -> ResponseReturnValue:
        return jsonify([message.as_json() for message in stores.outbox.to(request.args.get("mobile", ""))])

    @blueprint.post("/sms/blocked")
    def block() -> ResponseReturnValue:
        stores.outbox.block(_Mobile.model_validate(_body()).mobile)
        return _DONE


def _add_faces(blueprint: Blueprint, stores: Stores) -> None:
    @blueprint.post("/face/tickets/<ticket>")
    def decide(ticket: str) -> ResponseReturnValue:
        decision = _Decision.model_validate(_body())
        return _DONE if stores.tickets.decide(ticket, decision.result) else (jsonify(code="NOT_PENDING"), 409)

    @blueprint.post("/face/auto-pass")
    def auto_pass() -> ResponseReturnValue:
        stores.tickets.set_auto_pass(auto_pass=_AutoPass.model_validate(_body()).auto_pass)
        return _DONE


def _body() -> Any:  # noqa: ANN401 - whatever JSON was sent, for pydantic to judge.
    return request.get_json(silent=True)


def _as_json(person: DemoPerson) -> dict[str, Any]:
    return asdict(person) | {"birth_date": person.birth_date.isoformat()}


def _unprocessable(error: ValidationError) -> ResponseReturnValue:
    return jsonify(code="BAD_REQUEST", fields=[".".join(map(str, e["loc"])) for e in error.errors()]), 422

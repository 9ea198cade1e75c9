"""All departments together: their registries in the sandbox's database, their blueprints, their reset."""

from collections.abc import Mapping
from typing import Final

from backend.core.clock import Clock
from backend.core.mongo.client import connect
from backend.exchange.department_api.operations import Kind
from backend.exchange.message_signatures import PublicKey, public_key
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.departments import (
    education,
    medical_insurance,
    public_security,
    social_security,
)
from backend.exchange.sandbox.departments.call import Handler
from backend.exchange.sandbox.departments.department import (
    EXCHANGE_KEY_ID,
    Department,
    department_signer,
    departments,
    exchange_signer,
    public_pem,
)
from backend.exchange.sandbox.departments.edge import Edge
from backend.exchange.sandbox.departments.registry import Registry
from backend.exchange.sandbox.departments.world import World

HANDLERS: Final[Mapping[Kind, Mapping[str, Handler]]] = {
    Kind.SOCIAL_SECURITY: social_security.HANDLERS,
    Kind.MEDICAL_INSURANCE: medical_insurance.HANDLERS,
    Kind.PUBLIC_SECURITY: public_security.HANDLERS,
    Kind.EDUCATION: education.HANDLERS,
}


class Departments:
    """The departments of one sandbox; `edges` are their servers, none when the sandbox has no database."""

    def __init__(self, config: SandboxConfig, clock: Clock) -> None:
        self._registries: dict[Department, Registry] = {}
        self.edges: dict[Department, Edge] = {}
        if config.mongodb_uri is None:
            return
        database = connect(config.mongodb_uri)[config.database]
        world = World(config.residents, config.seed)
        keys = exchange_keys(config)
        for department in departments():
            registry = Registry(database, department, clock)
            registry.prepare()
            handlers = HANDLERS[department.kind]
            self._registries[department] = registry
            self.edges[department] = Edge(department, handlers, registry, world, keys, clock)

    def reset(self) -> None:
        """Forgets everything written."""
        for registry in self._registries.values():
            registry.clear()

    def listing(self) -> list[dict[str, str]]:
        """City, kind, path, key id and public key of each, as the list of departments needs them."""
        return [_entry(department) for department in self.edges]


def exchange_keys(config: SandboxConfig) -> dict[str, PublicKey]:
    """The keys that the departments accept from the exchange: those configured, else the development one."""
    configured = dict(config.exchange_public_keys)
    return {
        key_id: public_key(pem)
        for key_id, pem in (configured or {EXCHANGE_KEY_ID: public_pem(exchange_signer().private)}).items()
    }


def _entry(department: Department) -> dict[str, str]:
    signer = department_signer(department)
    return {
        "city": department.city,
        "kind": department.kind,
        "path": department.path,
        "key_id": signer.key_id,
        "public_key": public_pem(signer.private),
    }

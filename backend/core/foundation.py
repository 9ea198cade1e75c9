"""The foundation that every feature is built from, passed as one argument to its builder."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from backend.core.audit import AuditLog
from backend.core.clock import Clock
from backend.core.idempotency import Idempotency
from backend.core.keyring import Keyring
from backend.core.limits import RateLimits
from backend.core.mongo.client import Db
from backend.core.sealing import Sealer
from backend.core.settings import Settings


@dataclass(frozen=True, slots=True)
class Foundation:
    """The parts of the core, wired. A feature's builder takes this and its outbound ports."""

    settings: Settings
    db: Db
    clock: Clock
    sealer: Sealer
    keyring: Keyring
    audit: AuditLog
    idempotency: Idempotency
    limits: RateLimits
    metrics: CollectorRegistry

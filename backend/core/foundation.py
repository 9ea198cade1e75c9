"""The foundation that every feature is built from, passed as one argument to its builder."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from backend.core.audit import AuditLog
from backend.core.clock import Clock, SystemClock
from backend.core.idempotency import Idempotency
from backend.core.keyring import Keyring
from backend.core.limits import RateLimits
from backend.core.mongo.client import Client, Db, connect
from backend.core.sealing import Kek, Sealer
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


def build_foundation(
    settings: Settings,
    *,
    clock: Clock | None = None,
    client: Client | None = None,
    metrics: CollectorRegistry | None = None,
) -> Foundation:
    """Wires the core from the settings; nothing is written yet. Raises BadKek without a usable KEK."""
    clock = clock or SystemClock()
    db = (client or connect(settings.mongodb_uri))[settings.mongodb_database]
    kek = Kek.from_settings(settings)
    sealer = Sealer(db, kek, clock)
    keyring = Keyring(db, kek, clock)
    return Foundation(
        settings=settings,
        db=db,
        clock=clock,
        sealer=sealer,
        keyring=keyring,
        audit=AuditLog(db, clock),
        idempotency=Idempotency(db, sealer, clock),
        limits=RateLimits(db, keyring.secret("rate-limits"), clock),
        metrics=metrics or CollectorRegistry(),
    )

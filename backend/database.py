"""What the database must have before anything runs on it: indexes, migrations, first keys."""

from collections.abc import Sequence
from typing import Final

from backend.core import audit, idempotency, keyring, windows
from backend.core.foundation import Foundation, build_foundation
from backend.core.mongo.schema import Index, Migration, ensure_indexes, migrate
from backend.core.settings import Settings
from backend.identity import service as identity
from backend.identity.consent import repository as consent
from backend.identity.staff import repository as staff
from backend.onecode import service as onecode

INDEXES: Final[Sequence[Index]] = (
    *audit.INDEXES,
    *idempotency.INDEXES,
    *keyring.INDEXES,
    *windows.INDEXES,
    *identity.INDEXES,
    *staff.INDEXES,
    *consent.INDEXES,
    *onecode.INDEXES,
)
MIGRATIONS: Final[Sequence[Migration]] = ()


def prepare_database(settings: Settings) -> list[int]:
    """Creates missing indexes, runs new migrations, makes first keys; safe to repeat, also by two at once.

    Returns the numbers of the migrations that ran. Raises PyMongoError while the database is away, BadKek
    when it was sealed with another key.
    """
    foundation = build_foundation(settings)
    try:
        return prepare(foundation)
    finally:
        foundation.db.client.close()


def prepare(foundation: Foundation) -> list[int]:
    """The same on a foundation that is already wired."""
    foundation.sealer.check()
    ensure_indexes(foundation.db, INDEXES)
    ran = migrate(foundation.db, MIGRATIONS, foundation.clock)
    foundation.keyring.ensure()
    return ran

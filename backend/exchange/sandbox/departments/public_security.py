"""Operations of the public-security departments (公安)."""

from collections.abc import Mapping
from typing import Final

from backend.exchange.sandbox.departments import households, migration, residence
from backend.exchange.sandbox.departments.call import Handler

HANDLERS: Final[Mapping[str, Handler]] = {
    "queryHousehold": households.household,
    "queryRegistration": households.registration,
    "queryWards": households.wards,
    "queryResidencePermits": residence.permits,
    "applyForResidencePermit": residence.apply,
    "issueResidencePermit": residence.issue,
    "endorseResidencePermit": residence.endorse,
    "registerBirth": households.register_birth,
    "queryBirth": households.birth,
    "queryMigration": migration.query,
    "applyForMigration": migration.apply,
    "acceptMigration": migration.accept,
    "issueMigrationPermit": migration.issue_permit,
    "deregisterForMigration": migration.deregister,
    "confirmArrival": migration.confirm_arrival,
    "rollBackMigration": migration.roll_back,
}

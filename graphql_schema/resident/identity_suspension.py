"""Suspending and restoring an identity."""

from typing import Annotated

import strawberry

from backend.identity.staff.models import StaffRole
from backend.identity.suspension import SuspensionReason
from graphql_schema.resident.base import ANYONE, Info, Refused, mutation, resident, staff
from graphql_schema.resident.identity_types import ClientInput, IdentityStatusChanged

SuspendIdentityResult = Annotated[IdentityStatusChanged | Refused, strawberry.union("SuspendIdentityResult")]
SuspendIdentityByProofResult = Annotated[
    IdentityStatusChanged | Refused, strawberry.union("SuspendIdentityByProofResult")
]
RestoreIdentityResult = Annotated[IdentityStatusChanged | Refused, strawberry.union("RestoreIdentityResult")]
SuspendResidentResult = Annotated[IdentityStatusChanged | Refused, strawberry.union("SuspendResidentResult")]
RestoreResidentResult = Annotated[IdentityStatusChanged | Refused, strawberry.union("RestoreResidentResult")]


@strawberry.type
class SuspensionMutation:
    """By the resident, and by authorised staff."""

    @mutation(resident(), description="Suspends the viewer: every session and every code ends at once.")
    def suspend_identity(
        self, info: Info, reason: SuspensionReason, idempotency_key: str
    ) -> SuspendIdentityResult:
        """The new status."""
        suspension = info.context.services.identity.suspension
        return IdentityStatusChanged.of(
            suspension.suspend_own(info.context.resident, reason, idempotency_key)
        )

    @mutation(
        ANYONE, description="Suspends by name, identity number and a code for SUSPEND, without a session."
    )
    def suspend_identity_by_proof(
        self,
        info: Info,
        name: str,
        id_number: str,
        challenge: strawberry.ID,
        code: str,
        client: ClientInput,
        idempotency_key: str,
    ) -> SuspendIdentityByProofResult:
        """The new status."""
        suspension = info.context.services.identity.suspension
        return IdentityStatusChanged.of(
            suspension.suspend_by_proof(
                name, id_number, challenge, code, client.of(info.context), idempotency_key
            )
        )

    @mutation(ANYONE, description="Restores by name, identity number and a passed `startFaceCheckByName`.")
    def restore_identity(
        self, info: Info, name: str, id_number: str, face_check: str, idempotency_key: str
    ) -> RestoreIdentityResult:
        """The new status."""
        suspension = info.context.services.identity.suspension
        return IdentityStatusChanged.of(suspension.restore_own(name, id_number, face_check, idempotency_key))

    @mutation(staff(StaffRole.IDENTITY_OFFICER), description="Suspends a resident of the officer's city.")
    def suspend_resident(
        self, info: Info, resident: strawberry.ID, reason: SuspensionReason, note: str, idempotency_key: str
    ) -> SuspendResidentResult:
        """The new status; the note goes into the audit log and holds no personal data."""
        suspension = info.context.services.identity.suspension
        return IdentityStatusChanged.of(
            suspension.suspend_by_staff(info.context.staff, resident, reason, note, idempotency_key)
        )

    @mutation(staff(StaffRole.IDENTITY_OFFICER), description="Restores a resident of the officer's city.")
    def restore_resident(
        self, info: Info, resident: strawberry.ID, reason: SuspensionReason, note: str, idempotency_key: str
    ) -> RestoreResidentResult:
        """The new status; the note goes into the audit log and holds no personal data."""
        suspension = info.context.services.identity.suspension
        return IdentityStatusChanged.of(
            suspension.restore_by_staff(info.context.staff, resident, reason, note, idempotency_key)
        )

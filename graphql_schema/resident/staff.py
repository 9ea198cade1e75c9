"""Staff in the residents' schema: verifiers at a desk sign in here, with credentials of their own."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.identity.staff import models
from graphql_schema.resident.base import ANYONE, Info, Refused, mutation, query, staff

strawberry.enum(models.StaffRole, description="What a member of staff may do within their scope.")


@strawberry.type(description="An account of a member of staff: their roles and where they apply.")
class StaffMember:
    """A member of staff as they see themselves."""

    id: strawberry.ID
    username: str
    roles: list[models.StaffRole]
    city: str | None = strawberry.field(description="Six-digit division code; null for every city.")
    department: str | None
    desk: str | None
    domains: list[str] = strawberry.field(
        description="Service domains, or single purposes of one as `medical/pharmacy`."
    )

    @classmethod
    def of(cls, member: models.StaffMember) -> "StaffMember":
        """The account with its scope laid flat."""
        return cls(
            id=strawberry.ID(member.id),
            username=member.username,
            roles=sorted(member.roles),
            city=member.scope.city,
            department=member.scope.department,
            desk=member.scope.desk,
            domains=sorted(member.scope.domains),
        )


@strawberry.type(description="Tokens of a staff session. The refresh token counts once.")
class StaffSignedIn:
    """What a sign-in or a renewal gives the client."""

    staff: StaffMember
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime

    @classmethod
    def of(cls, signed_in: models.StaffSignedIn) -> "StaffSignedIn":
        """The tokens with the account that they are for."""
        return cls(
            staff=StaffMember.of(signed_in.member),
            access_token=signed_in.access_token,
            access_expires_at=signed_in.access_expires_at,
            refresh_token=signed_in.refresh_token,
            refresh_expires_at=signed_in.refresh_expires_at,
        )


@strawberry.type(description="The session that ended.")
class StaffSignedOut:
    """What a sign-out gives the client."""

    session: strawberry.ID


SignInStaffResult = Annotated[StaffSignedIn | Refused, strawberry.union("SignInStaffResult")]
RefreshStaffSessionResult = Annotated[StaffSignedIn | Refused, strawberry.union("RefreshStaffSessionResult")]
SignOutStaffResult = Annotated[StaffSignedOut | Refused, strawberry.union("SignOutStaffResult")]


@strawberry.type
class StaffQuery:
    """What staff ask about themselves."""

    @query(staff(), description="The signed-in member of staff, with their present roles and scope.")
    def staff_me(self, info: Info) -> StaffMember:
        """The viewer's account."""
        return StaffMember.of(info.context.services.staff.sessions.me(info.context.staff))


@strawberry.type
class StaffMutation:
    """Opening, renewing and ending a staff session."""

    @mutation(ANYONE, description="Signs in by password and a TOTP code, which counts once.")
    def sign_in_staff(
        self, info: Info, username: str, password: str, totp: str, idempotency_key: str
    ) -> SignInStaffResult:
        """A new session of at most 8 hours."""
        context = info.context
        return StaffSignedIn.of(
            context.services.staff.sign_in.sign_in(username, password, totp, context.address, idempotency_key)
        )

    @mutation(ANYONE, description="New tokens for a refresh token, with the present roles and scope.")
    def refresh_staff_session(
        self, info: Info, refresh_token: str, idempotency_key: str
    ) -> RefreshStaffSessionResult:
        """The session, renewed for an hour."""
        sessions = info.context.services.staff.sessions
        return StaffSignedIn.of(sessions.refresh(refresh_token, idempotency_key))

    @mutation(staff(), description="Ends the session and its tokens at once.")
    def sign_out_staff(self, info: Info, idempotency_key: str) -> SignOutStaffResult:
        """The session that ended."""
        ended = info.context.services.staff.sessions.sign_out(info.context.staff, idempotency_key)
        return StaffSignedOut(session=strawberry.ID(ended))

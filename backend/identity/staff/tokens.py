"""Staff access tokens: roles and scope as claims, and the viewer that they make."""

from datetime import datetime
from typing import Any

from backend.core.access_tokens import AccessTokens, Claims, IssuedToken
from backend.identity.staff.models import StaffMember
from backend.identity.viewer import StaffViewer


class StaffTokens:
    """Issues access tokens of the audience `staff`."""

    def __init__(self, tokens: AccessTokens) -> None:
        self._tokens = tokens

    def issue(self, member: StaffMember, session: str, auth_time: datetime) -> IssuedToken:
        """A token with the member's present roles and scope; `auth_time` is when they signed in."""
        place = {"city": member.scope.city, "department": member.scope.department, "desk": member.scope.desk}
        extra: dict[str, Any] = {
            "roles": sorted(member.roles),
            "domains": sorted(member.scope.domains),
            **{name: value for name, value in place.items() if value is not None},
        }
        return self._tokens.issue("staff", member.id, session, auth_time=auth_time, extra=extra)


def staff_viewer(claims: Claims) -> StaffViewer:
    """The viewer that a verified token of the audience `staff` makes."""
    return StaffViewer(
        staff=claims.subject,
        session=claims.session,
        roles=frozenset(claims.extra["roles"]),
        city=claims.extra.get("city"),
        department=claims.extra.get("department"),
        desk=claims.extra.get("desk"),
        domains=frozenset(claims.extra["domains"]),
    )

"""Administering staff: what `tongyu staff` does. Every change is one transaction with its audit entry."""

from collections.abc import Callable
from typing import Final

from backend.core.audit import Actor, Entry
from backend.core.audit.models import Detail
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.mongo.client import Session, transact
from backend.core.paging import Page, PageRequest
from backend.identity.revocation import Revocations
from backend.identity.staff.models import (
    Credentials,
    StaffEnd,
    StaffMember,
    StaffRole,
    StaffScope,
    StaffStatus,
    parse_username,
)
from backend.identity.staff.passwords import Passwords
from backend.identity.staff.repository import StaffRepository, StaffSessionRepository
from backend.identity.staff.totp import TotpEnrolment, TotpSecrets

Change = Callable[[StaffMember, Session], Detail]

_OPERATOR: Final = Actor("system", "operator")


class StaffAccounts:
    """Creates accounts and changes what they may do.

    A change that takes something away ends the access tokens that still say otherwise, on every process
    within a second; a refresh then brings a token with the present roles and scope.
    """

    def __init__(
        self,
        core: Foundation,
        staff: StaffRepository,
        sessions: StaffSessionRepository,
        passwords: Passwords,
        secrets: TotpSecrets,
        revocations: Revocations,
    ) -> None:
        self._core = core
        self._staff = staff
        self._sessions = sessions
        self._passwords = passwords
        self._secrets = secrets
        self._revocations = revocations

    def create(
        self, username: str, password: str, roles: frozenset[StaffRole], scope: StaffScope
    ) -> StaffMember:
        """A new active account with a TOTP secret of its own.

        Refuses with BAD_INPUT, PASSWORD_WEAK or STAFF_EXISTS.
        """
        scope.check()
        name = parse_username(username)
        now = self._core.clock.now()
        member = StaffMember(new_id(), name, roles, scope, StaffStatus.ACTIVE, now, None)
        credentials = Credentials(
            member.id, self._passwords.choose(password, name), self._secrets.new(member.id)
        )

        def work(session: Session) -> StaffMember:
            self._staff.insert(member, credentials, session)
            self._log("staff.created", member, _rights(member), session)
            return member

        return transact(self._core.db, work)

    def list(self, page: PageRequest) -> Page[StaffMember]:
        """Accounts by user name: one find."""
        return self._staff.page(page)

    def set_password(self, username: str, password: str) -> None:
        """Replaces the password and ends all sessions."""
        hashed = self._passwords.choose(password, parse_username(username))

        def change(member: StaffMember, session: Session) -> Detail:
            self._staff.set_password(member.id, hashed, session)
            return {"sessions": self._end_sessions(member, StaffEnd.CREDENTIALS_CHANGED, session)}

        self._change("staff.password.set", username, change)

    def totp(self, username: str) -> TotpEnrolment:
        """The present TOTP secret, to set up an authenticator app; showing it is audited."""

        def show(member: StaffMember, session: Session) -> TotpEnrolment:
            sealed = self._staff.totp(member.id, session)
            if sealed is None:
                raise Refusal("STAFF_UNKNOWN")
            self._log("staff.totp.shown", member, {}, session)
            return self._secrets.enrolment(member.id, member.username, sealed, self._core.clock.now())

        return transact(self._core.db, lambda session: show(self._find(username, session), session))

    def renew_totp(self, username: str) -> None:
        """Replaces the TOTP secret, as for a lost phone, and ends all sessions."""

        def change(member: StaffMember, session: Session) -> Detail:
            self._staff.set_totp(member.id, self._secrets.new(member.id), session)
            return {"sessions": self._end_sessions(member, StaffEnd.CREDENTIALS_CHANGED, session)}

        self._change("staff.totp.renewed", username, change)

    def disable(self, username: str) -> None:
        """Ends all sessions and tokens and the right to sign in; STALE_WRITE when it was so already."""

        def change(member: StaffMember, session: Session) -> Detail:
            _changed(self._staff.set_status(member.id, StaffStatus.ACTIVE, StaffStatus.DISABLED, session))
            return {"sessions": self._end_sessions(member, StaffEnd.DISABLED, session)}

        self._change("staff.disabled", username, change)

    def enable(self, username: str) -> None:
        """Lets a disabled account sign in again; STALE_WRITE when it could."""

        def change(member: StaffMember, session: Session) -> Detail:
            _changed(self._staff.set_status(member.id, StaffStatus.DISABLED, StaffStatus.ACTIVE, session))
            return {}

        self._change("staff.enabled", username, change)

    def grant(self, username: str, role: StaffRole) -> None:
        """Gives a role; STALE_WRITE when they have it."""

        def change(member: StaffMember, session: Session) -> Detail:
            _changed(self._staff.add_role(member.id, role, session))
            self._revocations.revoke_subject(member.id, session)
            return {"role": role}

        self._change("staff.role.granted", username, change)

    def revoke(self, username: str, role: StaffRole) -> None:
        """Takes a role; STALE_WRITE when they don't have it."""

        def change(member: StaffMember, session: Session) -> Detail:
            _changed(self._staff.remove_role(member.id, role, session))
            self._revocations.revoke_subject(member.id, session)
            return {"role": role}

        self._change("staff.role.revoked", username, change)

    def set_scope(self, username: str, scope: StaffScope) -> None:
        """Replaces the scope; BAD_INPUT when it can't be one."""
        scope.check()

        def change(member: StaffMember, session: Session) -> Detail:
            changed = _changed(self._staff.set_scope(member.id, scope, session))
            self._revocations.revoke_subject(member.id, session)
            return _rights(changed)

        self._change("staff.scope.set", username, change)

    def _change(self, action: str, username: str, change: Change) -> None:
        def work(session: Session) -> None:
            member = self._find(username, session)
            self._log(action, member, change(member, session), session)

        transact(self._core.db, work)

    def _find(self, username: str, session: Session) -> StaffMember:
        member = self._staff.find_by_username(parse_username(username), session)
        if member is None:
            raise Refusal("STAFF_UNKNOWN")
        return member

    def _end_sessions(self, member: StaffMember, reason: StaffEnd, session: Session) -> int:
        self._revocations.revoke_subject(member.id, session)
        return self._sessions.end_all(member.id, reason, self._core.clock.now(), session)

    def _log(self, action: str, member: StaffMember, detail: Detail, session: Session) -> None:
        self._core.audit.append(Entry(action, _OPERATOR, reference=member.id, detail=detail), session)


def _rights(member: StaffMember) -> Detail:
    scope = member.scope
    place = {"city": scope.city, "department": scope.department, "desk": scope.desk}
    return {
        "roles": sorted(member.roles),
        "domains": sorted(scope.domains),
        **{name: value for name, value in place.items() if value is not None},
    }


def _changed(member: StaffMember | None) -> StaffMember:
    if member is None:
        raise Refusal("STALE_WRITE")
    return member

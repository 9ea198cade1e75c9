"""Staff sign-in by password and TOTP code."""

from dataclasses import dataclass, field, replace
from typing import Final

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_secret
from backend.core.mongo.client import Session
from backend.identity.commands import Command, Commands
from backend.identity.staff.models import Credentials, StaffSignedIn
from backend.identity.staff.passwords import Passwords
from backend.identity.staff.repository import StaffRepository
from backend.identity.staff.sessions import StaffGrants
from backend.identity.staff.totp import TotpSecrets

_SIGNED_IN = TypeAdapter(StaffSignedIn)
_LONGEST_NAME: Final = 64
_NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What somebody typed in."""

    username: str
    password: str = field(repr=False)
    code: str = field(repr=False)


class _NotProven(Exception):
    """Something was wrong; carries the id of the account that it was tried on, if there is one."""

    def __init__(self, staff: str | None) -> None:
        super().__init__()
        self.staff = staff


class StaffSignIn:
    """Opens staff sessions. Whatever is wrong, the answer and the work done are the same."""

    def __init__(
        self,
        core: Foundation,
        staff: StaffRepository,
        passwords: Passwords,
        secrets: TotpSecrets,
        grants: StaffGrants,
    ) -> None:
        self._core = core
        self._staff = staff
        self._passwords = passwords
        self._secrets = secrets
        self._grants = grants
        self._commands = Commands(core.idempotency)
        self._nobodys = Credentials(_NOBODY, passwords.hash(new_secret()), secrets.new(_NOBODY))

    def sign_in(self, username: str, password: str, totp: str, address: str, key: str) -> StaffSignedIn:
        """A session for the right password and a TOTP code that wasn't used before.

        `address` is the client's, for the limits; `key` the idempotency key. Raises Refusal:
        STAFF_SIGN_IN_FAILED, which doesn't say what was wrong, or RATE_LIMITED.
        """
        attempt = _Attempt(username.strip().lower()[:_LONGEST_NAME], password, totp)
        self._limit(attempt.username, address)
        command = Command(f"staff:{attempt.username}", key, "staff.sign_in", self._request(attempt))
        earlier = self._commands.answered(command, _SIGNED_IN)
        if earlier is not None:
            return earlier
        try:
            credentials, step = self._prove(attempt)
            return self._commands.once(
                command, _SIGNED_IN, lambda session: self._open(credentials, step, session)
            )
        except _NotProven as fault:
            self._log_failure(fault.staff)
            raise Refusal("STAFF_SIGN_IN_FAILED") from None

    def _limit(self, username: str, address: str) -> None:
        limits = self._core.limits
        limits.hit("staff.login.account.address", username, address)
        limits.hit("staff.login.address", address)
        limits.hit("staff.login.account", username)

    def _request(self, attempt: _Attempt) -> dict[str, object]:
        """Tells a repeat from another request by a keyed hash: no fast hash of a password is stored."""
        proof = self._core.sealer.blind("staff-sign-in", f"{attempt.code}|{attempt.password}")
        return {"proof": proof.hex()}

    def _prove(self, attempt: _Attempt) -> tuple[Credentials, int]:
        """The account's credentials and the TOTP step to use up.

        Where there is no such account, both factors are checked against those of nobody: the same work.
        """
        found = self._staff.credentials(attempt.username)
        credentials = found or self._nobodys
        known = self._passwords.matches(credentials.password, attempt.password)
        now = self._core.clock.now()
        step = self._secrets.matching_step(credentials.staff, credentials.totp, attempt.code, now)
        if found is None or not known or step is None:
            raise _NotProven(None if found is None else found.staff)
        return self._current(found, attempt.password), step

    def _current(self, proven: Credentials, password: str) -> Credentials:
        """The credentials, with a password hashed anew that was hashed under older parameters."""
        if not self._passwords.is_outdated(proven.password):
            return proven
        fresh = replace(proven, password=self._passwords.hash(password))
        return fresh if self._staff.replace_password(proven, fresh.password) else proven

    def _open(self, credentials: Credentials, step: int, session: Session) -> StaffSignedIn:
        now = self._core.clock.now()
        member = self._staff.accept(credentials, step, now, session)
        if member is None:
            raise _NotProven(credentials.staff)
        signed_in = self._grants.open(member, now, session)
        entry = Entry("staff.signed_in", Actor("staff", member.id), reference=signed_in.session)
        self._core.audit.append(entry, session)
        return signed_in

    def _log_failure(self, staff: str | None) -> None:
        """Who tried isn't known; which account it was tried on is kept, the name that was typed isn't."""
        entry = Entry(
            action="staff.sign_in_refused",
            actor=Actor("staff", "unknown"),
            outcome="refused",
            code="STAFF_SIGN_IN_FAILED",
            reference=staff,
        )
        self._core.audit.append(entry, None)

"""The staff part, wired."""

from dataclasses import dataclass

from backend.core.access_tokens import AccessTokens
from backend.core.foundation import Foundation
from backend.identity.revocation import Revocations
from backend.identity.sessions.refresh_tokens import RefreshTokens
from backend.identity.staff.accounts import StaffAccounts
from backend.identity.staff.passwords import Passwords
from backend.identity.staff.repository import StaffRepository, StaffSessionRepository
from backend.identity.staff.sessions import StaffGrants, StaffSessions
from backend.identity.staff.sign_in import StaffSignIn
from backend.identity.staff.tokens import StaffTokens
from backend.identity.staff.totp import TotpSecrets


@dataclass(frozen=True, slots=True)
class Staff:
    """What entry points call: administration, sign-in, and a member's own session."""

    accounts: StaffAccounts
    sign_in: StaffSignIn
    sessions: StaffSessions


def build_staff(core: Foundation, tokens: AccessTokens, revocations: Revocations) -> Staff:
    """Wires the staff part. The refresh tokens have a key of their own: a resident's never counts here."""
    staff, sessions = StaffRepository(core.db), StaffSessionRepository(core.db)
    passwords, secrets = Passwords(), TotpSecrets(core.sealer.system("staff-totp"))
    refresh_tokens = RefreshTokens(core.keyring.secret("staff-refresh-tokens"))
    grants = StaffGrants(sessions, StaffTokens(tokens), refresh_tokens)
    return Staff(
        accounts=StaffAccounts(core, staff, sessions, passwords, secrets, revocations),
        sign_in=StaffSignIn(core, staff, passwords, secrets, grants),
        sessions=StaffSessions(core, staff, sessions, grants, revocations),
    )

"""The online scan: from the text of a code to what the desk learns, with four commands to MongoDB.

Signatures, times and window are checked without the database. One aggregate fetches credential, resident,
data key, consents and whatever stands in the way. One transaction then stores the scan, whose `_id` only one
scan of this code can have, and its audit entry; nothing is disclosed before it has committed.
"""

from typing import Final

from backend.core.foundation import Foundation
from backend.identity.viewer import StaffViewer
from backend.onecode.challenges import parse_challenge
from backend.onecode.deciding import Attempt, Deciding
from backend.onecode.requirements import requirements
from backend.onecode.scan_repository import Claim, Found, ScanRepository, guard
from backend.onecode.scans import Medium, ScanAnswer, ScanRequest
from backend.onecode.trust import IssuerKeys
from backend.onecode.wire.code import parse_code
from backend.onecode.wire.credential import parse_credential
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.verifier import VerifiedCode

_TOO_LATE: Final = frozenset({"CODE_PROOF_EXPIRED", "CODE_EXPIRED", "CODE_KEY_RETIRED"})
_SIGNED: Final = _TOO_LATE | {
    "CODE_DOMAIN_NOT_ALLOWED",
    "CODE_PROOF_INVALID",
    "CODE_PROOF_FROM_FUTURE",
    "CODE_CHALLENGE_MISMATCH",
}
"""Refusals of a code whose issuer's signature was good, so that its holder is known and sees the attempt."""


class Scanning:
    """Verifies codes for desks and records every attempt."""

    def __init__(self, core: Foundation, scans: ScanRepository, keys: IssuerKeys, deciding: Deciding) -> None:
        self._core = core
        self._scans = scans
        self._keys = keys
        self._deciding = deciding

    def verify(self, viewer: StaffViewer, request: ScanRequest) -> ScanAnswer:
        """What the desk learns from a code, or why nothing. A code counts once; every attempt is audited.

        The same request of the same member of staff gets the same answer again for 10 minutes, with the
        values as they are then. A refusal keeps no answer. Raises Refusal: BAD_INPUT, PURPOSE_UNKNOWN,
        RATE_LIMITED, IDEMPOTENCY_KEY_REUSED.
        """
        self._core.limits.hit("scan.staff", viewer.staff)
        attempt = Attempt.of(viewer, request, Medium.CODE, self._core.clock.now())
        try:
            code = self._read(attempt)
        except CodeRejected as refusal:
            return self._unread(attempt, refusal)
        claim = attempt.claim(guard(code.handle, code.step, code.nonce))
        return self._deciding.decide(attempt, claim, self._look(attempt, code.handle, claim))

    def _read(self, attempt: Attempt) -> VerifiedCode:
        request = attempt.request
        attempt.require_scope()
        if request.challenge is None and requirements().needs_challenge(request.domain, request.purpose):
            raise CodeRejected("CODE_CHALLENGE_REQUIRED")
        challenge = None if request.challenge is None else parse_challenge(request.challenge)
        domain = Domain.named(request.domain)
        return self._keys.verifier().verify_signatures(request.text, domain=domain, challenge=challenge)

    def _unread(self, attempt: Attempt, refusal: CodeRejected) -> ScanAnswer:
        if refusal.code not in _SIGNED:
            return self._deciding.refuse(attempt, refusal, None)
        handle = parse_credential(parse_code(attempt.request.text).credential).claims.handle
        if refusal.code in _TOO_LATE and (answer := self._retried(attempt, handle)) is not None:
            return answer
        return self._deciding.refuse(attempt, refusal, self._scans.holder(handle))

    def _retried(self, attempt: Attempt, handle: bytes) -> ScanAnswer | None:
        """The answer to a retry that comes when the code's own time is over; None when it is no retry."""
        earlier = self._scans.by_request(attempt.viewer.staff, attempt.request.request)
        found = None if earlier is None else self._look(attempt, handle, None)
        if earlier is None or found is None:
            return None
        return self._deciding.again(attempt, earlier, found)

    def _look(self, attempt: Attempt, handle: bytes, claim: Claim | None) -> Found | None:
        guard_id, challenge = ("", None) if claim is None else (claim.guard, claim.challenge)
        return self._scans.look(handle, guard_id, attempt.fields(), challenge)

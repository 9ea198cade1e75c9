"""What becomes of a genuine code or card at a desk: refused, answered again, or accepted and disclosed."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from backend.core.audit import Actor, Entry
from backend.core.clock import CHINA
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.mongo.client import Session
from backend.identity.models import IdentityStatus
from backend.identity.viewer import StaffViewer
from backend.onecode.attributes import Facts, stored_fields
from backend.onecode.challenges import check_request_id, parse_challenge
from backend.onecode.policies import (
    Attribute,
    DeskScope,
    Disclosure,
    PurposePolicy,
    Withheld,
    disclose,
    find_policy,
)
from backend.onecode.requirements import requirements
from backend.onecode.scan_repository import Claim, EarlierScan, Found, ScanRepository
from backend.onecode.scans import (
    RETRY_FOR,
    Accepted,
    Medium,
    Rejected,
    Scan,
    ScanAnswer,
    ScanPlace,
    ScanRequest,
)
from backend.onecode.wire.errors import CodeRejected


@dataclass(frozen=True, slots=True)
class Attempt:
    """One scan under way: who asks what, under which policy, and when."""

    viewer: StaffViewer
    request: ScanRequest
    policy: PurposePolicy
    medium: Medium
    at: datetime

    @classmethod
    def of(cls, viewer: StaffViewer, request: ScanRequest, medium: Medium, at: datetime) -> "Attempt":
        """An attempt that makes sense; raises Refusal BAD_INPUT or PURPOSE_UNKNOWN."""
        check_request_id(request.request)
        return cls(viewer, request, find_policy(request.domain, request.purpose), medium, at)

    def require_scope(self) -> None:
        """Raises DESK_OUT_OF_SCOPE unless the desk may act for this purpose."""
        if not DeskScope(self.viewer.domains).covers(self.policy.domain, self.policy.purpose):
            raise CodeRejected("DESK_OUT_OF_SCOPE")

    def fields(self) -> frozenset[str]:
        """The fields of the resident's document that the policy may need."""
        return stored_fields(rule.attribute for rule in self.policy.rules)

    def claim(self, guard_id: str) -> Claim:
        """What the scan claims for itself when it is accepted."""
        challenge = self.request.challenge
        parsed = None if challenge is None else parse_challenge(challenge)
        return Claim(guard_id, self.request.request, self.request.digest(), parsed)

    def repeats(self, earlier: EarlierScan) -> bool:
        """Whether the earlier scan answered this request; IDEMPOTENCY_KEY_REUSED for another of its id."""
        if earlier.scan.staff != self.viewer.staff or earlier.request != self.request.request:
            return False
        if earlier.asked != self.request.digest():
            raise Refusal("IDEMPOTENCY_KEY_REUSED")
        return self.at - earlier.scan.at <= RETRY_FOR

    def scan(
        self,
        resident: str,
        *,
        refusal: str | None = None,
        found: Found | None = None,
        disclosed: tuple[Attribute, ...] = (),
        withheld: tuple[tuple[Attribute, Withheld], ...] = (),
    ) -> Scan:
        """The scan as it will be kept."""
        return Scan(
            id=new_id(),
            resident=resident,
            at=self.at,
            staff=self.viewer.staff,
            place=ScanPlace.of(self.viewer),
            medium=self.medium,
            domain=self.policy.domain,
            purpose=self.policy.purpose,
            refusal=refusal,
            level=None if found is None else found.held.level,
            disclosed=disclosed,
            withheld=withheld,
        )


class Deciding:
    """Decides on what was scanned, with its record and its audit entry in one transaction."""

    def __init__(self, core: Foundation, scans: ScanRepository) -> None:
        self._core = core
        self._scans = scans
        self._pair_secret = core.keyring.secret("onecode-pairwise")

    def decide(self, attempt: Attempt, claim: Claim, found: Found | None) -> ScanAnswer:
        """The answer, once what was scanned is known to be genuine."""
        if found is None or found.status is None:
            return self.refuse(attempt, CodeRejected("CODE_UNKNOWN"), None)
        if found.earlier is not None:
            return self.again(attempt, found.earlier, found)
        why_not = _standing(found) or _challenge_fault(attempt, claim, found)
        if why_not is not None:
            return self.refuse(attempt, CodeRejected(why_not), found.resident)
        return self._accept(attempt, claim, found)

    def again(self, attempt: Attempt, earlier: EarlierScan, found: Found) -> ScanAnswer:
        """The first answer for a retry, CODE_REPLAYED for anyone else; nothing is decided afresh."""
        why_not = _standing(found) if attempt.repeats(earlier) else "CODE_REPLAYED"
        facts = self._facts(attempt, found)
        if why_not is not None or facts is None:
            return self.refuse(attempt, CodeRejected(why_not or "RESIDENT_ERASED"), found.resident)
        return self._answer(earlier.scan, facts.values(earlier.scan.disclosed))

    def refuse(self, attempt: Attempt, refusal: CodeRejected, resident: str | None) -> ScanAnswer:
        """Records a refusal: in the audit log always, and among the resident's scans when they are known."""
        if resident is None:
            self._core.audit.append(_refused_entry(attempt, refusal.code), None)
        else:
            scan = attempt.scan(resident, refusal=refusal.code)
            self._scans.record(scan, None, self._auditing(scan))
        return Rejected(refusal.code, refusal.params)

    def _accept(self, attempt: Attempt, claim: Claim, found: Found) -> ScanAnswer:
        facts = self._facts(attempt, found)
        if facts is None:
            return self.refuse(attempt, CodeRejected("RESIDENT_ERASED"), found.resident)
        decision = _disclosure(attempt, found)
        values = facts.values(decision.disclosed)
        missing = ((one, Withheld.NOT_HELD) for one in decision.disclosed if one not in values)
        scan = attempt.scan(
            found.resident,
            found=found,
            disclosed=tuple(values),
            withheld=(*decision.withheld, *missing),
        )
        stored = self._scans.record(scan, claim, self._auditing(scan))
        return self._lost(attempt, claim, found) if stored is None else self._answer(stored, values)

    def _lost(self, attempt: Attempt, claim: Claim, found: Found) -> ScanAnswer:
        """Another scan was quicker: of this code, of this request, or of this challenge."""
        earlier = self._scans.by_guard(claim.guard) or self._scans.by_request(
            attempt.viewer.staff, attempt.request.request
        )
        if earlier is None:
            return self.refuse(attempt, CodeRejected("CODE_CHALLENGE_USED"), found.resident)
        return self.again(attempt, earlier, found)

    def _answer(self, scan: Scan, values: Mapping[Attribute, str]) -> Accepted:
        if scan.level is None:
            raise ValueError("an accepted scan has a level")
        subject = pairwise(self._pair_secret, scan.domain, scan.resident)
        return Accepted(scan, scan.level, subject, tuple(values.items()), scan.withheld)

    def _facts(self, attempt: Attempt, found: Found) -> Facts | None:
        key = self._core.sealer.unwrap(found.resident, found.wrapped_key)
        return None if key is None else Facts(found.stored, key, attempt.at.astimezone(CHINA).date())

    def _auditing(self, scan: Scan) -> Callable[[Session], str]:
        return lambda session: self._core.audit.append(entry_of(scan), session)


def pairwise(secret: bytes, sector: str, resident: str) -> str:
    """The name under which one sector knows a resident: 32 hex digits, of no use to any other sector."""
    return hmac.digest(secret, f"{sector}\0{resident}".encode(), hashlib.sha256)[:16].hex()


def _standing(found: Found) -> str | None:
    if found.status is not IdentityStatus.ACTIVE:
        return "IDENTITY_SUSPENDED"
    return "CODE_REVOKED" if found.revoked else None


def _challenge_fault(attempt: Attempt, claim: Claim, found: Found) -> str | None:
    if claim.challenge is None:
        return None
    shown, policy = found.challenge, attempt.policy
    if shown is None or (shown.staff, shown.domain, shown.purpose) != (
        attempt.viewer.staff,
        policy.domain,
        policy.purpose,
    ):
        return "CODE_CHALLENGE_UNKNOWN"
    return "CODE_CHALLENGE_EXPIRED" if attempt.at >= shown.expires_at else None


def _disclosure(attempt: Attempt, found: Found) -> Disclosure:
    policy = attempt.policy
    decision = disclose(policy.domain, policy.purpose, DeskScope(attempt.viewer.domains), found.consents)
    if attempt.medium is Medium.CODE:
        return decision
    allowed = requirements().card_attributes
    kept = tuple(one for one in decision.disclosed if one in allowed)
    beyond = ((one, Withheld.NOT_BY_CARD) for one in decision.disclosed if one not in allowed)
    return Disclosure(kept, (*decision.withheld, *beyond))


def entry_of(scan: Scan) -> Entry:
    """The audit entry of a scan: names and reasons, no values."""
    return Entry(
        action=f"onecode.scan.{'accepted' if scan.accepted else 'refused'}",
        actor=Actor("staff", scan.staff),
        subject=scan.resident,
        outcome="ok" if scan.accepted else "refused",
        code=scan.refusal,
        purpose=scan.purpose,
        domain=scan.domain,
        place=scan.place.known(),
        reference=scan.id,
        detail={
            "medium": scan.medium,
            "disclosed": list(scan.disclosed),
            "withheld": [f"{one}:{why}" for one, why in scan.withheld],
        }
        | ({} if scan.level is None else {"level": scan.level.name}),
    )


def _refused_entry(attempt: Attempt, code: str) -> Entry:
    return Entry(
        action="onecode.scan.refused",
        actor=Actor("staff", attempt.viewer.staff),
        outcome="refused",
        code=code,
        purpose=attempt.policy.purpose,
        domain=attempt.policy.domain,
        place=ScanPlace.of(attempt.viewer).known(),
        detail={"medium": attempt.medium},
    )

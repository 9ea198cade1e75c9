"""The one code in the residents' schema: showing it, scanning it at a desk, and who scanned me."""

import base64
from datetime import datetime
from typing import Annotated

import strawberry

from backend.core.audit.proof import Proof
from backend.core.errors import Locale, message
from backend.core.paging import PageRequest
from backend.identity.models import Assurance
from backend.onecode import challenges, models, scans
from backend.onecode.policies import Attribute, Withheld, attribute_titles, find_policy
from backend.onecode.showing import draw_svg
from graphql_schema.resident.base import Connection, Info, Refused, mutation, query, resident, staff

strawberry.enum(Attribute, name="DisclosedAttribute", description="One thing that a desk can learn.")
strawberry.enum(scans.Medium, name="ScanMedium", description="What was scanned.")


def _drawn(root: "MyCode") -> str:
    return draw_svg(root.shown.text)


@strawberry.type(description="A code to show. It is a bearer's for a few seconds only: never store it.")
class MyCode:
    """The code of this 15-second step."""

    shown: strawberry.Private[models.ShownCode]
    text: str = strawberry.field(description="The payload for a QR symbol in alphanumeric mode.")
    expires_at: datetime = strawberry.field(description="When desks stop taking it.")
    refresh_seconds: int = strawberry.field(description="Seconds until a new code is due.")
    domains: list[str] = strawberry.field(description="The service domains that it may be shown in.")
    level: str = strawberry.field(description="What a scan of it proves: L1, as the service signed it.")
    server_time: datetime

    svg: str = strawberry.field(
        resolver=_drawn, description="The code as an SVG image of any size, drawn only when asked for."
    )

    @classmethod
    def of(cls, shown: models.ShownCode) -> "MyCode":
        """The code as a client sees it."""
        return cls(
            shown=shown,
            text=shown.text,
            expires_at=shown.expires_at,
            refresh_seconds=shown.refresh_seconds,
            domains=list(shown.domains),
            level=shown.level.name,
            server_time=shown.server_time,
        )


@strawberry.type(description="Signed credentials for the keys of a device, in their order.")
class CredentialBatch:
    """What a device keeps to sign codes with, without a network."""

    credentials: list[str] = strawberry.field(description="COSE_Sign1 credentials in base64url.")
    domains: list[str]
    issued_at: datetime
    expires_at: datetime
    server_time_ms: str = strawberry.field(
        description="Milliseconds since 1970 in UTC, to set the device's 15-second steps by."
    )

    @classmethod
    def of(cls, batch: models.CredentialBatch, now: datetime) -> "CredentialBatch":
        """The batch as a client sees it."""
        return cls(
            credentials=[_base64url(one) for one in batch.credentials],
            domains=list(batch.domains),
            issued_at=batch.issued_at,
            expires_at=batch.expires_at,
            server_time_ms=str(round(now.timestamp() * 1000)),
        )


@strawberry.type(description="An attribute that a desk was told.")
class DisclosedValue:
    """One attribute in clear."""

    attribute: Attribute
    title: str
    value: str = strawberry.field(description="Text; `true` or `false` for a yes or no; codes as registered.")


@strawberry.type(description="An attribute that a desk was not told, and why.")
class WithheldAttribute:
    """One attribute that stayed with the resident."""

    attribute: Attribute
    title: str
    reason: str = strawberry.field(description="A stable code.")
    message: str

    @classmethod
    def of(cls, attribute: Attribute, reason: Withheld, locale: Locale) -> "WithheldAttribute":
        """The reason in the caller's language."""
        return cls(
            attribute=attribute,
            title=attribute_titles()[attribute][locale],
            reason=reason,
            message=message(reason, locale),
        )


@strawberry.type(description="The code is good. This is all that the desk learns.")
class CodeAccepted:
    """The answer to an accepted scan."""

    scan: strawberry.ID
    at: datetime
    level: str = strawberry.field(
        description="L2: the holder's device signed. L1: the service signed, or a card."
    )
    subject: str = strawberry.field(description="The resident's pairwise name in this domain, 32 hex digits.")
    disclosed: list[DisclosedValue]
    withheld: list[WithheldAttribute]

    @classmethod
    def of(cls, answer: scans.Accepted, locale: Locale) -> "CodeAccepted":
        """The answer in the caller's language."""
        titles = attribute_titles()
        return cls(
            scan=strawberry.ID(answer.scan.id),
            at=answer.scan.at,
            level=answer.level.name,
            subject=answer.subject,
            disclosed=[
                DisclosedValue(attribute=one, title=titles[one][locale], value=value)
                for one, value in answer.values
            ],
            withheld=[WithheldAttribute.of(one, why, locale) for one, why in answer.withheld],
        )


@strawberry.type(description="The code is not good, and nothing was disclosed. `code` is stable.")
class CodeRejected:
    """The answer to a refused scan."""

    code: str
    message: str

    @classmethod
    def of(cls, answer: scans.Rejected, locale: Locale) -> "CodeRejected":
        """The reason in the caller's language."""
        return cls(code=answer.code, message=message(answer.code, locale, answer.params))


@strawberry.type(description="A challenge for a desk to show; one scan, within two minutes.")
class ScanChallenge:
    """What the holder's phone signs in place of a nonce."""

    challenge: str = strawberry.field(description="Random bytes in hex, to be signed in place of the nonce.")
    expires_at: datetime

    @classmethod
    def of(cls, shown: challenges.ShownChallenge) -> "ScanChallenge":
        """The challenge as a client sees it."""
        return cls(challenge=shown.challenge, expires_at=shown.expires_at)


@strawberry.type(description="One attempt at the resident's code or card, accepted or refused.")
class CodeScan:
    """Who scanned me."""

    id: strawberry.ID
    at: datetime
    medium: scans.Medium
    accepted: bool
    city: str | None = strawberry.field(description="Six-digit division code of the desk's city.")
    department: str | None
    desk: str | None
    domain: str
    purpose: str
    purpose_title: str
    level: str | None
    disclosed: list[Attribute]
    withheld: list[WithheldAttribute]
    refusal: str | None = strawberry.field(description="A stable code when it was refused.")
    refusal_message: str | None
    audit_entry: strawberry.ID = strawberry.field(description="Its entry in the audit log.")

    @classmethod
    def of(cls, scan: scans.Scan, locale: Locale) -> "CodeScan":
        """The scan in the resident's language."""
        return cls(
            id=strawberry.ID(scan.id),
            at=scan.at,
            medium=scan.medium,
            accepted=scan.accepted,
            city=scan.place.city,
            department=scan.place.department,
            desk=scan.place.desk,
            domain=scan.domain,
            purpose=scan.purpose,
            purpose_title=find_policy(scan.domain, scan.purpose).titles[locale],
            level=None if scan.level is None else scan.level.name,
            disclosed=list(scan.disclosed),
            withheld=[WithheldAttribute.of(one, why, locale) for one, why in scan.withheld],
            refusal=scan.refusal,
            refusal_message=None if scan.refusal is None else message(scan.refusal, locale),
            audit_entry=strawberry.ID(scan.audit),
        )


@strawberry.type(description="Proof that an entry stands in the audit log, for anyone to check.")
class AuditProof:
    """An inclusion proof (RFC 6962 §2.1.1) with the signed root that it leads to."""

    sequence: int = strawberry.field(description="The entry's place in the log, from 0.")
    text: str = strawberry.field(description="C2SP tlog-proof: entry, path and signed checkpoint.")

    @classmethod
    def of(cls, proof: Proof) -> "AuditProof":
        """The proof as text."""
        return cls(sequence=proof.seq, text=proof.text())


IssueCredentialsResult = Annotated[CredentialBatch | Refused, strawberry.union("IssueCredentialsResult")]
VerifyCodeResult = Annotated[CodeAccepted | CodeRejected | Refused, strawberry.union("VerifyCodeResult")]
CreateChallengeResult = Annotated[ScanChallenge | Refused, strawberry.union("CreateChallengeResult")]


@strawberry.type
class OneCodeQuery:
    """What residents ask about their code."""

    @query(
        resident(),
        description="The code to show now, signed by the service; ask again after `refreshSeconds`.",
    )
    def my_code(self, info: Info, domain: str | None = None, challenge: str | None = None) -> MyCode:
        """The code of this step; `challenge` is one that a desk shows."""
        showing = info.context.services.onecode.showing
        return MyCode.of(showing.current(info.context.resident, domain, challenge))

    @query(resident(), description="Who scanned the resident's code or card, newest first.")
    def code_scans(self, info: Info, first: int, after: str | None = None) -> Connection[CodeScan]:
        """A page of scans, accepted and refused."""
        history, locale = info.context.services.onecode.history, info.context.locale
        page = history.page(info.context.resident, PageRequest.of(first, after))
        return Connection.of(page.map(lambda scan: CodeScan.of(scan, locale)))

    @query(resident(), description="Proof that a scan stands in the audit log as it happened.")
    def code_scan_proof(self, info: Info, scan: strawberry.ID) -> AuditProof:
        """The proof of a scan of the resident's own."""
        found = info.context.services.onecode.history.one(info.context.resident, scan)
        return AuditProof.of(info.context.services.audit_proofs.proof_for(found.audit))


@strawberry.type
class OneCodeMutation:
    """What devices and desks do with the code."""

    @mutation(
        resident(Assurance.L2),
        description="Credentials for up to 16 new P-256 keys of the session's device, to sign codes offline.",
    )
    def issue_credentials(
        self, info: Info, public_keys: list[str], idempotency_key: str, domain: str | None = None
    ) -> IssueCredentialsResult:
        """The batch; `publicKeys` are SEC 1 points in base64url."""
        services = info.context.services
        batch = services.onecode.issuing.issue_batch(
            info.context.resident, public_keys, domain, idempotency_key
        )
        return CredentialBatch.of(batch, services.foundation.clock.now())

    @mutation(
        staff("verifier"),
        description="Verifies a code that a desk has scanned. A code counts once; "
        "a retry with the same request id gets the same answer.",
    )
    def verify_code(
        self,
        info: Info,
        code: str,
        domain: str,
        purpose: str,
        request_id: str,
        challenge: str | None = None,
    ) -> VerifyCodeResult:
        """What the desk learns, or why it learns nothing."""
        request = scans.ScanRequest(code, domain, purpose, request_id, challenge)
        return scan_result(
            info.context.services.onecode.scanning.verify(info.context.staff, request), info.context.locale
        )

    @mutation(staff("verifier"), description="A challenge for a high-value purpose, for the phone to sign.")
    def create_challenge(
        self, info: Info, domain: str, purpose: str, request_id: str
    ) -> CreateChallengeResult:
        """The challenge, bound to this member of staff and purpose."""
        maker = info.context.services.onecode.challenges
        return ScanChallenge.of(maker.create(info.context.staff, domain, purpose, request_id))


def scan_result(answer: scans.ScanAnswer, locale: Locale) -> CodeAccepted | CodeRejected:
    """The member of the union for a scan's answer."""
    if isinstance(answer, scans.Accepted):
        return CodeAccepted.of(answer, locale)
    return CodeRejected.of(answer, locale)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

"""Coming in: one-time codes, sign-in, registration, renewal, sign-out."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.identity.login.models import CodePurpose
from backend.identity.login.phone import Outcome
from backend.identity.login.proofs import ProofGiven
from backend.identity.login.registration import RegistrationRequest
from backend.identity.models import Assurance
from backend.identity.sessions.models import SignedIn as SignedInModel
from graphql_schema.resident.base import ANYONE, Info, Refused, mutation, resident
from graphql_schema.resident.identity_types import ClientInput, RegistrationNeeded, SignedIn


@strawberry.type(description="A code is on its way if the number may receive one; nothing tells which.")
class PhoneCodeRequested:
    """The challenge that the code answers."""

    challenge: strawberry.ID
    expires_at: datetime
    ask_again_at: datetime


@strawberry.type(description="The session that ended.")
class SessionEnded:
    """What a sign-out or a revocation says."""

    session: strawberry.ID


@strawberry.type(description="The mobile number was changed.")
class MobileChanged:
    """Whose number it is now."""

    resident: strawberry.ID


@strawberry.input(description="How the mobile number is proven: by `challenge` and `code`, or by a `ticket`.")
class MobileProofInput:
    """A one-time code answered now, or the ticket of `signInWithPhone`."""

    challenge: str | None = None
    code: str | None = None
    ticket: str | None = None


@strawberry.input(description="Who somebody says they are, and how it is proven.")
class RegisterInput:
    """Name and identity number as on the document."""

    name: str
    id_number: str
    mobile: MobileProofInput
    wechat_ticket: str | None = strawberry.field(
        default=None, description="Ticket of `signInWithWechat`, to link that account."
    )
    face_check: str | None = strawberry.field(
        default=None,
        description="A passed check of `startFaceCheckByName`; wanted after FACE_CHECK_REQUIRED.",
    )
    division: str | None = strawberry.field(
        default=None, description="Six-digit code of where they live; else the number hints at it."
    )

    def of(self) -> RegistrationRequest:
        """The service's form of the input."""
        proof = ProofGiven(self.mobile.challenge, self.mobile.code, self.mobile.ticket)
        return RegistrationRequest(
            self.name, self.id_number, proof, self.wechat_ticket, self.face_check, self.division
        )


RequestPhoneCodeResult = Annotated[PhoneCodeRequested | Refused, strawberry.union("RequestPhoneCodeResult")]
SignInWithPhoneResult = Annotated[
    SignedIn | RegistrationNeeded | Refused, strawberry.union("SignInWithPhoneResult")
]
SignInWithWechatResult = Annotated[
    SignedIn | RegistrationNeeded | Refused, strawberry.union("SignInWithWechatResult")
]
RegisterResult = Annotated[SignedIn | Refused, strawberry.union("RegisterResult")]
RefreshSessionResult = Annotated[SignedIn | Refused, strawberry.union("RefreshSessionResult")]
SignOutResult = Annotated[SessionEnded | Refused, strawberry.union("SignOutResult")]
RevokeSessionResult = Annotated[SessionEnded | Refused, strawberry.union("RevokeSessionResult")]
ChangeMobileResult = Annotated[MobileChanged | Refused, strawberry.union("ChangeMobileResult")]


@strawberry.type
class SignInMutation:
    """Opening, renewing and ending a resident's session."""

    @mutation(ANYONE, description="Sends a six-digit code to a mobile number; it counts for 5 minutes.")
    def request_phone_code(
        self, info: Info, mobile: str, purpose: CodePurpose, client: ClientInput, idempotency_key: str
    ) -> RequestPhoneCodeResult:
        """The challenge that the code answers."""
        codes = info.context.services.identity.codes
        requested = codes.request(mobile, purpose, client.of(info.context), idempotency_key)
        return PhoneCodeRequested(
            challenge=strawberry.ID(requested.challenge),
            expires_at=requested.expires_at,
            ask_again_at=requested.ask_again_at,
        )

    @mutation(ANYONE, description="Signs in with a one-time code.")
    def sign_in_with_phone(
        self, info: Info, challenge: strawberry.ID, code: str, client: ClientInput, idempotency_key: str
    ) -> SignInWithPhoneResult:
        """A session, or a ticket for `register`."""
        phone = info.context.services.identity.phone
        return _entered(phone.sign_in(challenge, code, client.of(info.context), idempotency_key))

    @mutation(ANYONE, description="Signs in with the code of `wx.login`.")
    def sign_in_with_wechat(
        self, info: Info, js_code: str, client: ClientInput, idempotency_key: str
    ) -> SignInWithWechatResult:
        """A session, or a ticket for `register`."""
        wechat = info.context.services.identity.wechat
        return _entered(wechat.sign_in(js_code, client.of(info.context), idempotency_key))

    @mutation(ANYONE, description="Registers by real name, or enters the identity that is there already.")
    def register(
        self,
        info: Info,
        input: RegisterInput,  # noqa: A002 - the schema's customary name.
        client: ClientInput,
        idempotency_key: str,
    ) -> RegisterResult:
        """A session of the resident."""
        registration = info.context.services.identity.registration
        return SignedIn.of(registration.register(input.of(), client.of(info.context), idempotency_key))

    @mutation(ANYONE, description="New tokens for a refresh token, which is used up.")
    def refresh_session(
        self, info: Info, refresh_token: str, client: ClientInput, idempotency_key: str
    ) -> RefreshSessionResult:
        """The session, renewed."""
        refresh = info.context.services.identity.refresh
        return SignedIn.of(refresh.refresh(refresh_token, client.of(info.context), idempotency_key))

    @mutation(resident(), description="Ends this session and its tokens at once.")
    def sign_out(self, info: Info, idempotency_key: str) -> SignOutResult:
        """The session that ended."""
        sessions = info.context.services.identity.sessions
        return SessionEnded(session=strawberry.ID(sessions.sign_out(info.context.resident, idempotency_key)))

    @mutation(resident(), description="Ends another session of the viewer's.")
    def revoke_session(self, info: Info, session: strawberry.ID, idempotency_key: str) -> RevokeSessionResult:
        """The session that ended."""
        sessions = info.context.services.identity.sessions
        ended = sessions.revoke(info.context.resident, session, idempotency_key)
        return SessionEnded(session=strawberry.ID(ended))

    @mutation(resident(Assurance.L2), description="Makes the number that answered the code the viewer's.")
    def change_mobile(
        self, info: Info, challenge: strawberry.ID, code: str, client: ClientInput, idempotency_key: str
    ) -> ChangeMobileResult:
        """Whose number it is now."""
        mobiles, context = info.context.services.identity.mobiles, info.context
        changed = mobiles.change(context.resident, challenge, code, client.of(context), idempotency_key)
        return MobileChanged(resident=strawberry.ID(changed))


def _entered(outcome: Outcome) -> SignedIn | RegistrationNeeded:
    if isinstance(outcome, SignedInModel):
        return SignedIn.of(outcome)
    return RegistrationNeeded.of(outcome)

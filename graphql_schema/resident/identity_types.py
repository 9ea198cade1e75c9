"""What identity looks like in the residents' schema."""

from datetime import datetime

import strawberry

from backend.core.resident_id import IdKind, Sex
from backend.identity import models
from backend.identity.client import Client
from backend.identity.devices.models import Device as DeviceModel
from backend.identity.login.models import CodePurpose
from backend.identity.login.models import RegistrationNeeded as RegistrationNeededModel
from backend.identity.masking import mask_id_number, mask_mobile
from backend.identity.sessions.models import AccessGrant as AccessGrantModel
from backend.identity.sessions.models import ResidentSession
from backend.identity.sessions.models import SignedIn as SignedInModel
from backend.identity.suspension import StatusChanged, SuspensionReason
from graphql_schema.resident.base import Context

strawberry.enum(models.Assurance, description="L1 phone or WeChat, L2 device key, L3 face within 5 minutes.")
strawberry.enum(models.IdentityStatus, description="Whether an identity may be used.")
strawberry.enum(models.Entry, name="ClientKind", description="What kind of client the resident uses.")
strawberry.enum(IdKind, description="Which document an identity number belongs to.")
strawberry.enum(Sex, description="Sex as the identity number says it.")
strawberry.enum(CodePurpose, name="PhoneCodePurpose", description="What a one-time code may be used for.")
strawberry.enum(SuspensionReason, description="Why an identity was suspended or restored.")


@strawberry.input(description="The client that calls: what it is, and the id of this installation.")
class ClientInput:
    """`installation` is random, made and kept by the client; it proves nothing."""

    kind: models.Entry
    installation: str = strawberry.field(description="16 to 64 characters, the same for every call.")
    label: str | None = strawberry.field(
        default=None, description="What the resident calls it in the list of sessions."
    )

    def of(self, context: Context) -> Client:
        """The client with the address that the request came from."""
        label = self.label if self.label is not None else context.user_agent
        return Client.of(self.kind, self.installation, context.address, label)


@strawberry.type(description="A registered person.")
class Resident:
    """The resident as they see themselves; numbers are masked, erased texts null."""

    id: strawberry.ID
    name: str | None
    id_kind: IdKind
    id_number_masked: str | None
    mobile_masked: str | None
    sex: Sex | None
    birth_year: int
    city: str | None = strawberry.field(description="Six-digit division code of where they live.")
    district: str | None
    insured_city: str | None = strawberry.field(description="Where the medical insurance is kept (参保地).")
    status: models.IdentityStatus
    registered_at: datetime
    assurance: models.Assurance = strawberry.field(description="What this request's token has proven.")

    @classmethod
    def of(cls, resident: models.Resident, person: models.Person, assurance: models.Assurance) -> "Resident":
        """The resident with what could be opened of them."""
        number, mobile = person.id_number, person.mobile
        return cls(
            id=strawberry.ID(resident.id),
            name=person.name,
            id_kind=resident.kind,
            id_number_masked=None if number is None else mask_id_number(number),
            mobile_masked=None if mobile is None else mask_mobile(mobile),
            sex=resident.sex,
            birth_year=resident.birth_year,
            city=resident.city,
            district=resident.district,
            insured_city=resident.insured_city,
            status=resident.status,
            registered_at=resident.registered_at,
            assurance=assurance,
        )


@strawberry.type(description="One sign-in on one client.")
class Session:
    """A live session of the viewer."""

    id: strawberry.ID
    kind: models.Entry
    label: str
    device: strawberry.ID | None
    opened_at: datetime
    last_used_at: datetime
    current: bool = strawberry.field(description="Whether this request belongs to it.")

    @classmethod
    def of(cls, session: ResidentSession, current: str) -> "Session":
        """The session, marked when it is the caller's own."""
        return cls(
            id=strawberry.ID(session.id),
            kind=session.entry,
            label=session.label,
            device=None if session.device is None else strawberry.ID(session.device),
            opened_at=session.opened_at,
            last_used_at=session.last_used_at,
            current=session.id == current,
        )


@strawberry.type(description="A device that holds a key of the resident's.")
class Device:
    """A registered device of the viewer."""

    id: strawberry.ID
    name: str
    thumbprint: str = strawberry.field(description="RFC 7638 SHA-256 thumbprint of its P-256 key.")
    registered_at: datetime
    current: bool = strawberry.field(description="Whether this request's session is bound to it.")

    @classmethod
    def of(cls, device: DeviceModel, current: str | None) -> "Device":
        """The device, marked when it is the caller's own."""
        return cls(
            id=strawberry.ID(device.id),
            name=device.name,
            thumbprint=device.thumbprint,
            registered_at=device.registered_at,
            current=device.id == current,
        )


@strawberry.type(description="Tokens of a session. The refresh token counts once.")
class SignedIn:
    """What a sign-in or a renewal gives the client."""

    resident: strawberry.ID
    session: strawberry.ID
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    assurance: models.Assurance

    @classmethod
    def of(cls, signed_in: SignedInModel) -> "SignedIn":
        """The tokens as the service issued them."""
        return cls(
            resident=strawberry.ID(signed_in.resident),
            session=strawberry.ID(signed_in.session),
            access_token=signed_in.access_token,
            access_expires_at=signed_in.access_expires_at,
            refresh_token=signed_in.refresh_token,
            refresh_expires_at=signed_in.refresh_expires_at,
            assurance=signed_in.assurance,
        )


@strawberry.type(description="What was proven leads to no resident yet: register with this ticket.")
class RegistrationNeeded:
    """A proof on its way to `register`."""

    ticket: str
    expires_at: datetime

    @classmethod
    def of(cls, needed: RegistrationNeededModel) -> "RegistrationNeeded":
        """The ticket as the service issued it."""
        return cls(ticket=needed.ticket, expires_at=needed.expires_at)


@strawberry.type(description="An access token of the same session at another level.")
class AccessGrant:
    """What a step-up gives the client; the refresh token stays as it is."""

    access_token: str
    access_expires_at: datetime
    assurance: models.Assurance

    @classmethod
    def of(cls, grant: AccessGrantModel) -> "AccessGrant":
        """The token as the service issued it."""
        return cls(
            access_token=grant.access_token,
            access_expires_at=grant.expires_at,
            assurance=grant.assurance,
        )


@strawberry.type(description="An identity's new status.")
class IdentityStatusChanged:
    """What a suspension or a restoration says."""

    resident: strawberry.ID
    status: models.IdentityStatus
    at: datetime

    @classmethod
    def of(cls, changed: StatusChanged) -> "IdentityStatusChanged":
        """The change as the service made it."""
        return cls(resident=strawberry.ID(changed.resident), status=changed.status, at=changed.at)

"""Devices, and the ways to a higher level of assurance."""

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_schema.resident.base import ANYONE, Info, Refused, mutation, resident
from graphql_schema.resident.identity_types import AccessGrant, ClientInput, Device


@strawberry.type(description="What a device signs to prove that it holds its key.")
class DeviceChallengeGiven:
    """A challenge for this session: once, within 5 minutes."""

    challenge: str
    expires_at: datetime


@strawberry.type(description="The new device, and an access token at L2.")
class DeviceRegistered:
    """A device whose key was proven just now."""

    device: Device
    grant: AccessGrant


@strawberry.type(description="The device that no longer counts; its sessions ended.")
class DeviceRevoked:
    """What the revocation of a device says."""

    device: strawberry.ID


@strawberry.type(description="Open `url` on the person's phone, then complete the check.")
class FaceCheckStarted:
    """A face check under way; `check` is a secret of the caller's."""

    check: str
    url: str
    expires_at: datetime


@strawberry.input(description="A P-256 public key as JWK coordinates (RFC 7518 §6.2.1), base64url.")
class DeviceKeyInput:
    """The coordinates of a point."""

    x: str
    y: str


RequestDeviceChallengeResult = Annotated[
    DeviceChallengeGiven | Refused, strawberry.union("RequestDeviceChallengeResult")
]
RegisterDeviceResult = Annotated[DeviceRegistered | Refused, strawberry.union("RegisterDeviceResult")]
StepUpWithDeviceResult = Annotated[AccessGrant | Refused, strawberry.union("StepUpWithDeviceResult")]
RevokeDeviceResult = Annotated[DeviceRevoked | Refused, strawberry.union("RevokeDeviceResult")]
StartFaceCheckResult = Annotated[FaceCheckStarted | Refused, strawberry.union("StartFaceCheckResult")]
StartFaceCheckByNameResult = Annotated[
    FaceCheckStarted | Refused, strawberry.union("StartFaceCheckByNameResult")
]
CompleteFaceCheckResult = Annotated[AccessGrant | Refused, strawberry.union("CompleteFaceCheckResult")]


@strawberry.type
class AssuranceMutation:
    """Device keys and face checks."""

    @mutation(resident(), description="A challenge for a device of this session to sign.")
    def request_device_challenge(self, info: Info, idempotency_key: str) -> RequestDeviceChallengeResult:
        """The challenge."""
        devices = info.context.services.identity.devices
        given = devices.challenge(info.context.resident, idempotency_key)
        return DeviceChallengeGiven(challenge=given.challenge, expires_at=given.expires_at)

    @mutation(
        resident(),
        description="Registers a device. `signature` is base64url of r‖s over the UTF-8 text "
        "`tongyu-device-registration:{challenge}:{thumbprint}` with ES256.",
    )
    def register_device(
        self,
        info: Info,
        challenge: str,
        key: DeviceKeyInput,
        signature: str,
        name: str,
        idempotency_key: str,
    ) -> RegisterDeviceResult:
        """The device, and a token at L2."""
        devices, viewer = info.context.services.identity.devices, info.context.resident
        registered = devices.register(
            viewer, challenge, (key.x, key.y), signature, name=name, key=idempotency_key
        )
        return DeviceRegistered(
            device=Device.of(registered.device, registered.device.id),
            grant=AccessGrant.of(registered.grant),
        )

    @mutation(
        resident(),
        description="Raises the session to L2. `signature` is base64url of r‖s over the UTF-8 text "
        "`tongyu-step-up:{challenge}:{device}` with ES256.",
    )
    def step_up_with_device(
        self, info: Info, challenge: str, signature: str, idempotency_key: str
    ) -> StepUpWithDeviceResult:
        """A token at L2."""
        devices = info.context.services.identity.devices
        return AccessGrant.of(devices.step_up(info.context.resident, challenge, signature, idempotency_key))

    @mutation(resident(), description="Ends a device of the viewer's and every session on it.")
    def revoke_device(self, info: Info, device: strawberry.ID, idempotency_key: str) -> RevokeDeviceResult:
        """The device that no longer counts."""
        devices = info.context.services.identity.devices
        revoked = devices.revoke(info.context.resident, device, idempotency_key)
        return DeviceRevoked(device=strawberry.ID(revoked))

    @mutation(resident(), description="Opens a face check of the viewer.")
    def start_face_check(self, info: Info, idempotency_key: str) -> StartFaceCheckResult:
        """Where to show the face."""
        started = info.context.services.identity.faces.start(info.context.resident, idempotency_key)
        return FaceCheckStarted(check=started.check, url=started.url, expires_at=started.expires_at)

    @mutation(ANYONE, description="Opens a face check of somebody without a session.")
    def start_face_check_by_name(
        self, info: Info, name: str, id_number: str, client: ClientInput, idempotency_key: str
    ) -> StartFaceCheckByNameResult:
        """Where to show the face; the check serves `register` and `restoreIdentity`."""
        faces = info.context.services.identity.faces
        started = faces.start_by_name(name, id_number, client.of(info.context), idempotency_key)
        return FaceCheckStarted(check=started.check, url=started.url, expires_at=started.expires_at)

    @mutation(resident(), description="Raises the session to L3 for 5 minutes once the face was recognised.")
    def complete_face_check(self, info: Info, check: str, idempotency_key: str) -> CompleteFaceCheckResult:
        """A token at L3."""
        faces = info.context.services.identity.faces
        return AccessGrant.of(faces.complete(info.context.resident, check, idempotency_key))

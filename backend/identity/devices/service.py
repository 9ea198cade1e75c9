"""Registering, listing and revoking devices, and raising a session to L2 with a device's key."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id, new_secret
from backend.core.mongo.client import Session
from backend.core.paging import Page, PageRequest
from backend.identity.client import plain
from backend.identity.commands import Command, Commands
from backend.identity.devices import keys
from backend.identity.devices.models import (
    CHALLENGE_LIFE,
    MAX_DEVICES,
    Device,
    DeviceChallenge,
    DeviceRegistered,
)
from backend.identity.devices.repository import DeviceRepository, ThumbprintTaken
from backend.identity.models import Assurance
from backend.identity.repository import ResidentRepository
from backend.identity.sessions.ending import SessionEnding
from backend.identity.sessions.models import AccessGrant
from backend.identity.sessions.repository import SessionRepository
from backend.identity.sessions.tokens import ResidentTokens
from backend.identity.viewer import ResidentViewer

OnDeviceRevoked = Callable[[str, str, datetime, Session], None]
"""Called with resident, device, time and transaction when a device stops counting."""

_CHALLENGE = TypeAdapter(DeviceChallenge)
_REGISTERED = TypeAdapter(DeviceRegistered)
_GRANT = TypeAdapter(AccessGrant)
_ID = TypeAdapter(str)
_SIGN_IN_IS_FRESH: Final = timedelta(minutes=15)
_LONGEST_NAME: Final = 60


class DeviceService:
    """What residents do with their devices."""

    def __init__(
        self,
        core: Foundation,
        residents: ResidentRepository,
        devices: DeviceRepository,
        sessions: SessionRepository,
        tokens: ResidentTokens,
        ending: SessionEnding,
        on_revoked: tuple[OnDeviceRevoked, ...],
    ) -> None:
        self._core = core
        self._residents = residents
        self._devices = devices
        self._sessions = sessions
        self._tokens = tokens
        self._ending = ending
        self._on_revoked = on_revoked
        self._commands = Commands(core.idempotency)

    def list(self, viewer: ResidentViewer, page: PageRequest) -> Page[Device]:
        """The viewer's devices, newest first: one find."""
        return self._devices.page(viewer.resident, page)

    def challenge(self, viewer: ResidentViewer, key: str) -> DeviceChallenge:
        """A challenge for a device of this session to sign."""
        command = Command(viewer.resident, key, "identity.device.challenge", {"session": viewer.session})

        def work(session: Session) -> DeviceChallenge:
            given = DeviceChallenge(new_secret(), self._core.clock.now() + CHALLENGE_LIFE)
            self._devices.insert_challenge(given.challenge, viewer.session, given.expires_at, session)
            self._core.audit.append(_entry("identity.device.challenged", viewer, viewer.session), session)
            return given

        return self._commands.once(command, _CHALLENGE, work)

    def register(
        self,
        viewer: ResidentViewer,
        challenge: str,
        key_point: tuple[str, str],
        signature: str,
        *,
        name: str,
        key: str,
    ) -> DeviceRegistered:
        """Registers the device that signed `registration_text` with key (x, y); binds the session to it.

        A stolen old token must not be enough, so the sign-in may be 15 minutes old at most, or the level
        L2. Raises Refusal: SIGN_IN_AGAIN, DEVICE_KEY_INVALID, DEVICE_KEY_TAKEN, DEVICE_PROOF_INVALID,
        TOO_MANY_DEVICES, SESSION_ENDED.
        """
        now = self._core.clock.now()
        if viewer.assurance < Assurance.L2 and now - viewer.auth_time > _SIGN_IN_IS_FRESH:
            raise Refusal("SIGN_IN_AGAIN")
        jwk = keys.device_jwk(*key_point)
        thumbprint = keys.thumbprint(jwk)
        keys.verify(jwk, signature, keys.registration_text(challenge, thumbprint))
        device = Device(new_id(), viewer.resident, plain(name, _LONGEST_NAME), jwk, thumbprint, now)
        request = {"challenge": challenge, "thumbprint": thumbprint}
        command = Command(viewer.resident, key, "identity.device.register", request)
        return self._commands.once(
            command, _REGISTERED, lambda session: self._add(viewer, challenge, device, session)
        )

    def step_up(self, viewer: ResidentViewer, challenge: str, signature: str, key: str) -> AccessGrant:
        """An access token at L2 for a session whose registered device signed `step_up_text`.

        Raises Refusal: DEVICE_NOT_REGISTERED, DEVICE_PROOF_INVALID.
        """
        command = Command(
            viewer.resident, key, "identity.device.step_up", {"challenge": challenge, "signature": signature}
        )
        return self._commands.once(
            command, _GRANT, lambda session: self._lift(viewer, challenge, signature, session)
        )

    def revoke(self, viewer: ResidentViewer, device: str, key: str) -> str:
        """Ends a device of the viewer and every session on it; NOT_FOUND when it isn't theirs."""
        command = Command(viewer.resident, key, "identity.device.revoke", {"device": device})
        return self._commands.once(command, _ID, lambda session: self._end(viewer, device, session))

    def _add(
        self, viewer: ResidentViewer, challenge: str, device: Device, session: Session
    ) -> DeviceRegistered:
        self._consume(viewer, challenge, session)
        # One registration of a resident at a time: two that count in snapshots of their own would both fit.
        if not self._residents.hold_active(viewer.resident, session):
            raise Refusal("IDENTITY_SUSPENDED")
        if self._devices.count(viewer.resident, MAX_DEVICES, session) >= MAX_DEVICES:
            raise Refusal("TOO_MANY_DEVICES", limit=MAX_DEVICES)
        if not self._sessions.bind_device(viewer.session, viewer.resident, device.id, session):
            raise Refusal("SESSION_ENDED")
        try:
            self._devices.insert(device, session)
        except ThumbprintTaken:
            raise Refusal("DEVICE_KEY_TAKEN") from None
        self._core.audit.append(_entry("identity.device.registered", viewer, device.id), session)
        return DeviceRegistered(device, self._grant(viewer, device.id))

    def _lift(self, viewer: ResidentViewer, challenge: str, signature: str, session: Session) -> AccessGrant:
        found = None if viewer.device is None else self._devices.find(viewer.resident, viewer.device, session)
        if found is None:
            raise Refusal("DEVICE_NOT_REGISTERED")
        keys.verify(found.jwk, signature, keys.step_up_text(challenge, found.id))
        self._consume(viewer, challenge, session)
        self._core.audit.append(_entry("identity.assurance.raised", viewer, found.id), session)
        return self._grant(viewer, found.id)

    def _end(self, viewer: ResidentViewer, device: str, session: Session) -> str:
        now = self._core.clock.now()
        if not self._devices.revoke(viewer.resident, device, now, session):
            raise Refusal("NOT_FOUND")
        self._ending.end_device(device, viewer.resident, now, session)
        for hook in self._on_revoked:
            hook(viewer.resident, device, now, session)
        self._core.audit.append(_entry("identity.device.revoked", viewer, device), session)
        return device

    def _grant(self, viewer: ResidentViewer, device: str) -> AccessGrant:
        now = self._core.clock.now()
        return self._tokens.grant(viewer.resident, viewer.session, device, Assurance.L2, now)

    def _consume(self, viewer: ResidentViewer, challenge: str, session: Session) -> None:
        if not self._devices.consume_challenge(challenge, viewer.session, self._core.clock.now(), session):
            raise Refusal("DEVICE_PROOF_INVALID")


def _entry(action: str, viewer: ResidentViewer, reference: str) -> Entry:
    return Entry(
        action=action,
        actor=Actor("resident", viewer.resident),
        subject=viewer.resident,
        reference=reference,
    )

"""Revoking credentials when an identity is suspended, a session ends or a device goes."""

from backend.core.clock import Clock
from backend.core.mongo.client import Session
from backend.onecode.cards.repository import CardRepository
from backend.onecode.repository import CredentialRepository


class CredentialRevocation:
    """Marks credentials revoked in the caller's transaction: at once online, within the list's ttl offline.

    There is no way back: a restored identity gets new credentials.
    """

    def __init__(self, credentials: CredentialRepository, cards: CardRepository, clock: Clock) -> None:
        self._credentials = credentials
        self._cards = cards
        self._clock = clock

    def resident_suspended(self, resident: str, session: Session) -> int:
        """Revokes all live credentials and cards of a resident; how many they were."""
        now = self._clock.now()
        return self._credentials.revoke_resident(resident, now, session) + self._cards.revoke_all(
            resident, now, session
        )

    def session_ended(self, ended: str, session: Session) -> int:
        """Revokes all live credentials that were issued to a session; how many they were."""
        return self._credentials.revoke_session(ended, self._clock.now(), session)

    def device_removed(self, device: str, session: Session) -> int:
        """Revokes all live credentials that were issued to a device; how many they were."""
        return self._credentials.revoke_device(device, self._clock.now(), session)

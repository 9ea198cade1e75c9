"""The loaded keys of all purposes, and what they are at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.core.keyring.models import KeyRecord, KeyStatus, PrivateKey, Purpose, SigningKey, State, judge


@dataclass(frozen=True, slots=True)
class View:
    """One purpose's usable keys, right from `since` until `until` (exclusive; None: for good)."""

    keys: tuple[SigningKey, ...]
    since: datetime
    until: datetime | None

    def holds(self, now: datetime) -> bool:
        """Whether no key changes its state between the view's moment and `now`."""
        return self.since <= now and (self.until is None or now < self.until)

    def active(self) -> SigningKey | None:
        """The one key that signs."""
        return next((key for key in self.keys if key.state is State.ACTIVE), None)

    def find(self, kid: str) -> SigningKey | None:
        """The key of that id."""
        return next((key for key in self.keys if key.kid == kid), None)


class Ring:
    """Records and private halves as loaded at one moment. Equal views are handed out again."""

    def __init__(
        self,
        records: Mapping[Purpose, tuple[KeyRecord, ...]],
        privates: Mapping[str, PrivateKey],
        at: datetime,
    ) -> None:
        self.loaded_at = at
        self.records = records
        self.privates = privates
        self._views: dict[Purpose, View] = {}

    def is_fresh(self, now: datetime, age: timedelta) -> bool:
        """Whether it was loaded less than `age` ago; a clock that ran backwards makes it stale."""
        return timedelta(0) <= now - self.loaded_at < age

    def view(self, purpose: Purpose, now: datetime) -> View:
        """What the purpose's keys are at `now`."""
        known = self._views.get(purpose)
        if known is None or not known.holds(now):
            known = self._views[purpose] = self._look(purpose, now)
        return known

    def _look(self, purpose: Purpose, now: datetime) -> View:
        statuses = judge(self.records.get(purpose, ()), now)
        turns = [moment for status in statuses for moment in (status.record.active_from, status.retire_at)]
        ahead = [moment for moment in turns if moment is not None and moment > now]
        keys = [self._key(status) for status in statuses if status.state is not State.GONE]
        return View(tuple(key for key in keys if key is not None), now, min(ahead, default=None))

    def _key(self, status: KeyStatus) -> SigningKey | None:
        private = self.privates.get(status.record.kid)
        if private is None:
            return None
        return SigningKey(
            kid=status.record.kid,
            purpose=status.record.purpose,
            algorithm=status.record.algorithm,
            private=private,
            public=private.public_key(),
            created_at=status.record.created_at,
            active_from=status.record.active_from,
            retire_at=status.retire_at,
            state=status.state,
        )

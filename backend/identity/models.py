"""What a resident is: identity, place, status. Personal texts stay sealed until someone may read them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from backend.core.resident_id import IdKind, Sex


class Assurance(IntEnum):
    """How sure we are of who is there: L1 phone or WeChat, L2 device key, L3 face."""

    L1 = 1
    L2 = 2
    L3 = 3


class IdentityStatus(StrEnum):
    """Whether an identity may be used."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


class Entry(StrEnum):
    """Where the resident came in."""

    MINI_PROGRAM = "MINI_PROGRAM"
    APP = "APP"
    WEB = "WEB"


@dataclass(frozen=True, slots=True)
class Resident:
    """One person, whatever the entry. The bytes are sealed under the resident's own data key.

    `city`, `district` and `insured_city` are six-digit division codes; `insured_city` is where the medical
    insurance is kept (参保地) and comes from the departments. `mobile` is None once the number has gone to
    another person; `mobile_proven_at` is when a one-time code was last answered from it.
    """

    id: str
    kind: IdKind
    sex: Sex | None = field(repr=False)
    birth_year: int = field(repr=False)
    city: str | None
    district: str | None
    insured_city: str | None
    status: IdentityStatus
    name: bytes = field(repr=False)
    id_number: bytes = field(repr=False)
    mobile: bytes | None = field(repr=False)
    photo: bytes | None = field(repr=False)
    mobile_proven_at: datetime | None
    registered_at: datetime
    version: int

    @property
    def is_active(self) -> bool:
        """Whether sign-in, codes and disclosure are allowed."""
        return self.status is IdentityStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Person:
    """A resident's opened texts; each is None when erased or never given."""

    name: str | None = field(repr=False)
    id_number: str | None = field(repr=False)
    mobile: str | None = field(repr=False)
    photo: str | None = field(repr=False)

"""A scan: what a desk asks, what it is told, and what is kept of it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from backend.identity.models import Assurance
from backend.identity.viewer import StaffViewer
from backend.onecode.policies import Attribute, Withheld

RETRY_FOR: Final = timedelta(minutes=10)
"""How long the same desk can have the same answer again; a later attempt is a replay."""


class Medium(StrEnum):
    """What was scanned."""

    CODE = "CODE"
    CARD = "CARD"


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What a desk asks. `request` names the attempt, so that a retry of it isn't a second scan."""

    text: str = field(repr=False)
    domain: str
    purpose: str
    request: str
    challenge: str | None = None

    def digest(self) -> bytes:
        """SHA-256 of all that is asked: equal for a retry and for nothing else."""
        parts = (self.text, self.domain, self.purpose, self.challenge or "")
        framed = (len(part).to_bytes(4, "big") + part for part in (text.encode() for text in parts))
        return hashlib.sha256(b"".join(framed)).digest()


@dataclass(frozen=True, slots=True)
class ScanPlace:
    """Where a scan happened: the scope of the staff's session, as far as it is limited."""

    city: str | None
    department: str | None
    desk: str | None

    @classmethod
    def of(cls, viewer: StaffViewer) -> "ScanPlace":
        """Where this member of staff works."""
        return cls(viewer.city, viewer.department, viewer.desk)

    def known(self) -> dict[str, str]:
        """The parts that are known, by name."""
        parts = {"city": self.city, "department": self.department, "desk": self.desk}
        return {name: part for name, part in parts.items() if part is not None}


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan as it is kept: names of attributes, never their values.

    `id` is its public name. `refusal` is None when it was accepted; `audit` is the id of its audit entry.
    """

    id: str
    resident: str
    at: datetime
    staff: str
    place: ScanPlace
    medium: Medium
    domain: str
    purpose: str
    refusal: str | None
    level: Assurance | None
    disclosed: tuple[Attribute, ...]
    withheld: tuple[tuple[Attribute, Withheld], ...]
    audit: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the desk was told anything."""
        return self.refusal is None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an accepted scan. `subject` is the resident's pairwise name in this domain."""

    scan: Scan
    level: Assurance
    subject: str
    values: tuple[tuple[Attribute, str], ...] = field(repr=False)
    withheld: tuple[tuple[Attribute, Withheld], ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The answer to a refused scan: a code with a message of the catalogue, and that message's parameters."""

    code: str
    params: dict[str, str | int] = field(default_factory=dict)


ScanAnswer = Accepted | Rejected

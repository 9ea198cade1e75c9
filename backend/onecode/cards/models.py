"""What is kept of a printed card, and what the desk prints."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

LIFETIME: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A card as it is kept: neither its text nor its holder's name. `serial` is printed on it."""

    handle: bytes
    serial: str
    resident: str
    status_list: int
    status_index: int
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PrintedCard:
    """What is printed: the holder's name and masked number, and the QR symbol's text."""

    serial: str
    expires_at: datetime
    name: str = field(repr=False)
    masked_number: str = field(repr=False)
    text: str = field(repr=False)


def masked(number: str) -> str:
    """An identity number with its first three and last four characters: `430***********3022`."""
    return number[:3] + "*" * (len(number) - 7) + number[-4:]

"""The client that a request comes from, as far as limits and the list of sessions need it."""

from dataclasses import dataclass, field

from backend.core.errors import Refusal
from backend.identity.models import Entry

_SHORTEST = 16
_LONGEST = 64
_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class Client:
    """An installation of a mini-program, app or browser at an address.

    `installation` is random, made by the client and kept by it: it proves nothing and only tells a client's
    own repeats from those of others.
    """

    entry: Entry
    installation: str = field(repr=False)
    address: str = field(repr=False)
    label: str

    @classmethod
    def of(cls, entry: Entry, installation: str, address: str, label: str) -> "Client":
        """From a client's arguments; BAD_INPUT unless `installation` has 16 to 64 printable characters."""
        if not _SHORTEST <= len(installation) <= _LONGEST or not installation.isprintable():
            raise Refusal("BAD_INPUT", field="installation")
        return cls(entry, installation, address, plain(label, _LONGEST_LABEL))


def plain(text: str, longest: int) -> str:
    """A name that a client chose, as it may stand in a list that people read.

    Control and format characters are left out (Unicode Standard Annex #9 §3.1: some turn the text beside
    them around), and what is longer than `longest` characters.
    """
    return "".join(filter(str.isprintable, text))[:longest]

"""What verification finds wrong, and where."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from backend.core.errors import Locale, message

MAX_FINDINGS: Final = 100


class Kind(StrEnum):
    """What is wrong; the values are codes of the message catalogue."""

    CHANGED = "AUDIT_ENTRY_CHANGED"
    REMOVED = "AUDIT_ENTRY_REMOVED"
    INSERTED = "AUDIT_ENTRY_INSERTED"
    STRAY = "AUDIT_ENTRY_STRAY"
    MOVED = "AUDIT_ENTRY_MOVED"
    CHAIN = "AUDIT_CHAIN_BROKEN"
    TREE = "AUDIT_TREE_CHANGED"
    HEAD = "AUDIT_HEAD_FORGED"
    REWRITTEN = "AUDIT_HISTORY_REWRITTEN"
    TRUNCATED = "AUDIT_LOG_TRUNCATED"
    SIGNATURE = "AUDIT_SIGNATURE_WRONG"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: its kind, and the first and last sequence number that it concerns.

    `placed` is where the log had placed what now stands at `seq`; `size` the checkpoint's size, or the
    number of strays.
    """

    kind: Kind
    seq: int
    last: int
    placed: int = 0
    size: int = 0

    def text(self, locale: Locale) -> str:
        """The finding in a plain sentence."""
        span = str(self.seq) if self.seq == self.last else f"{self.seq}–{self.last}"
        params: dict[str, str | int] = {
            "span": span,
            "seq": self.seq,
            "placed": self.placed,
            "size": self.size,
        }
        return message(self.kind, locale, params)

    def joins(self, earlier: "Finding") -> bool:
        """Whether it is the same fault as `earlier`, going on with the next entry."""
        if self.kind is not earlier.kind or self.size or self.seq != earlier.last + 1:
            return False
        return self.kind is not Kind.MOVED or self.placed - self.seq == earlier.placed - earlier.seq

    def repeats(self, earlier: "Finding") -> bool:
        """Whether `earlier` has said it already."""
        within = earlier.seq <= self.seq and self.last <= earlier.last
        return within and self.kind is earlier.kind and self.size == earlier.size


class Findings:
    """Findings in the order they are made; neighbours of one kind are joined."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Keeps a finding once, joined to the one before where it goes on with it."""
        if any(finding.repeats(earlier) for earlier in self._found):
            return
        for place, earlier in enumerate(self._found):
            if finding.joins(earlier):
                self._found[place] = replace(earlier, last=finding.last)
                return
        self._found.append(finding)

    @property
    def too_many(self) -> bool:
        """Whether going on would only make the list longer."""
        return len(self._found) >= MAX_FINDINGS

    def sorted(self) -> tuple[Finding, ...]:
        """By sequence number, the first wrong one first."""
        return tuple(sorted(self._found, key=lambda finding: (finding.seq, finding.last)))

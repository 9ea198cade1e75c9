"""What a scan must be like for its purpose; the data is `data/assurance.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from backend.onecode.policies import Attribute, policies


@dataclass(frozen=True, slots=True)
class Requirements:
    """Purposes that need a desk's challenge, and what a printed card may disclose."""

    challenged: frozenset[tuple[str, str]]
    card_attributes: frozenset[Attribute]

    def needs_challenge(self, domain: str, purpose: str) -> bool:
        """Whether the phone must sign a challenge of the desk for this purpose."""
        return (domain, purpose) in self.challenged


@cache
def requirements() -> Requirements:
    """The requirements in force; ValueError when the data names a purpose or attribute that isn't there."""
    data = tomllib.loads(files("backend.onecode").joinpath("data/assurance.toml").read_text("utf-8"))
    return Requirements(
        frozenset(purpose for name in data["challenge_required"] for purpose in _purposes(name)),
        frozenset(Attribute(name) for name in data["card_attributes"]),
    )


def _purposes(name: str) -> list[tuple[str, str]]:
    found = [one for one in policies() if name in (one[0], "/".join(one))]
    if not found:
        raise ValueError(f"no policy is called {name!r}")
    return found

"""What a consent is: a decision on one purpose and one resource, under one version of a text."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

from backend.core.errors import Locale

DecidedBy = Literal["self", "guardian"]


class ConsentState(StrEnum):
    """What a resident decided."""

    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


class ConsentStatus(StrEnum):
    """What the decisions amount to now: a consent to an older text may have run out, or none was asked."""

    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    OUTDATED = "OUTDATED"
    NEVER_ASKED = "NEVER_ASKED"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What a resident is asked: one purpose, the resources that it may cover, and the wording in force.

    `still_valid` names earlier versions under which a consent still counts.
    """

    purpose: str
    version: str
    resources: tuple[str, ...]
    titles: Mapping[Locale, str] = field(repr=False)
    bodies: Mapping[Locale, str] = field(repr=False)
    still_valid: frozenset[str] = frozenset()

    def covers(self, version: str) -> bool:
        """Whether a consent given to this version of the text counts today."""
        return version == self.version or version in self.still_valid


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a resident, or of a guardian for them: who, when, on which version of the text."""

    purpose: str
    resource: str
    state: ConsentState
    version: str
    at: datetime
    by: str
    by_kind: DecidedBy


@dataclass(frozen=True, slots=True)
class Consents:
    """A resident's decisions in force, by `consent_key(purpose, resource)`."""

    resident: str
    current: Mapping[str, Decision]

    def decision(self, purpose: str, resource: str) -> Decision | None:
        """The latest decision on this purpose and resource."""
        return self.current.get(consent_key(purpose, resource))

    def status(self, purpose: str, resource: str) -> ConsentStatus:
        """What stands for this purpose and resource under today's text."""
        decision = self.decision(purpose, resource)
        text = consent_texts().get(purpose)
        if decision is None or text is None:
            return ConsentStatus.NEVER_ASKED
        if decision.state is ConsentState.GIVEN and not text.covers(decision.version):
            return ConsentStatus.OUTDATED
        return ConsentStatus(decision.state)

    def allowed(self, purpose: str, resource: str) -> bool:
        """Whether a consent stands; nothing else than a given, valid consent allows."""
        return self.status(purpose, resource) is ConsentStatus.GIVEN


def consent_key(purpose: str, resource: str) -> str:
    """The name of a consent within a resident's document: `medical_contact:mobile`."""
    return f"{purpose}:{resource}"


@cache
def consent_texts() -> Mapping[str, ConsentText]:
    """The consent texts in force, by purpose; the data is the folder's `consent_texts.toml`."""
    source = files("backend.identity").joinpath("data/consent_texts.toml").read_text("utf-8")
    return {purpose: _text(purpose, row) for purpose, row in tomllib.loads(source).items()}


def _text(purpose: str, row: Mapping[str, Mapping[str, str]]) -> ConsentText:
    return ConsentText(
        purpose=purpose,
        version=str(row["version"]),
        resources=tuple(row["resources"]),
        titles={"zh-CN": row["zh"]["title"], "en": row["en"]["title"]},
        bodies={"zh-CN": row["zh"]["body"], "en": row["en"]["body"]},
        still_valid=frozenset(row.get("still_valid", ())),
    )

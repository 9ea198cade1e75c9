"""What a desk learns from a scan: the domain's policy ∩ the desk's scope ∩ the resident's consent.

The policy itself is data (`data/disclosure.toml`); this module reads it, decides, and touches nothing else.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final, Protocol

from backend.core.errors import Locale, Refusal
from backend.identity.consent.models import ConsentStatus


class Attribute(StrEnum):
    """One thing that a desk can learn about a resident."""

    NAME = "name"
    SEX = "sex"
    BIRTH_YEAR = "birth_year"
    BIRTH_DATE = "birth_date"
    OVER_18 = "over_18"
    OVER_60 = "over_60"
    OVER_65 = "over_65"
    ID_KIND = "id_kind"
    ID_NUMBER = "id_number"
    ID_NUMBER_TAIL = "id_number_tail"
    MOBILE = "mobile"
    PHOTO = "photo"
    CITY = "city"
    DISTRICT = "district"
    INSURANCE_PLACE = "insurance_place"
    INSURANCE_TYPE = "insurance_type"
    GUARDIANSHIP = "guardianship"
    HOUSEHOLD_NUMBER = "household_number"
    RESIDENCE_PERMIT = "residence_permit"


class Withheld(StrEnum):
    """Why an attribute of the policy isn't disclosed; each is also a message code.

    NOT_HELD and NOT_BY_CARD are for the scan to use: nobody has it on record, or a card doesn't carry so far.
    """

    OUT_OF_SCOPE = "DISCLOSURE_OUT_OF_SCOPE"
    CONSENT_NEEDED = "DISCLOSURE_CONSENT_NEEDED"
    CONSENT_REFUSED = "DISCLOSURE_CONSENT_REFUSED"
    CONSENT_WITHDRAWN = "DISCLOSURE_CONSENT_WITHDRAWN"
    CONSENT_OUTDATED = "DISCLOSURE_CONSENT_OUTDATED"
    NOT_HELD = "DISCLOSURE_NOT_HELD"
    NOT_BY_CARD = "DISCLOSURE_NOT_BY_CARD"


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """Why a desk may learn an attribute: a legal basis or a consent purpose, never both."""

    attribute: Attribute
    legal_basis: str | None
    consent: str | None


@dataclass(frozen=True, slots=True)
class PurposePolicy:
    """What one purpose within a domain may learn, in the order in which a desk shows it."""

    domain: str
    purpose: str
    titles: Mapping[Locale, str] = field(repr=False)
    rules: tuple[AttributeRule, ...]


@dataclass(frozen=True, slots=True)
class DeskScope:
    """What a desk is there for: domains (`medical`) or single purposes of one (`medical/pharmacy`)."""

    domains: frozenset[str]

    def covers(self, domain: str, purpose: str) -> bool:
        """Whether the desk may act for this purpose; an empty scope covers nothing."""
        return not self.domains.isdisjoint((domain, f"{domain}/{purpose}"))


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The decision: every attribute of the policy is in exactly one of the two."""

    disclosed: tuple[Attribute, ...]
    withheld: tuple[tuple[Attribute, Withheld], ...]


class StandingConsents(Protocol):
    """A resident's consents, as far as a decision needs them."""

    def status(self, purpose: str, resource: str) -> ConsentStatus:
        """What stands for this purpose and resource."""
        ...


_BY_STATUS: Final[Mapping[ConsentStatus, Withheld | None]] = {
    ConsentStatus.GIVEN: None,
    ConsentStatus.NEVER_ASKED: Withheld.CONSENT_NEEDED,
    ConsentStatus.REFUSED: Withheld.CONSENT_REFUSED,
    ConsentStatus.WITHDRAWN: Withheld.CONSENT_WITHDRAWN,
    ConsentStatus.OUTDATED: Withheld.CONSENT_OUTDATED,
}


def disclose(domain: str, purpose: str, desk_scope: DeskScope, consents: StandingConsents) -> Disclosure:
    """Decides each attribute of the policy; Refusal PURPOSE_UNKNOWN when there is no such policy."""
    policy = find_policy(domain, purpose)
    in_scope = desk_scope.covers(domain, purpose)
    disclosed: list[Attribute] = []
    withheld: list[tuple[Attribute, Withheld]] = []
    for rule in policy.rules:
        reason = _reason(rule, consents) if in_scope else Withheld.OUT_OF_SCOPE
        if reason is None:
            disclosed.append(rule.attribute)
        else:
            withheld.append((rule.attribute, reason))
    return Disclosure(tuple(disclosed), tuple(withheld))


def _reason(rule: AttributeRule, consents: StandingConsents) -> Withheld | None:
    if rule.consent is None:
        return None
    return _BY_STATUS[consents.status(rule.consent, rule.attribute)]


def find_policy(domain: str, purpose: str) -> PurposePolicy:
    """The policy of a purpose; Refusal PURPOSE_UNKNOWN when there is none."""
    policy = policies().get((domain, purpose))
    if policy is None:
        raise Refusal("PURPOSE_UNKNOWN")
    return policy


def has_reached(age: int, birth: date, today: date) -> bool:
    """Whether someone born on `birth` is at least `age` on `today`, counting the birthday itself.

    Born on 29 February, in a common year they reach it on 1 March.
    """
    return (today.year - birth.year, today.month, today.day) >= (age, birth.month, birth.day)


@cache
def policies() -> Mapping[tuple[str, str], PurposePolicy]:
    """All policies by domain and purpose. Data that contradicts itself is a ValueError."""
    data = _data()
    return {
        (domain, purpose): _policy(domain, purpose, dict(row), data["legal_bases"])
        for domain, purposes in data["policies"].items()
        for purpose, row in purposes.items()
    }


@cache
def attribute_titles() -> Mapping[Attribute, Mapping[Locale, str]]:
    """The attributes' names for people."""
    return {Attribute(name): _titles(texts) for name, texts in _data()["attributes"].items()}


@cache
def legal_bases() -> Mapping[str, Mapping[Locale, str]]:
    """The legal bases' texts, which name the articles, by id."""
    return {name: _titles(texts) for name, texts in _data()["legal_bases"].items()}


def _data() -> Mapping[str, Any]:
    return tomllib.loads(files("backend.onecode").joinpath("data/disclosure.toml").read_text("utf-8"))


def _policy(domain: str, purpose: str, row: dict[str, Any], bases: Mapping[str, object]) -> PurposePolicy:
    titles = _titles(row.pop("title"))
    rules = tuple(parse_rule(name, basis, bases) for name, basis in row.items())
    return PurposePolicy(domain, purpose, titles, rules)


def parse_rule(name: str, basis: Mapping[str, str], bases: Mapping[str, object]) -> AttributeRule:
    """One line of a policy; ValueError for an unknown attribute or legal basis, or not exactly one reason."""
    rule = AttributeRule(Attribute(name), basis.get("required"), basis.get("consent"))
    if len(basis) != 1 or (rule.legal_basis is None) == (rule.consent is None):
        raise ValueError(f"{name} needs either `required` or `consent`")
    if rule.legal_basis is not None and rule.legal_basis not in bases:
        raise ValueError(f"{name} names an unknown legal basis")
    return rule


def _titles(texts: Mapping[str, str]) -> Mapping[Locale, str]:
    return {"zh-CN": texts["zh"], "en": texts["en"]}

"""What a desk learns: policy ∩ scope ∩ consent, over all the policies there are."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pytest

from backend.core.errors import Refusal, message
from backend.identity.consent.models import ConsentStatus, consent_texts
from backend.onecode.policies import (
    Attribute,
    DeskScope,
    Withheld,
    attribute_titles,
    disclose,
    find_policy,
    has_reached,
    legal_bases,
    parse_rule,
    policies,
)
from backend.onecode.wire.domains import Domain

EVERY_POLICY = sorted(policies())
WITH_CONSENT = [
    (domain, purpose, rule.attribute, rule.consent)
    for (domain, purpose), policy in sorted(policies().items())
    for rule in policy.rules
    if rule.consent is not None
]


@dataclass(frozen=True)
class Standing:
    """Consents that stand as told; everything else was never asked."""

    statuses: Mapping[tuple[str, str], ConsentStatus] = field(default_factory=dict)
    otherwise: ConsentStatus = ConsentStatus.NEVER_ASKED

    def status(self, purpose: str, resource: str) -> ConsentStatus:
        return self.statuses.get((purpose, resource), self.otherwise)


ALL_GIVEN = Standing(otherwise=ConsentStatus.GIVEN)
NONE_GIVEN = Standing()


def whole(domain: str) -> DeskScope:
    return DeskScope(frozenset({domain}))


def test_medical_treatment_discloses_what_registration_needs_and_no_more() -> None:
    result = disclose("medical", "treatment", whole("medical"), NONE_GIVEN)

    assert result.disclosed == ("name", "sex", "birth_year", "insurance_place")
    assert result.withheld == ((Attribute.MOBILE, Withheld.CONSENT_NEEDED),)


def test_the_school_gate_sees_name_and_guardianship_and_the_photo_only_with_consent() -> None:
    without = disclose("school_gate", "pick_up", whole("school_gate"), NONE_GIVEN)
    with_consent = disclose("school_gate", "pick_up", whole("school_gate"), ALL_GIVEN)

    assert without.disclosed == ("name", "guardianship")
    assert without.withheld == ((Attribute.PHOTO, Withheld.CONSENT_NEEDED),)
    assert with_consent.disclosed == ("name", "guardianship", "photo")
    assert with_consent.withheld == ()


def test_an_age_check_learns_yes_or_no_and_neither_name_nor_date() -> None:
    assert disclose("general", "age_check", whole("general"), ALL_GIVEN).disclosed == ("over_18",)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (ConsentStatus.NEVER_ASKED, Withheld.CONSENT_NEEDED),
        (ConsentStatus.REFUSED, Withheld.CONSENT_REFUSED),
        (ConsentStatus.WITHDRAWN, Withheld.CONSENT_WITHDRAWN),
        (ConsentStatus.OUTDATED, Withheld.CONSENT_OUTDATED),
    ],
)
@pytest.mark.parametrize(("domain", "purpose", "attribute", "consent"), WITH_CONSENT)
def test_without_a_standing_consent_the_attribute_is_withheld_and_says_why(
    domain: str,
    purpose: str,
    attribute: Attribute,
    consent: str,
    status: ConsentStatus,
    reason: Withheld,
) -> None:
    consents = Standing({(consent, attribute): status}, otherwise=ConsentStatus.GIVEN)

    result = disclose(domain, purpose, whole(domain), consents)

    assert result.withheld == ((attribute, reason),)
    assert attribute not in result.disclosed


@pytest.mark.parametrize(("domain", "purpose", "attribute", "consent"), WITH_CONSENT)
def test_consent_for_one_attribute_opens_no_other_and_no_other_purpose(
    domain: str, purpose: str, attribute: Attribute, consent: str
) -> None:
    required = disclose(domain, purpose, whole(domain), NONE_GIVEN).disclosed
    consents = Standing(
        {(consent, attribute): ConsentStatus.GIVEN, ("another", attribute): ConsentStatus.GIVEN}
    )

    assert set(disclose(domain, purpose, whole(domain), consents).disclosed) == {*required, attribute}


@pytest.mark.parametrize(("domain", "purpose"), EVERY_POLICY)
@pytest.mark.parametrize("consents", [NONE_GIVEN, ALL_GIVEN])
def test_every_attribute_of_a_policy_is_decided_exactly_once(
    domain: str, purpose: str, consents: Standing
) -> None:
    result = disclose(domain, purpose, whole(domain), consents)

    decided = [*result.disclosed, *(attribute for attribute, _ in result.withheld)]
    assert sorted(decided) == sorted(rule.attribute for rule in find_policy(domain, purpose).rules)
    assert len(decided) == len(set(decided))


@pytest.mark.parametrize(("domain", "purpose"), EVERY_POLICY)
@pytest.mark.parametrize("scope", [frozenset(), frozenset({"another"}), frozenset({"another/treatment"})])
def test_outside_the_scope_nothing_is_disclosed_whatever_the_consent(
    domain: str, purpose: str, scope: frozenset[str]
) -> None:
    result = disclose(domain, purpose, DeskScope(scope), ALL_GIVEN)

    assert result.disclosed == ()
    assert {reason for _, reason in result.withheld} == {Withheld.OUT_OF_SCOPE}
    assert len(result.withheld) == len(find_policy(domain, purpose).rules)


def test_a_scope_of_one_purpose_covers_that_purpose_alone() -> None:
    pharmacy = DeskScope(frozenset({"medical/pharmacy"}))

    assert disclose("medical", "pharmacy", pharmacy, NONE_GIVEN).disclosed
    assert not disclose("medical", "settlement", pharmacy, ALL_GIVEN).disclosed


def test_a_scope_of_one_domain_covers_no_other() -> None:
    for (domain, purpose), other in itertools.product(EVERY_POLICY, {domain for domain, _ in EVERY_POLICY}):
        assert bool(disclose(domain, purpose, whole(other), ALL_GIVEN).disclosed) is (domain == other)


@pytest.mark.parametrize(
    ("domain", "purpose"),
    [
        ("medical", "marketing"),
        ("tax", "treatment"),
        ("", ""),
        ("medical", ""),
        ("medical/pharmacy", "pharmacy"),
    ],
)
def test_an_unknown_purpose_is_refused(domain: str, purpose: str) -> None:
    with pytest.raises(Refusal) as refused:
        disclose(domain, purpose, whole(domain), ALL_GIVEN)

    assert refused.value.code == "PURPOSE_UNKNOWN"


def test_policies_and_consent_texts_agree() -> None:
    asked = {(consent, attribute) for _, _, attribute, consent in WITH_CONSENT}
    offered = {
        (purpose, resource) for purpose, text in consent_texts().items() for resource in text.resources
    }

    assert asked == offered


def test_every_domain_of_the_code_has_a_policy_and_the_other_way_round() -> None:
    assert {domain for domain, _ in EVERY_POLICY} == {bit.name.lower() for bit in Domain if bit.name}


def test_every_attribute_and_legal_basis_is_named_in_both_languages_and_used() -> None:
    rules = [rule for policy in policies().values() for rule in policy.rules]

    assert set(attribute_titles()) == set(Attribute) == {rule.attribute for rule in rules}
    assert set(legal_bases()) == {rule.legal_basis for rule in rules if rule.legal_basis}
    for titles in (*attribute_titles().values(), *legal_bases().values()):
        assert re.search(r"[一-鿿]", titles["zh-CN"])
        assert re.search(r"[A-Za-z]", titles["en"])


def test_every_legal_basis_names_an_article_of_the_personal_information_protection_law() -> None:
    for texts in legal_bases().values():
        assert "《个人信息保护法》第" in texts["zh-CN"]
        assert "PIPL Art. 13" in texts["en"]


@pytest.mark.parametrize("attribute", [Attribute.PHOTO, Attribute.MOBILE])
def test_a_photo_and_a_mobile_number_are_never_disclosed_without_consent(attribute: Attribute) -> None:
    for domain, purpose in EVERY_POLICY:
        assert attribute not in disclose(domain, purpose, whole(domain), NONE_GIVEN).disclosed


def test_where_the_date_of_birth_is_not_needed_only_an_age_is_told() -> None:
    with_date = {
        key for key, policy in policies().items() for r in policy.rules if r.attribute == "birth_date"
    }

    assert with_date == {("household", "migration")}


@pytest.mark.parametrize(
    ("name", "basis"),
    [
        ("shoe_size", {"required": "statutory_duty"}),
        ("name", {}),
        ("name", {"required": "statutory_duty", "consent": "medical_contact"}),
        ("name", {"required": "because"}),
        ("name", {"wanted": "statutory_duty"}),
    ],
)
def test_a_policy_line_that_contradicts_itself_is_a_fault(name: str, basis: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=name):
        parse_rule(name, basis, legal_bases())


@pytest.mark.parametrize("reason", list(Withheld))
def test_every_reason_has_a_sentence_for_people(reason: Withheld) -> None:
    assert message(reason, "zh-CN") != message(reason, "en")


@pytest.mark.parametrize(
    ("birth", "today", "reached"),
    [
        (date(1966, 11, 22), date(2026, 11, 21), False),
        (date(1966, 11, 22), date(2026, 11, 22), True),
        (date(1966, 11, 22), date(2026, 12, 1), True),
        (date(1966, 11, 22), date(2027, 1, 1), True),
        (date(1966, 11, 22), date(2025, 12, 31), False),
        (date(1964, 2, 29), date(2024, 2, 28), False),
        (date(1964, 2, 29), date(2024, 2, 29), True),
        (date(1968, 2, 29), date(2029, 2, 28), True),
        (date(1967, 3, 1), date(2027, 2, 28), False),
    ],
)
def test_sixty_is_reached_on_the_birthday(birth: date, today: date, *, reached: bool) -> None:
    assert has_reached(60, birth, today) is reached


def test_born_on_29_february_18_is_reached_on_1_march_of_a_common_year() -> None:
    assert not has_reached(18, date(2008, 2, 29), date(2026, 2, 28))
    assert has_reached(18, date(2008, 2, 29), date(2026, 3, 1))

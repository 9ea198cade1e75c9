"""What a decision amounts to, and whether the texts can be asked."""

import re
from datetime import UTC, datetime

import pytest

from backend.identity.consent.models import (
    Consents,
    ConsentState,
    ConsentStatus,
    ConsentText,
    Decision,
    consent_key,
    consent_texts,
)
from backend.identity.consent.repository import from_document

AT = datetime(2026, 1, 1, tzinfo=UTC)
VERSION = consent_texts()["medical_contact"].version


def consents(state: ConsentState, version: str, purpose: str = "medical_contact") -> Consents:
    decision = Decision(purpose, "mobile", state, version, AT, "r1", "self")
    return Consents("r1", {consent_key(purpose, "mobile"): decision})


@pytest.mark.parametrize(
    ("state", "version", "status"),
    [
        (ConsentState.GIVEN, VERSION, ConsentStatus.GIVEN),
        (ConsentState.GIVEN, "2019-01", ConsentStatus.OUTDATED),
        (ConsentState.REFUSED, VERSION, ConsentStatus.REFUSED),
        (ConsentState.REFUSED, "2019-01", ConsentStatus.REFUSED),
        (ConsentState.WITHDRAWN, VERSION, ConsentStatus.WITHDRAWN),
    ],
)
def test_only_a_consent_to_the_text_in_force_allows(
    state: ConsentState, version: str, status: ConsentStatus
) -> None:
    standing = consents(state, version)

    assert standing.status("medical_contact", "mobile") is status
    assert standing.allowed("medical_contact", "mobile") is (status is ConsentStatus.GIVEN)


def test_a_consent_covers_its_own_purpose_and_resource_alone() -> None:
    standing = consents(ConsentState.GIVEN, VERSION)

    assert standing.status("medical_contact", "photo") is ConsentStatus.NEVER_ASKED
    assert standing.status("library_contact", "mobile") is ConsentStatus.NEVER_ASKED


def test_a_consent_whose_text_is_gone_allows_nothing() -> None:
    assert not consents(ConsentState.GIVEN, VERSION, "abolished").allowed("abolished", "mobile")


def test_a_resident_without_a_document_was_never_asked() -> None:
    assert from_document("r1", None).status("medical_contact", "mobile") is ConsentStatus.NEVER_ASKED


def test_an_earlier_version_counts_only_where_the_text_says_so() -> None:
    text = ConsentText("p", "2027-01", ("mobile",), {}, {}, frozenset({"2026-06"}))

    assert [text.covers(version) for version in ("2027-01", "2026-06", "2026-01")] == [True, True, False]


@pytest.mark.parametrize("purpose", sorted(consent_texts()))
def test_every_text_can_be_stored_and_says_in_both_languages_that_it_can_be_withdrawn(purpose: str) -> None:
    text = consent_texts()[purpose]

    assert re.fullmatch(r"[a-z][a-z0-9_]*", purpose), "a dot would be a path in MongoDB"
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", resource) for resource in text.resources)
    assert re.fullmatch(r"\d{4}-\d{2}", text.version)
    assert "撤回" in text.bodies["zh-CN"]
    assert "withdraw" in text.bodies["en"]
    assert text.titles["zh-CN"]
    assert text.titles["en"]

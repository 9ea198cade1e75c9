"""The twelve departments of the sandbox against the published documents, by schemathesis.

Every kind is tested thoroughly in one city (edges of schemas, wrong and right requests, the examples) and
briefly in the other two. Right requests are about people of the population.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import BaseSchema, Case

from backend.core.divisions import cities
from backend.exchange.department_api.operations import Kind
from backend.exchange.sandbox.departments.department import Department
from backend.exchange.sandbox.population import KNOWN_PEOPLE, person
from tests.architecture.sources import ROOT
from tests.departments import SigningAuth
from tests.sandbox import Sandbox, running_sandbox

WHERE = {
    Kind.MEDICAL_INSURANCE: "430100",
    Kind.SOCIAL_SECURITY: "430200",
    Kind.EDUCATION: "430300",
    Kind.PUBLIC_SECURITY: "430100",
}
"""The city in which a kind is tested thoroughly."""
PEOPLE = (*KNOWN_PEOPLE, *(person(index).id_number for index in range(0, 400, 7)))
A_PERSON = {"certno", "psn_cert_type", "psn_name", "id_number", "name"}
MODERATE = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
BRIEF = settings(MODERATE, max_examples=1)


def document(kind: Kind, *, edges: bool) -> BaseSchema:
    """The published document; a refusal by the department's own rules is an answer to a right request."""
    schema = schemathesis.openapi.from_path(str(ROOT / "docs" / "department-api" / f"{kind}.yaml"))
    schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "403", "404", "409", "422"]
    schema.config.phases.coverage.enabled = edges
    return schema


THOROUGH = {kind: document(kind, edges=True) for kind in Kind}
QUICK = {kind: document(kind, edges=False) for kind in Kind}


@pytest.fixture(scope="module")
def departments(mongo: str) -> Iterator[Sandbox]:
    with running_sandbox(mongo, "tongyu_sandbox_conform") as sandbox:
        sandbox.reset()
        yield sandbox


def elsewhere(kind: Kind) -> pytest.MarkDecorator:
    """The other two cities."""
    return pytest.mark.parametrize("city", [city.code for city in cities() if city.code != WHERE[kind]])


def check(case: Case, departments: Sandbox, city: str, kind: Kind) -> None:
    """Makes the call, signed, and holds the answer against the document."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        case.body = about_people(case.body)
    url = departments.url + Department(city, kind).path
    case.call_and_validate(base_url=url, auth=SigningAuth())


def about_people(value: object) -> object:
    """The content with the identity numbers of people who exist in place of generated ones, without names."""
    if isinstance(value, list):
        return [about_people(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: about_people(item) for name, item in value.items()}
    for name in {"certno", "id_number"} & set(found):
        if isinstance(found[name], str):
            found[name] = PEOPLE[int.from_bytes(found[name].encode()) % len(PEOPLE)]
            if set(found) <= A_PERSON:
                found.pop("psn_name", None)
                found.pop("name", None)
    return found


@THOROUGH[Kind.MEDICAL_INSURANCE].parametrize()
@MODERATE
def test_medical_insurance_keeps_to_its_document(case, departments):
    check(case, departments, WHERE[Kind.MEDICAL_INSURANCE], Kind.MEDICAL_INSURANCE)


@THOROUGH[Kind.SOCIAL_SECURITY].parametrize()
@MODERATE
def test_social_security_keeps_to_its_document(case, departments):
    check(case, departments, WHERE[Kind.SOCIAL_SECURITY], Kind.SOCIAL_SECURITY)


@THOROUGH[Kind.EDUCATION].parametrize()
@MODERATE
def test_education_keeps_to_its_document(case, departments):
    check(case, departments, WHERE[Kind.EDUCATION], Kind.EDUCATION)


@THOROUGH[Kind.PUBLIC_SECURITY].parametrize()
@MODERATE
def test_public_security_keeps_to_its_document(case, departments):
    check(case, departments, WHERE[Kind.PUBLIC_SECURITY], Kind.PUBLIC_SECURITY)


@elsewhere(Kind.MEDICAL_INSURANCE)
@QUICK[Kind.MEDICAL_INSURANCE].parametrize()
@BRIEF
def test_medical_insurance_of_the_other_cities(case, departments, city: str):
    check(case, departments, city, Kind.MEDICAL_INSURANCE)


@elsewhere(Kind.SOCIAL_SECURITY)
@QUICK[Kind.SOCIAL_SECURITY].parametrize()
@BRIEF
def test_social_security_of_the_other_cities(case, departments, city: str):
    check(case, departments, city, Kind.SOCIAL_SECURITY)


@elsewhere(Kind.EDUCATION)
@QUICK[Kind.EDUCATION].parametrize()
@BRIEF
def test_education_of_the_other_cities(case, departments, city: str):
    check(case, departments, city, Kind.EDUCATION)


@elsewhere(Kind.PUBLIC_SECURITY)
@QUICK[Kind.PUBLIC_SECURITY].parametrize()
@BRIEF
def test_public_security_of_the_other_cities(case, departments, city: str):
    check(case, departments, city, Kind.PUBLIC_SECURITY)

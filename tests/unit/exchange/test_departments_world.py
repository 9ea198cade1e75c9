"""Facts of the made-up people: always the same, and in keeping with each other."""

from datetime import date
from itertools import pairwise

import pytest

from backend.core.divisions import city_of
from backend.exchange.sandbox.departments.months import Month, months, parse_month
from backend.exchange.sandbox.departments.schools import grade_in, school_year, schools
from backend.exchange.sandbox.departments.world import (
    CHEN,
    CHEN_JUNIOR,
    ZHOU,
    World,
    is_child_of,
    opaque,
    uscc,
)
from backend.exchange.sandbox.population import DEFAULT_SEED, KNOWN_PEOPLE, person

TODAY = date(2026, 11, 22)
WORLD = World(5000, DEFAULT_SEED)
PEOPLE = [*KNOWN_PEOPLE.values(), *(person(index) for index in range(0, 3000, 3))]


def facts(of):
    return WORLD.facts(of, TODAY)


def test_an_opaque_number_leads_back_to_the_person_and_shows_nothing_of_them():
    numbers = {opaque(one) for one in PEOPLE}
    assert len(numbers) == len(PEOPLE)
    assert all(WORLD.find_opaque(opaque(one)) == one for one in PEOPLE)
    assert not any(part in opaque(one) for one in PEOPLE for part in (one.id_number, one.mobile))


@pytest.mark.parametrize("text", ["", "0000000", "00000000", "zzzzzzzz", "9E3779B1", "ffffffff", "９e3779b1"])
def test_a_number_of_nobody_leads_to_nobody(text: str):
    assert WORLD.find_opaque(text) is None


def test_nobody_beyond_the_population_is_known():
    assert WORLD.find(person(5000).id_number) is None
    assert WORLD.find_opaque(opaque(person(5000))) is None
    assert WORLD.find(person(4999).id_number) == person(4999)


def test_facts_are_the_same_whenever_they_are_asked_for():
    assert all(facts(one) == World(5000, DEFAULT_SEED).facts(one, TODAY) for one in PEOPLE[:200])


def test_jobs_follow_each_other_from_working_age_on_in_the_city_that_insures():
    for one in PEOPLE:
        jobs = facts(one).jobs
        for job in jobs:
            assert job.city == one.insurance_place
            assert job.first.year - one.birth_date.year >= 22
            assert job.last is None or job.first - job.last <= 0
        for before, after in pairwise(jobs):
            assert before.last is not None
            assert 2 <= after.first - before.last <= 6


def test_some_people_have_gaps_some_none_and_children_no_job():
    counts = [len(facts(one).jobs) for one in PEOPLE]
    assert {0, 1, 2} == set(counts)
    assert all(not facts(one).jobs for one in PEOPLE if facts(one).age < 18)


def test_who_is_retired_has_no_job_any_more():
    retired = [facts(one) for one in PEOPLE if facts(one).retired]
    assert retired
    assert all(one.job is None and one.age >= 55 for one in retired)


def test_employers_have_codes_with_a_right_check_character():
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100
    for number in (1, 7, 40):
        values = [alphabet.index(character) for character in uscc("430100", number)]
        weighted = sum(value * pow(3, at, 31) for at, value in enumerate(values[:17]))
        assert (weighted + values[17]) % 31 == 0


def test_the_known_family_belongs_together():
    chen, zhou, junior = (KNOWN_PEOPLE[number] for number in (CHEN, ZHOU, CHEN_JUNIOR))
    assert WORLD.family(junior) == (chen, junior)
    assert WORLD.family(zhou) == (zhou,)
    assert all(is_child_of(junior, parent, WORLD.family(junior)) for parent in (chen, zhou))


def test_children_of_a_household_are_those_of_its_couple():
    family = WORLD.family(person(5))  # Head, spouse, child.
    head, spouse, child = family
    assert is_child_of(child, head, family)
    assert is_child_of(child, spouse, family)
    assert not is_child_of(spouse, head, family)


@pytest.mark.parametrize(
    ("birth", "year", "grade"),
    [
        (date(2020, 8, 31), 2026, 1),
        (date(2020, 9, 1), 2026, 0),
        (date(2008, 9, 1), 2026, 12),
        (date(2008, 8, 31), 2026, 13),
    ],
)
def test_the_grade_turns_on_the_last_of_august(birth: date, year: int, grade: int):
    assert grade_in(birth, year) == grade


def test_a_school_year_begins_in_september():
    assert [school_year(date(2026, month, 1)) for month in (8, 9)] == [2025, 2026]


def test_every_district_has_schools_of_every_stage():
    for school in schools().values():
        assert school.code.startswith(school.district)
        assert city_of(school.district)
    assert {(s.district, s.stage) for s in schools().values()} == {
        (district, stage)
        for district in {s.district for s in schools().values()}
        for stage in ("PRIMARY", "JUNIOR", "SENIOR")
    }


def test_months_are_counted_over_the_turn_of_the_year():
    first, last = parse_month("202511"), parse_month("202602")
    assert [str(month) for month in months(first, last)] == ["202511", "202512", "202601", "202602"]
    assert last - first == 3
    assert first < last == Month(2026, 2)
    assert list(months(last, first)) == []

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.divisions import city_of, districts
from backend.core.resident_id import IdKind, Sex, parse_id_number, parse_mobile, parse_name
from backend.exchange.sandbox.population import (
    KNOWN_PEOPLE,
    LARGEST_POPULATION,
    Relation,
    family_of,
    find,
    people,
    person,
)

REFERENCE = date(2025, 1, 1)
INDICES = st.integers(0, LARGEST_POPULATION - 1)
SEEDS = st.integers(0, 2**40)


def test_200_000_people_share_no_number():
    made = [(p.id_number, p.mobile) for p in people(0, 200_000)]
    assert len({id_number for id_number, _ in made}) == 200_000
    assert len({mobile for _, mobile in made}) == 200_000


@given(INDICES, SEEDS)
def test_a_person_is_the_same_every_time_and_found_by_number(index, seed):
    somebody = person(index, seed)
    assert person(index, seed) == somebody
    assert find(somebody.id_number, seed) == somebody


@given(INDICES, SEEDS)
def test_what_a_person_says_of_themselves_agrees(index, seed):
    somebody = person(index, seed)
    number = parse_id_number(somebody.id_number, today=REFERENCE)
    assert (number.kind, number.birth_date, number.sex) == (
        IdKind.MAINLAND,
        somebody.birth_date,
        somebody.sex,
    )
    assert number.area_hint == somebody.district
    assert somebody.district in {district.code for district in districts()}
    assert somebody.city == city_of(somebody.district)
    assert somebody.insurance_place in {"430100", "430200", "430300"}
    assert parse_mobile(somebody.mobile) == somebody.mobile
    assert parse_name(somebody.name) == somebody.name
    assert 0 <= 2024 - somebody.birth_date.year <= 95


@given(INDICES, SEEDS)
def test_families_are_of_one_place_and_make_sense(index, seed):
    family = family_of(index, seed)
    assert person(index, seed) in family.members
    assert {m.district for m in family.members} == {family.district}
    assert {m.family for m in family.members} == {family.number}
    by_relation = Counter(m.relation for m in family.members)
    assert by_relation[Relation.HEAD] == 1
    assert family.members[0].relation is Relation.HEAD
    assert by_relation[Relation.SPOUSE] <= 1
    assert by_relation[Relation.PARENT] in {0, 2}
    head = family.members[0]
    for member in family.members[1:]:
        years = head.birth_date.year - member.birth_date.year
        match member.relation:
            case Relation.SPOUSE:
                assert member.sex is not head.sex
            case Relation.CHILD:
                assert member.name[0] == head.name[0]
                assert years < 0
            case Relation.PARENT:
                assert years >= 20
                assert member.sex is Sex.FEMALE or member.name[0] == head.name[0]


def test_every_member_of_every_family_leads_to_the_same_family():
    for start in range(0, 2000, 20):
        for index in range(start, start + 20):
            assert all(family_of(m.index).number == family_of(index).number for m in family_of(index).members)


def test_two_seeds_grow_two_populations():
    first, second = ({p.id_number for p in people(0, 2000, seed)} for seed in (1, 2))
    assert len(first & second) < 20


def test_people_of_every_age_sex_and_district_live_here():
    crowd = list(people(0, 20_000))
    decades = Counter((2024 - p.birth_date.year) // 10 for p in crowd)
    assert set(decades) == set(range(10))
    assert 0.45 < sum(p.sex is Sex.MALE for p in crowd) / len(crowd) < 0.55
    assert len({p.district for p in crowd}) == 23
    assert 0.08 < sum(p.insurance_place != p.city for p in crowd) / len(crowd) < 0.18
    assert 0.85 < sum(p.ethnic == "01" for p in crowd) / len(crowd) < 0.97


@pytest.mark.parametrize("id_number", ["430102199003074515", "430302198811053022", "430182202003074511"])
def test_the_known_people_are_found_under_any_seed(id_number):
    known = find(id_number, 12345)
    assert known is KNOWN_PEOPLE[id_number]
    number = parse_id_number(id_number, today=REFERENCE)
    assert (known.birth_date, known.sex, known.district) == (number.birth_date, number.sex, number.area_hint)


def test_nobody_generated_has_a_sequence_or_mobile_kept_for_the_known():
    for somebody in people(0, 50_000):
        assert int(somebody.id_number[14:17]) // 2 not in {451 // 2, 302 // 2}
        assert not somebody.mobile.startswith("130")


@given(st.text("0123456789X", min_size=18, max_size=18))
def test_a_number_that_nobody_has_finds_nobody(id_number):
    found = find(id_number)
    assert found is None or found.id_number == id_number


@pytest.mark.parametrize(
    "id_number", ["", "X" * 18, "430102199003074516", "990102199003074515", "KAZ110090123105"]
)
def test_what_is_no_generated_number_finds_nobody(id_number):
    assert find(id_number) is None


@pytest.mark.parametrize("index", [-1, LARGEST_POPULATION])
def test_nobody_lives_outside_the_population(index):
    with pytest.raises(ValueError, match=str(index)):
        person(index)


def test_a_million_people_fit():
    assert LARGEST_POPULATION > 2_000_000


def test_nothing_personal_is_printed():
    somebody = person(0)
    assert not any(text in repr(somebody) for text in (somebody.name, somebody.id_number, somebody.mobile))

"""Values of attributes, from a record sealed as a real one is."""

from datetime import UTC, date, datetime

import pytest

from backend.core.resident_id import parse_id_number
from backend.core.sealing import ResidentKey
from backend.core.sealing.kek import Kek
from backend.identity.place import Place
from backend.identity.repository import BlindIndexes, to_document
from backend.identity.residents import Particulars, seal_resident
from backend.onecode.attributes import Facts, stored_fields
from backend.onecode.policies import Attribute, policies
from backend.onecode.requirements import requirements

FROM_DEPARTMENTS = {
    Attribute.INSURANCE_TYPE,
    Attribute.GUARDIANSHIP,
    Attribute.HOUSEHOLD_NUMBER,
    Attribute.RESIDENCE_PERMIT,
}


def facts(number: str = "430302198811053022", today: date = date(2026, 1, 1)) -> Facts:
    cipher, _ = Kek.parse(Kek.generate()).new_data_key(b"test")
    key = ResidentKey("resident-1", cipher)
    given = Particulars(
        "王小芳",
        parse_id_number(number, today=today),
        "13907310001",
        Place("430300", "430302"),
        "430100",
        "photo-1",
    )
    resident = seal_resident("resident-1", given, key, datetime(2026, 1, 1, tzinfo=UTC))
    return Facts(to_document(resident, BlindIndexes(b"1", b"2")), key, today)


def test_every_attribute_on_record_has_its_value():
    values = facts().values(Attribute)

    assert values == {
        "name": "王小芳",
        "sex": "FEMALE",
        "birth_year": "1988",
        "birth_date": "1988-11-05",
        "over_18": "true",
        "over_60": "false",
        "over_65": "false",
        "id_kind": "MAINLAND",
        "id_number": "430302198811053022",
        "id_number_tail": "3022",
        "mobile": "13907310001",
        "photo": "photo-1",
        "city": "430300",
        "district": "430302",
        "insurance_place": "430100",
    }


def test_what_only_departments_know_is_not_on_record():
    assert set(Attribute) - set(facts().values(Attribute)) == FROM_DEPARTMENTS


@pytest.mark.parametrize(("day", "of_age"), [(4, "false"), (5, "true")])
def test_coming_of_age_is_on_the_birthday(day: int, of_age: str):
    assert facts(today=date(2006, 11, day)).value(Attribute.OVER_18) == of_age


@pytest.mark.parametrize("attribute", sorted(set(Attribute) - FROM_DEPARTMENTS))
def test_a_value_needs_no_other_field_than_it_names(attribute: Attribute):
    whole = facts()
    fields = stored_fields([attribute])
    narrow = Facts({name: whole.stored[name] for name in fields}, whole.key, whole.today)

    assert narrow.value(attribute) == whole.value(attribute)


def test_a_missing_photo_is_simply_not_there():
    whole = facts()
    without = Facts({k: v for k, v in whole.stored.items() if k != "photo"}, whole.key, whole.today)

    assert without.value(Attribute.PHOTO) is None


def test_another_residents_key_opens_nothing():
    mine = facts()
    theirs = Facts(mine.stored, facts().key, mine.today)

    assert theirs.value(Attribute.NAME) is None
    assert theirs.value(Attribute.ID_NUMBER_TAIL) is None


def test_high_value_purposes_are_ones_that_exist_and_ordinary_ones_need_no_challenge():
    assert requirements().challenged <= set(policies())
    assert requirements().needs_challenge("household", "migration")
    assert not requirements().needs_challenge("medical", "treatment")


def test_a_card_never_discloses_whole_numbers_or_photos():
    beyond = {Attribute.ID_NUMBER, Attribute.MOBILE, Attribute.PHOTO, Attribute.BIRTH_DATE}
    assert requirements().card_attributes.isdisjoint(beyond)

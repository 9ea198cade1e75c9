import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.core.errors import Refusal
from backend.core.resident_id import (
    IdKind,
    Sex,
    parse_id_number,
    parse_mobile,
    parse_name,
)

TODAY = date(2026, 1, 1)

# An oracle of its own: GB 11643 defines the number as valid when Σ aᵢ·2^(i−1) ≡ 1 (mod 11), i from the right.
ORDER = "0123456789X"


def congruent(number: str) -> bool:
    return sum(ORDER.index(c) * 2**i for i, c in enumerate(reversed(number))) % 11 == 1


def completed(first_17: str) -> str:
    return next(first_17 + c for c in ORDER if congruent(first_17 + c))


def born_on(day: date, area: str = "430102", sequence: int = 451) -> str:
    return completed(f"{area}{day:%Y%m%d}{sequence:03}")


AREAS = st.integers(100000, 899999).map(str)
BIRTHS = st.dates(date(1900, 1, 1), TODAY)
NUMBERS = st.builds(born_on, BIRTHS, AREAS, st.integers(0, 999))


def refusal(text: str) -> str:
    with pytest.raises(Refusal) as refused:
        parse_id_number(text, today=TODAY)
    return refused.value.code


@pytest.mark.parametrize(
    ("number", "birth", "sex", "area"),
    [
        ("430102199003074515", date(1990, 3, 7), Sex.MALE, "430102"),
        ("430302198811053022", date(1988, 11, 5), Sex.FEMALE, "430302"),
        ("430182202003074511", date(2020, 3, 7), Sex.MALE, "430182"),
    ],
)
def test_valid_numbers_say_who_was_born_when(number, birth, sex, area):
    parsed = parse_id_number(number, today=TODAY)
    assert (parsed.kind, parsed.number) == (IdKind.MAINLAND, number)
    assert (parsed.birth_date, parsed.sex, parsed.area_hint) == (birth, sex, area)


@given(NUMBERS)
def test_every_number_of_the_standards_congruence_is_accepted(number):
    assert parse_id_number(number, today=TODAY).number == number


@given(NUMBERS, st.integers(0, 17), st.sampled_from(ORDER))
def test_no_single_changed_character_is_accepted(number, position, character):
    assume(number[position] != character)
    changed = number[:position] + character + number[position + 1 :]
    assert refusal(changed) in {"ID_NUMBER_CHECKSUM", "ID_NUMBER_FORMAT"}


@given(NUMBERS, st.integers(0, 16))
def test_no_two_exchanged_neighbours_are_accepted(number, position):
    first, second = number[position], number[position + 1]
    assume(first != second)
    exchanged = number[:position] + second + first + number[position + 2 :]
    assert refusal(exchanged) in {"ID_NUMBER_CHECKSUM", "ID_NUMBER_FORMAT"}


@given(st.text(max_size=100))
def test_any_text_is_parsed_or_refused_with_a_code(text):
    try:
        parsed = parse_id_number(text, today=TODAY)
    except Refusal as refused:
        assert refused.code in {"ID_NUMBER_FORMAT", "ID_NUMBER_CHECKSUM", "ID_NUMBER_BIRTH_DATE"}  # noqa: PT017
    else:
        assert len(parsed.number) in {15, 18}


@pytest.mark.parametrize(
    "text",
    [
        "４３０１０２１９９００３０７４５１５",
        " 430102 19900307 4515 ",
        "430102\u300019900307\t4515",
    ],
)
def test_full_width_digits_and_spaces_are_forgiven(text):
    assert parse_id_number(text, today=TODAY).number == "430102199003074515"


@pytest.mark.parametrize("x", ["x", "X", "ｘ", "Ｘ"])
def test_a_small_or_full_width_x_is_forgiven(x):
    number = next(n for s in range(1000) if (n := born_on(date(1980, 1, 1), sequence=s))[-1] == "X")
    assert parse_id_number(number[:-1] + x, today=TODAY).number == number


@pytest.mark.parametrize(
    "text", ["", "430102900307451", "0" * 18, "43010219900307451", "X" * 18, " " * 10_000]
)
def test_what_has_not_the_form_is_refused(text):
    assert refusal(text) == "ID_NUMBER_FORMAT"


@pytest.mark.parametrize("digits", ["20230229", "19990431", "20001301", "19900100", "18001231", "00000101"])
def test_a_birth_date_that_cannot_be_is_refused(digits):
    assert refusal(completed(f"430102{digits}451")) == "ID_NUMBER_BIRTH_DATE"


def test_a_child_born_today_is_accepted_and_one_born_tomorrow_is_not():
    assert parse_id_number(born_on(TODAY), today=TODAY).birth_date == TODAY
    assert refusal(born_on(TODAY + timedelta(days=1))) == "ID_NUMBER_BIRTH_DATE"


@pytest.mark.parametrize(
    ("prefix", "hint"),
    [
        ("430221", "430212"),  # 株洲县 became 渌口区.
        ("430124", "430182"),  # 宁乡县 became 宁乡市.
        ("430101", "430100"),  # 市辖区 named no district: the city.
        ("110105", "110105"),  # Elsewhere in the country.
        ("499999", "499999"),  # Nowhere: a hint is never a reason to refuse.
    ],
)
def test_the_area_is_a_hint_under_todays_name(prefix, hint):
    assert parse_id_number(born_on(date(1970, 5, 5), prefix), today=TODAY).area_hint == hint


@pytest.mark.parametrize("prefix", ["810000", "820000", "830000"])
def test_residence_permits_of_hong_kong_macao_and_taiwan(prefix):
    parsed = parse_id_number(born_on(date(1970, 5, 5), prefix, 2), today=TODAY)
    assert (parsed.kind, parsed.sex, parsed.area_hint) == (IdKind.HK_MO_TW, Sex.FEMALE, prefix)


@pytest.mark.parametrize(
    ("number", "birth", "sex", "area"),
    [
        ("911124198108030024", date(1981, 8, 3), Sex.FEMALE, "110000"),
        ("931012199012010018", date(1990, 12, 1), Sex.MALE, "310000"),
    ],
)
def test_foreign_permanent_residents_of_the_new_form(number, birth, sex, area):
    parsed = parse_id_number(number, today=TODAY)
    assert parsed.kind is IdKind.FOREIGN
    assert (parsed.birth_date, parsed.sex, parsed.area_hint) == (birth, sex, area)


def old_form(first_14: str) -> str:
    weights = [7, 3, 1] * 5
    values = [ord(c) - 55 if c.isalpha() else int(c) for c in first_14]
    return first_14 + str(sum(v * w for v, w in zip(values, weights, strict=False)) % 10)


def test_a_foreign_permanent_resident_of_the_old_form():
    parsed = parse_id_number("kaz110090123105", today=TODAY)
    assert (parsed.kind, parsed.number) == (IdKind.FOREIGN_OLD, "KAZ110090123105")
    assert (parsed.birth_date, parsed.sex, parsed.area_hint) == (date(1990, 12, 31), None, "110000")


@pytest.mark.parametrize(
    ("digits", "birth"),
    [
        ("250630", date(2025, 6, 30)),
        ("260102", date(1926, 1, 2)),  # 2026-01-02 is tomorrow.
        ("000229", date(2000, 2, 29)),
        ("280229", date(1928, 2, 29)),
    ],
)
def test_two_digits_of_a_year_mean_the_latest_past_century(digits, birth):
    assert parse_id_number(old_form(f"USA4301{digits}1"), today=TODAY).birth_date == birth


def test_an_old_form_birth_date_must_exist():
    assert refusal(old_form("USA43019902301")) == "ID_NUMBER_BIRTH_DATE"


@given(st.integers(3, 14), st.sampled_from("0123456789"))
def test_no_single_changed_digit_of_the_old_form_is_accepted(position, digit):
    number = "KAZ110090123105"
    assume(number[position] != digit)
    assert refusal(number[:position] + digit + number[position + 1 :]) == "ID_NUMBER_CHECKSUM"


def test_nothing_personal_is_printed():
    assert repr(parse_id_number("430102199003074515", today=TODAY)) == (
        "IdNumber(kind=<IdKind.MAINLAND: 'MAINLAND'>)"
    )


@pytest.mark.parametrize(
    "text",
    ["13812345678", "+86 138 1234 5678", "86-138-1234-5678", "0086 13812345678", "１３８１２３４５６７８"],
)
def test_a_mobile_number_in_any_dress(text):
    assert parse_mobile(text) == "13812345678"


@pytest.mark.parametrize(
    "text", ["", "12812345678", "1381234567", "138123456789", "+1 3812345678", "073188888888", "1381234567a"]
)
def test_what_is_no_mobile_number_is_refused(text):
    with pytest.raises(Refusal, match="MOBILE_INVALID"):
        parse_mobile(text)


@given(st.from_regex(r"\A1[3-9][0-9]{9}\Z"))
def test_every_number_of_the_form_is_itself(mobile):
    assert parse_mobile(mobile) == mobile


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("陈明远", "陈明远"),
        ("  陈明远\u3000", "陈明远"),
        ("买买提•艾力", "买买提·艾力"),
        ("买买提．艾力", "买买提·艾力"),
        ("Anne-Marie O'Neill", "Anne-Marie O'Neill"),
        ("Jose\u0301  García", "José García"),
        ("王\U0002a6a5", "王\U0002a6a5"),
        ("王\U00031350", "王\U00031350"),  # Newer than this Python's Unicode tables.
        ("阿" * 50, "阿" * 50),
    ],
)
def test_names_of_every_script(text, name):
    assert parse_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "陈",
        "陈1",
        "陈明远2",
        "陈\u0000远",
        "陈\u202e远",
        "陈<b>",
        "·陈明",
        "陈😀远",
        "阿" * 51,
        "阿 " * 500,
        "陈\n1",
    ],
)
def test_what_is_no_name_is_refused(text):
    with pytest.raises(Refusal, match="NAME_INVALID"):
        parse_name(text)


@given(st.text(max_size=80))
def test_a_name_that_is_accepted_is_normal_and_stays_itself(text):
    try:
        name = parse_name(text)
    except Refusal:
        return
    assert 2 <= len(name) <= 50
    assert unicodedata.is_normalized("NFC", name)
    assert not any(unicodedata.category(c)[0] in "CN" for c in name if ord(c) < 0x20000)
    assert parse_name(name) == name

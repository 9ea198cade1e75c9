"""The dated tables: the package's own are sound, and a faulty one is refused with its code."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files

import pytest

from backend.core.divisions import cities
from backend.core.errors import Refusal
from backend.medical.codes import HospitalLevel, Insutype, ItemClass, MedType
from backend.medical.loading import build_tables, parse_catalogue, parse_filing_rules, parse_policies, tables
from backend.medical.periods import Period
from backend.medical.tables import RATE_KEYS, Band, Layer, LayerBase
from tests.unit.medical.builders import XIANGTAN, filing, item, line, policy, settle, visit

DATA = files("backend.medical") / "data"
SHEET = (DATA / "policies" / "xiangtan.toml").read_text("utf-8")
CATALOGUE = (DATA / "catalogue.csv").read_text("utf-8")
RULES = (DATA / "filing_rules.toml").read_text("utf-8")


def refused(act, *given, **named) -> str:
    """The code with which it is refused, once both sentences have been made."""
    with pytest.raises(Refusal) as caught:
        act(*given, **named)
    assert caught.value.message("en") != caught.value.message("zh-CN")
    return caught.value.code


def planted(text: str, old: str, new: str) -> str:
    """The sheet with one fault."""
    assert old in text
    return text.replace(old, new, 1)


def test_every_city_has_a_policy_for_every_insurance_and_treatment_from_2024_on():
    for city in cities():
        for insutype in Insutype:
            for med_type in MedType:
                series = tables().policies[city.code, insutype, med_type]
                assert series[0].period.first == date(2024, 1, 1)
                assert series[-1].period.last is None
                assert all(one.rates.keys() == RATE_KEYS for one in series)


def test_there_is_one_policy_for_each_day():
    for key, series in tables().policies.items():
        for n in range(1200):
            day = date(2024, 1, 1) + timedelta(days=n)
            assert [one for one in series if day in one.period] == [tables().policy(*key, day)]


def test_the_cities_catalogues_list_the_same_items_in_their_own_way():
    codes = {city.code: {code for at, code in tables().catalogue if at == city.code} for city in cities()}
    assert len({frozenset(listed) for listed in codes.values()}) == 1
    day = date(2026, 3, 2)
    joint = [tables().item(city.code, "ILL-MAT-02", day).chrgitm_lv for city in cities()]
    assert joint == [ItemClass.B, ItemClass.C, ItemClass.C]


@pytest.mark.parametrize("level", HospitalLevel)
def test_a_veteran_cadre_pays_nothing_in_scope(level):
    one = visit(insutype=Insutype.VETERAN_CADRE, level=level, lines=(line(1, "ILL-OPR-01", "1", "900000"),))
    assert settle(one, filing(insutype=Insutype.VETERAN_CADRE)).amounts.psn_part_amt == 0


POLICY_FAULTS = [
    ('ratio = { PRIMARY = "0.9000"', 'ratio = { PRIMARY = "1.0001"', "MEDICAL_TABLE_RATIO"),
    ('UNFILED = "0.1800"', 'UNFILED = "0.8301"', "MEDICAL_TABLE_RATIO"),
    ('UNFILED = "0.1800"', 'UNFILED = "-0.1800"', "MEDICAL_TABLE_AMOUNT"),
    ('REFERRED = "0.0000"', 'REFERRED = "0.2000"', "MEDICAL_TABLE_UNFILED"),
    ('REFERRED = "0.0000", ', "", "MEDICAL_TABLE_INCOMPLETE"),
    ('SECONDARY = "600.00", ', "", "MEDICAL_TABLE_INCOMPLETE"),
    ('SECONDARY = "600.00"', "SECONDARY = 600.00", "MEDICAL_TABLE_AMOUNT"),
    ('SECONDARY = "600.00"', 'SECONDARY = "600.001"', "MEDICAL_TABLE_AMOUNT"),
    ('SECONDARY = "600.00"', 'SECONDARY = "NaN"', "MEDICAL_TABLE_AMOUNT"),
    ('SECONDARY = "600.00"', 'QUATERNARY = "600.00"', "MEDICAL_CODE_UNKNOWN"),
    ('insutype = "310"', 'insutype = "311"', "MEDICAL_CODE_UNKNOWN"),
    ('insutype = "310"', "insutype = 310", "MEDICAL_TABLE_FORMAT"),
    ('med_types = ["21", "14"]', "med_types = []", "MEDICAL_TABLE_INCOMPLETE"),
    ('med_types = ["21", "14"]', "med_types = 21", "MEDICAL_TABLE_FORMAT"),
    ("last = 2025-12-31", "last = 2023-12-31", "MEDICAL_TABLE_DATES"),
    ("last = 2025-12-31", 'last = "2025-12-31"', "MEDICAL_TABLE_FORMAT"),
    ("last = 2025-12-31", "last = 2025-12-31T00:00:00Z", "MEDICAL_TABLE_FORMAT"),
    ("first = 2024-01-01\n", "", "MEDICAL_TABLE_FORMAT"),
    ("account = true", 'account = "yes"', "MEDICAL_TABLE_FORMAT"),
    ("account = true", "account = true\nextra = 1", "MEDICAL_TABLE_FORMAT"),
    ('annual_cap = "140000.00"', 'annual_cap = "-1.00"', "MEDICAL_TABLE_AMOUNT"),
    ('fund = "hifob_pay"', 'fund = "maf_pay"', "MEDICAL_TABLE_FORMAT"),
    ('fund = "hifob_pay"', "fund = []", "MEDICAL_TABLE_FORMAT"),
    ('base = "ABOVE_CAP"', 'base = "ALL"', "MEDICAL_CODE_UNKNOWN"),
    ('{ over = "0.00", ratio = "0.8500" }', '{ over = "0.00", ratio = "1.8500" }', "MEDICAL_TABLE_RATIO"),
    ('  { over = "0.00", ratio = "0.8500" },\n', "", "MEDICAL_TABLE_BANDS"),
    ("[policy.aid.EXTREME_POVERTY]", "[policy.aid.RICH]", "MEDICAL_CODE_UNKNOWN"),
    ("illustrative = true", "illustrative = false", "MEDICAL_TABLE_FORMAT"),
    ('city = "430300"', 'city = "430302"', "MEDICAL_TABLE_FORMAT"),
    ('city = "430300"', 'city = "999999"', "MEDICAL_PLACE_UNKNOWN"),
    ('city = "430300"', "city = ", "MEDICAL_TABLE_FORMAT"),
]


@pytest.mark.parametrize(("old", "new", "code"), POLICY_FAULTS)
def test_a_faulty_sheet_of_policies_is_refused(old, new, code):
    assert parse_policies(SHEET)
    assert refused(parse_policies, planted(SHEET, old, new)) == code


@pytest.mark.parametrize(
    ("last", "code", "day"),
    [
        ("2026-01-01", "MEDICAL_TABLE_OVERLAP", "2026-01-01"),
        ("2026-12-31", "MEDICAL_TABLE_OVERLAP", "2026-01-01"),
        ("2025-12-30", "MEDICAL_TABLE_GAP", "2025-12-31"),
        (None, "MEDICAL_TABLE_OVERLAP", "2026-01-01"),
    ],
)
def test_a_day_with_two_policies_or_none_is_refused_and_named(last, code, day):
    sheet = planted(SHEET, "last = 2025-12-31\n", f"last = {last}\n" if last else "")
    with pytest.raises(Refusal) as caught:
        build_tables(parse_policies(sheet), [], [])
    assert (caught.value.code, caught.value.params["day"]) == (code, day)
    assert XIANGTAN in str(caught.value.params["where"])


def test_two_sheets_of_one_city_are_refused():
    assert refused(build_tables, parse_policies(SHEET) * 2, [], []) == "MEDICAL_TABLE_OVERLAP"


CATALOGUE_FAULTS = [
    ("chrgitm_lv", "class", "MEDICAL_TABLE_FORMAT"),
    ("60.00,0.0000,2024-01-01,", "60.00,0.1000,2024-01-01,", "MEDICAL_TABLE_RATIO"),
    ("03,,1.0000", "03,,0.5000", "MEDICAL_TABLE_RATIO"),
    ("02,260.00,0.1000", "02,260.00,1.1000", "MEDICAL_TABLE_RATIO"),
    ("02,260.00,0.1000", "02,-260.00,0.1000", "MEDICAL_TABLE_AMOUNT"),
    ("02,260.00,0.1000", "04,260.00,0.1000", "MEDICAL_CODE_UNKNOWN"),
    ("60.00,0.0000,2024-01-01,", "60.00,0.0000,2024-02-30,", "MEDICAL_TABLE_FORMAT"),
    ("60.00,0.0000,2024-01-01,", "60.00,0.0000,2024-01-01,2023-01-01", "MEDICAL_TABLE_DATES"),
    ("60.00,0.0000,2024-01-01,", "60.00,0.0000,2024-01-01,,one too many", "MEDICAL_TABLE_FORMAT"),
    ("60.00,0.0000,2024-01-01,", "60.00,0.0000", "MEDICAL_TABLE_FORMAT"),
    ("60.00,0.0000,2024-01-01,", "60.00", "MEDICAL_TABLE_AMOUNT"),
    ("430100,ILL-BED-01", "430000,ILL-BED-01", "MEDICAL_PLACE_UNKNOWN"),
]


@pytest.mark.parametrize(("old", "new", "code"), CATALOGUE_FAULTS)
def test_a_faulty_catalogue_is_refused(old, new, code):
    assert parse_catalogue(CATALOGUE)
    assert refused(parse_catalogue, planted(CATALOGUE, old, new)) == code


@pytest.mark.parametrize("limit", ["-0.01", "NaN", "0.0000001"])
def test_a_price_limit_that_is_no_price_is_refused(limit):
    assert refused(item, "X", pric_uplmt_amt=Decimal(limit)) == "MEDICAL_TABLE_AMOUNT"


def test_an_item_may_pause_but_not_be_listed_twice():
    early = item("X", period=Period(date(2024, 1, 1), date(2024, 6, 30)))
    again = item("X", period=Period(date(2025, 1, 1)))
    found = build_tables([], [again, early], [])
    assert found.item(early.city, "X", date(2025, 1, 1)) is again
    assert refused(found.item, early.city, "X", date(2024, 7, 1)) == "MEDICAL_ITEM_NOT_LISTED"
    twice = replace(again, period=Period(date(2024, 6, 30)))
    assert refused(build_tables, [], [early, twice], []) == "MEDICAL_TABLE_OVERLAP"


RULE_FAULTS = [
    ('kind = "REFERRED"', 'kind = "HOLIDAY"', "MEDICAL_CODE_UNKNOWN"),
    ("months = 6", "months = 0", "MEDICAL_TABLE_FORMAT"),
    ("months = 6\n", "", "MEDICAL_TABLE_FORMAT"),
    ("backdate_days = 30", "backdate_days = -1", "MEDICAL_TABLE_FORMAT"),
    ("backdate_days = 30", "backdate_days = true", "MEDICAL_TABLE_FORMAT"),
    ("backdate_days = 30", "backdate_days = 1.5", "MEDICAL_TABLE_FORMAT"),
    ("backdate_days = 30\n", "", "MEDICAL_TABLE_FORMAT"),
    ('kind = "POSTED_WORKER"', 'kind = "POSTED_WORKER"\nmonths = 6', "MEDICAL_TABLE_FORMAT"),
    ("illustrative = true", "", "MEDICAL_TABLE_FORMAT"),
]


@pytest.mark.parametrize(("old", "new", "code"), RULE_FAULTS)
def test_faulty_filing_rules_are_refused(old, new, code):
    assert len(parse_filing_rules(RULES)) == 5
    assert refused(parse_filing_rules, planted(RULES, old, new)) == code


def test_two_rules_of_one_kind_on_one_day_are_refused():
    doubled = planted(RULES, 'kind = "REFERRED"', 'kind = "TEMPORARY"')
    assert refused(build_tables, [], [], parse_filing_rules(doubled)) == "MEDICAL_TABLE_OVERLAP"


def test_bands_must_rise_and_pay_at_most_everything():
    half, over = Decimal("0.5000"), Decimal("10.00")
    for bands, code in [
        ((Band(over, half), Band(over, half)), "MEDICAL_TABLE_BANDS"),
        ((Band(over, half), Band(Decimal("9.99"), half)), "MEDICAL_TABLE_BANDS"),
        ((Band(over, Decimal("1.0001")),), "MEDICAL_TABLE_RATIO"),
        ((Band(Decimal("-1.00"), half),), "MEDICAL_TABLE_AMOUNT"),
    ]:
        assert refused(Layer, "hifmi_pay", LayerBase.BURDEN, bands, None) == code


def test_a_policy_that_rewards_not_filing_is_refused():
    assert refused(policy, ratio="0.5000", less="-0.1000") == "MEDICAL_TABLE_UNFILED"


def test_the_data_says_that_it_is_illustrative():
    for sheet in (DATA / "policies").iterdir():
        assert re.search(r"^illustrative = true$", sheet.read_text("utf-8"), re.MULTILINE)
    assert all(code.startswith("ILL-") for _, code in tables().catalogue)

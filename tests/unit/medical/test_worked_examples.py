"""The brief's worked examples, and others reckoned by hand, to the cent."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from backend.core.errors import Refusal
from backend.medical.codes import AidCategory, Basis, HospitalLevel, Insutype, ItemClass, MedType
from backend.medical.loading import tables
from backend.medical.models import Accumulators
from backend.medical.settlement import accumulate
from tests.unit.medical.builders import (
    CHANGSHA,
    TREATED,
    XIANGTAN,
    ZHUZHOU,
    filing,
    item,
    line,
    own_tables,
    policy,
    settle,
    visit,
    yuan,
)

RESIDENT = Insutype.RESIDENT


def in_scope(amount: str):
    """A bill of one 甲类 line without a limit."""
    return (line(1, "ILL-OPR-01", "1", amount),)


def test_the_brief_an_employee_with_a_filing():
    amounts = settle(visit(), filing(), balance="2310.00").amounts

    assert amounts.medfee_sumamt == yuan("20000.00")
    assert amounts.fulamt_ownpay_amt == yuan("1800.00")
    assert amounts.overlmt_selfpay == yuan("200.00")
    assert amounts.preselfpay_amt == yuan("1050.00")
    assert amounts.inscp_scp_amt == yuan("16950.00")
    assert amounts.act_pay_dedc == yuan("1000.00")
    assert amounts.pool_prop_selfpay == Decimal("0.8500")
    assert amounts.hifp_pay == amounts.fund_pay_sumamt == yuan("13557.50")
    assert amounts.psn_part_amt == yuan("6442.50")
    assert amounts.acct_pay == yuan("2310.00")
    assert amounts.psn_cash_pay == yuan("4132.50")


def test_the_brief_the_same_person_without_a_filing():
    done = settle(visit())
    assert done.calculation.basis is Basis.UNFILED
    assert done.amounts.pool_prop_selfpay == Decimal("0.7000")
    assert (done.amounts.fund_pay_sumamt, done.amounts.psn_part_amt) == (yuan("11165.00"), yuan("8835.00"))


def test_the_brief_a_resident_with_a_filing():
    done = settle(visit(insutype=RESIDENT), filing(insutype=RESIDENT), balance="2310.00")
    assert (done.amounts.fund_pay_sumamt, done.amounts.psn_part_amt) == (yuan("9270.00"), yuan("10730.00"))
    assert done.amounts.acct_pay == yuan(0), "the residents' insurance has no personal account"


@pytest.mark.parametrize(
    ("insutype", "level", "deductible", "ratio"),
    [
        (Insutype.EMPLOYEE, HospitalLevel.PRIMARY, "300.00", "0.9200"),
        (Insutype.EMPLOYEE, HospitalLevel.SECONDARY, "600.00", "0.9000"),
        (Insutype.EMPLOYEE, HospitalLevel.TERTIARY, "1000.00", "0.8500"),
        (RESIDENT, HospitalLevel.PRIMARY, "200.00", "0.8500"),
        (RESIDENT, HospitalLevel.SECONDARY, "500.00", "0.7500"),
        (RESIDENT, HospitalLevel.TERTIARY, "1500.00", "0.6000"),
    ],
)
@pytest.mark.parametrize("city", [CHANGSHA, ZHUZHOU, XIANGTAN])
def test_the_brief_s_table_of_rates(insutype, level, deductible, ratio, city):
    found = tables().policy(city, insutype, MedType.INPATIENT, TREATED)
    for basis in Basis:
        less = Decimal("0.15") if basis is Basis.UNFILED else 0
        assert found.rate(level, basis).deductible == Decimal(deductible)
        assert found.rate(level, basis).ratio == Decimal(ratio) - less
    assert found.annual_cap == yuan("150000.00")


@pytest.mark.parametrize(
    ("scope", "pool", "above", "large"),
    [
        ("177470.58", "149999.99", "0.00", "0.00"),  # × 0.85 = 149,999.993
        ("177470.59", "150000.00", "0.00", "0.00"),  # × 0.85 = 150,000.0015, which rounds to the cap
        ("177470.60", "150000.00", "0.01", "0.01"),  # × 0.85 = 150,000.01; 0.01 ÷ 0.85 = 0.0118
        ("301000.00", "150000.00", "123529.41", "111176.47"),  # 105,000 ÷ 0.85; × 0.9 = 111,176.469
    ],
)
def test_around_the_cap_the_large_amount_fund_takes_over(scope, pool, above, large):
    amounts = settle(visit(lines=in_scope(scope)), filing()).amounts
    assert (amounts.hifp_pay, amounts.abovecap_amt, amounts.hifob_pay) == (
        yuan(pool),
        yuan(above),
        yuan(large),
    )


def test_with_the_cap_used_up_everything_goes_to_the_large_amount_fund():
    before = Accumulators(deductible=yuan(1000), pool=yuan(150000))
    amounts = settle(visit(lines=in_scope("10000.00")), filing(), before=before).amounts
    assert (amounts.hifp_pay, amounts.abovecap_amt, amounts.hifob_pay) == (
        yuan(0),
        yuan(10000),
        yuan(9000),
    )


def test_the_large_amount_fund_has_a_cap_of_its_own():
    before = Accumulators(deductible=yuan(1000), pool=yuan(150000), supplement=yuan("249999.99"))
    amounts = settle(visit(lines=in_scope("10000.00")), filing(), before=before).amounts
    assert (amounts.hifob_pay, amounts.psn_part_amt) == (yuan("0.01"), yuan("9999.99"))


def test_critical_illness_insurance_pays_in_bands_over_the_year():
    covered = filing(insutype=RESIDENT)
    first = settle(visit(insutype=RESIDENT, lines=in_scope("100000.00")), covered)
    assert first.amounts.hifp_pay == yuan("59100.00")  # 98,500 × 0.6
    assert first.amounts.hifmi_pay == yuan("14940.00")  # (40,900 − 16,000) × 0.6

    before = Accumulators(
        deductible=yuan(1500), pool=yuan("59100"), burden=yuan("40900"), supplement=yuan("14940")
    )
    second = settle(visit(insutype=RESIDENT, lines=in_scope("100000.00")), covered, before=before)
    assert second.amounts.hifp_pay == yuan("60000.00")
    assert second.amounts.hifmi_pay == yuan("25745.00")  # 5,100 × 0.6 + 34,900 × 0.65


@pytest.mark.parametrize(
    ("category", "aid"),
    [
        (None, "0.00"),
        (AidCategory.EXTREME_POVERTY, "25960.00"),
        (AidCategory.MINIMUM_LIVING, "18172.00"),  # × 0.7
        (AidCategory.LOW_INCOME, "11480.00"),  # (25,960 − 3,000) × 0.5
    ],
)
def test_aid_comes_last_and_only_for_those_entitled(category, aid):
    one = visit(insutype=RESIDENT, lines=in_scope("100000.00"), aid=category)
    amounts = settle(one, filing(insutype=RESIDENT)).amounts
    assert amounts.maf_pay == yuan(aid)
    assert amounts.fund_pay_sumamt == yuan("74040.00") + yuan(aid)


def test_the_deductible_is_paid_once_a_year():
    left = settle(visit(), filing(), before=Accumulators(deductible=yuan(300))).amounts
    none = settle(visit(), filing(), before=Accumulators(deductible=yuan(1600))).amounts
    assert (left.act_pay_dedc, left.hifp_pay) == (yuan(700), yuan("13812.50"))  # 16,250 × 0.85
    assert (none.act_pay_dedc, none.hifp_pay) == (yuan(0), yuan("14407.50"))  # 16,950 × 0.85


def test_a_bill_below_the_deductible_is_all_the_person_s():
    amounts = settle(visit(lines=in_scope("999.99")), filing(), balance="1000.00").amounts
    assert (amounts.act_pay_dedc, amounts.fund_pay_sumamt) == (yuan("999.99"), yuan(0))
    assert (amounts.acct_pay, amounts.psn_cash_pay) == (yuan("999.99"), yuan(0))


def test_the_catalogue_is_the_treating_place_s_and_the_policy_the_home_place_s():
    # 乙类: 15 % first in Changsha, 20 % and nothing above 480 in Xiangtan.
    one = visit(lines=(line(1, "ILL-IMG-02", "10", "500"),), begndate=date(2025, 6, 2))
    valid = {"begndate": date(2025, 6, 1), "enddate": date(2025, 6, 30)}

    at_home = settle(replace(one, mdtrtarea_admvs=XIANGTAN)).amounts
    away = settle(one, filing(**valid)).amounts
    back = filing(insu_admdvs=CHANGSHA, rloc_admdvs=XIANGTAN, **valid)
    other_way = settle(replace(one, insu_admdvs=CHANGSHA, mdtrtarea_admvs=XIANGTAN), back).amounts

    assert (at_home.overlmt_selfpay, at_home.preselfpay_amt) == (yuan(200), yuan(960))
    assert (away.overlmt_selfpay, away.preselfpay_amt) == (yuan(0), yuan(750))
    assert (other_way.overlmt_selfpay, other_way.preselfpay_amt) == (yuan(200), yuan(960))
    assert at_home.pool_prop_selfpay == away.pool_prop_selfpay == Decimal("0.8300")
    assert other_way.pool_prop_selfpay == Decimal("0.8400")


@pytest.mark.parametrize(
    ("day", "deductible", "ratio", "own"),
    [
        (date(2025, 12, 31), "1100.00", "0.8300", "4800.00"),  # The targeted medicine was still 丙类.
        (date(2026, 1, 1), "1000.00", "0.8500", "1800.00"),
    ],
)
def test_rates_and_catalogue_change_with_the_day_of_treatment(day, deductible, ratio, own):
    amounts = settle(visit(begndate=day), filing(begndate=day, enddate=day)).amounts
    assert amounts.act_pay_dedc == yuan(deductible)
    assert amounts.pool_prop_selfpay == Decimal(ratio)
    assert amounts.fulamt_ownpay_amt == yuan(own)


@pytest.mark.parametrize(
    ("day", "basis"),
    [
        (date(2025, 12, 31), Basis.UNFILED),
        (date(2026, 1, 1), Basis.REFERRED),
        (date(2026, 6, 30), Basis.REFERRED),
        (date(2026, 7, 1), Basis.UNFILED),
    ],
)
def test_a_filing_counts_on_its_first_and_last_day_and_not_beside_them(day, basis):
    assert settle(visit(begndate=day), filing()).calculation.basis is basis


@pytest.mark.parametrize(
    "foreign",
    [
        {"rloc_admdvs": ZHUZHOU},
        {"insu_admdvs": ZHUZHOU},
        {"psn_no": "p2"},
        {"insutype": RESIDENT},
        {"cancelled_from": TREATED},
    ],
)
def test_a_filing_of_another_place_person_or_insurance_or_a_cancelled_one_is_none(foreign):
    assert settle(visit(), filing(**foreign)).calculation.basis is Basis.UNFILED


def test_a_filing_for_a_district_holds_in_its_whole_city():
    done = settle(visit(mdtrtarea_admvs="430103"), filing(rloc_admdvs="430102"))
    assert done.filing is not None
    assert done.record(setl_id="s1", setl_time=filing().filed_at).filing == "f1"


def test_treatment_at_home_needs_no_filing():
    done = settle(visit(mdtrtarea_admvs="430304"))
    assert (done.calculation.basis, done.filing) == (Basis.LOCAL, None)
    assert done.amounts.pool_prop_selfpay == Decimal("0.8500")


@pytest.mark.parametrize(
    ("cnt", "pric", "amount"),
    [("1", "0.005", "0.01"), ("1", "0.004999", "0.00"), ("0.5", "0.03", "0.02"), ("3", "0.335", "1.01")],
)
def test_half_a_cent_is_rounded_up_once_at_the_line(cnt, pric, amount):
    assert line(1, "X", cnt, pric).det_item_fee_sumamt == yuan(amount)


def test_each_line_s_first_share_is_rounded_by_itself():
    one = own_tables(policy(), item("B", ItemClass.B))
    lines = (line(1, "B", "1", "0.05"), line(2, "B", "1", "0.05"))  # Twice 0.005, twice half-up.
    assert settle(visit(lines=lines), using=one).amounts.preselfpay_amt == yuan("0.02")


def test_the_hospital_s_own_share_lowers_the_person_s():
    amounts = settle(visit(hosp_part_amt=yuan("442.50")), filing()).amounts
    assert (amounts.fund_pay_sumamt, amounts.psn_part_amt) == (yuan("13557.50"), yuan("6000.00"))


def test_the_hospital_can_t_bear_more_than_the_funds_leave():
    assert settle(visit(hosp_part_amt=yuan("6442.50")), filing()).amounts.psn_part_amt == yuan(0)
    with pytest.raises(Refusal) as refused:
        settle(visit(hosp_part_amt=yuan("6442.51")), filing())
    assert refused.value.code == "MEDICAL_HOSPITAL_SHARE"


def test_outpatient_treatment_has_a_pot_of_its_own():
    out = visit(med_type=MedType.OUTPATIENT, lines=(line(1, "ILL-MED-01", "10", "100"),), mdtrt_id="m2")
    inpatient = settle(visit(), filing()).record(setl_id="s1", setl_time=filing().filed_at)
    pot = tables().policy(XIANGTAN, Insutype.EMPLOYEE, MedType.OUTPATIENT, TREATED)

    before = accumulate([inpatient], psn_no="p1", policy=pot, year=2026)

    assert before == Accumulators()
    assert settle(out, filing(), before=before).amounts.hifp_pay == yuan("480.00")  # (1,000 − 200) × 0.6


def test_a_year_accumulates_and_a_new_year_begins_at_nothing():
    first = settle(visit(), filing()).record(setl_id="s1", setl_time=filing().filed_at)
    pot = tables().policy(XIANGTAN, Insutype.EMPLOYEE, MedType.INPATIENT, TREATED)
    counted = {"psn_no": "p1", "policy": pot}

    same_year = accumulate([first], **counted, year=2026)

    assert same_year == Accumulators(
        deductible=yuan(1000), pool=yuan("13557.50"), burden=yuan("3392.50"), aid_base=yuan("3392.50")
    )
    assert accumulate([first], **counted, year=2027) == Accumulators()
    assert accumulate([first], psn_no="p2", policy=pot, year=2026) == Accumulators()
    other_city = replace(pot, city=CHANGSHA)
    assert accumulate([first], psn_no="p1", policy=other_city, year=2026) == Accumulators()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"begndate": date(2023, 12, 31)}, "MEDICAL_POLICY_NONE"),
        ({"lines": (line(1, "NO-SUCH-ITEM", "1", "1"),)}, "MEDICAL_ITEM_NOT_LISTED"),
    ],
)
def test_what_the_tables_don_t_hold_is_refused(changes, code):
    with pytest.raises(Refusal) as refused:
        settle(visit(**changes), filing())
    assert refused.value.code == code
    assert refused.value.message("en")

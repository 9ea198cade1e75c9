"""The explanation tells every step with its amounts, in both languages."""

from decimal import Decimal

import pytest

from backend.medical.codes import AidCategory, Basis, FilingKind, Insutype
from backend.medical.explanation import percent
from backend.medical.explanation import yuan as shown
from backend.medical.models import Accumulators
from tests.unit.medical.builders import XIANGTAN, filing, line, settle, visit, yuan


def codes(done) -> list[str]:
    """The steps' codes."""
    return [step.code for step in done.steps]


def test_the_brief_s_bill_told_step_by_step_in_chinese():
    done = settle(visit(), filing(), balance="2310.00")
    assert [step.text("zh-CN") for step in done.steps] == [
        "医疗费用共 5 项，总额 20,000.00 元",
        "丙类（目录外）费用 1,800.00 元，全部自费",
        "超过最高限价的部分 200.00 元，自费",
        "乙类项目先行自付 1,050.00 元",
        "其余 16,950.00 元在政策范围内",
        "已办理异地转诊备案，支付比例 85%",
        "年度起付线 1,000.00 元，本年度此前已付 0.00 元，本次先付 1,000.00 元",
        "15,950.00 元 × 85%，统筹基金支付 13,557.50 元",
        "各项基金共支付 13,557.50 元",
        "个人负担 6,442.50 元",
        "个人账户支付 2,310.00 元，余额 0.00 元",
        "现金支付 4,132.50 元",
        "以上比例、起付线和封顶线为示例数据",
    ]


def test_without_a_filing_the_lost_points_are_told_in_english():
    told = [step.text("en") for step in settle(visit()).steps]
    assert "No filing was valid on the day of treatment: the ratio is 15 points lower, 70%" in told
    assert "¥15,950.00 × 70%: the pooled fund pays ¥11,165.00" in told


def test_the_cap_and_the_large_amount_fund_are_told_when_they_come_in():
    one = visit(lines=(line(1, "ILL-OPR-01", "1", "301000"),), hosp_part_amt=yuan(100))
    told = [step.text("en") for step in settle(one, filing(), before=Accumulators(pool=yuan(5000))).steps]
    assert told[4] == (
        "¥300,000.00 × 85% goes beyond the year's cap of ¥150,000.00 (¥5,000.00 used before): "
        "the pooled fund pays ¥145,000.00"
    )
    assert told[5] == "¥129,411.76 of the costs in scope lies above the cap"
    assert told[6] == "Of the ¥129,411.76 above the cap, the employees' large-amount fund pays ¥116,470.58"
    assert "The hospital bears ¥100.00" in told


def test_critical_illness_and_aid_are_told_with_the_year_s_sum():
    lines = (line(1, "ILL-OPR-01", "1", "100000"),)
    one = visit(insutype=Insutype.RESIDENT, lines=lines, aid=AidCategory.MINIMUM_LIVING)
    before = Accumulators(burden=yuan("100.00"))
    told = [step.text("en") for step in settle(one, filing(insutype=Insutype.RESIDENT), before=before).steps]
    assert (
        "With ¥41,000.00 of costs in scope left to you this year, critical-illness insurance pays ¥15,000.00"
        in told
    )
    assert "Of the ¥25,900.00 in scope still left, medical aid pays ¥18,130.00" in told


def test_what_came_to_nothing_is_left_out():
    assert codes(settle(visit(lines=(line(1, "ILL-OPR-01", "1", "500"),)), filing())) == [
        "MEDICAL_STEP_TOTAL",
        "MEDICAL_STEP_IN_SCOPE",
        "MEDICAL_BASIS_REFERRED",
        "MEDICAL_STEP_DEDUCTIBLE",
        "MEDICAL_STEP_POOL",
        "MEDICAL_STEP_FUNDS",
        "MEDICAL_STEP_PERSON",
        "MEDICAL_STEP_CASH",
        "MEDICAL_STEP_ILLUSTRATIVE",
    ]


@pytest.mark.parametrize("kind", FilingKind)
def test_each_kind_of_filing_is_named(kind):
    done = settle(visit(), filing(kind=kind))
    assert f"MEDICAL_BASIS_{kind}" in codes(done)


def test_treatment_at_home_and_none_filed_are_named():
    assert "MEDICAL_BASIS_LOCAL" in codes(settle(visit(mdtrtarea_admvs=XIANGTAN)))
    assert "MEDICAL_BASIS_UNFILED" in codes(settle(visit()))


@pytest.mark.parametrize("basis", Basis)
def test_every_step_has_both_languages(basis):
    at = XIANGTAN if basis is Basis.LOCAL else "430102"
    filings = () if basis in {Basis.LOCAL, Basis.UNFILED} else (filing(kind=FilingKind(basis.value)),)
    for step in settle(visit(mdtrtarea_admvs=at), *filings).steps:
        assert step.text("zh-CN") != step.text("en")
        assert step.amount is None or shown(step.amount) in step.text("en")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [("0.8500", "85"), ("1.0000", "100"), ("0.1234", "12.34"), ("0.0000", "0"), ("0.1000", "10")],
)
def test_a_ratio_is_shown_in_percent(ratio, text):
    assert percent(Decimal(ratio)) == text

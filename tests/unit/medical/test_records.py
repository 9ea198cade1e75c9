"""Money, bill lines, amounts and records: what can't be built, and reversals."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import Refusal
from backend.medical.codes import Insutype, MedType, parse_code
from backend.medical.loading import tables
from backend.medical.models import MONEY, Accumulators, BillLine
from backend.medical.money import half_up, is_money, parse_decimal
from backend.medical.settlement import accumulate, reverse
from tests.unit.medical.builders import (
    NOON,
    TREATED,
    XIANGTAN,
    ZHUZHOU,
    filing,
    line,
    record,
    settle,
    visit,
    yuan,
)

HOSTILE_NUMBERS = [
    "",
    " ",
    "-1",
    "+1",
    "1e3",
    "NaN",
    "Infinity",
    "-Infinity",
    "sNaN",
    "1_000",
    "１２",
    "١٢",
    "0x10",
    "1,000.00",
    ".5",
    "5.",
    "1.005",
    "1\n",
    "9" * 15,
    "9" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE_NUMBERS)
def test_a_hostile_number_is_refused_with_a_code(text):
    with pytest.raises(Refusal) as refused:
        parse_decimal(text)
    assert refused.value.code == "MEDICAL_AMOUNT_INVALID"


@given(st.text("0123456789.-+eE_ １", max_size=20))
def test_any_text_is_money_or_refused(text):
    plain = re.fullmatch(r"[0-9]{1,14}(\.[0-9]{1,2})?", text, re.ASCII)
    if plain:
        assert is_money(parse_decimal(text))
        assert parse_decimal(text) == Decimal(text)
    else:
        with pytest.raises(Refusal, match="MEDICAL_AMOUNT_INVALID"):
            parse_decimal(text)


@pytest.mark.parametrize(
    ("text", "places", "value"), [("0", 2, "0.00"), ("13557.5", 2, "13557.50"), ("0.85", 4, "0.8500")]
)
def test_a_number_is_brought_to_its_places(text, places, value):
    assert str(parse_decimal(text, places=places)) == value


@given(st.integers(0, 10**12), st.integers(0, 10**6))
def test_rounding_is_half_up(whole, thousandths):
    exact = Decimal(whole) + Decimal(thousandths).scaleb(-6)
    off = half_up(exact) - exact
    assert Decimal("-0.005") < off <= Decimal("0.005")


def test_rounding_doesn_t_depend_on_the_thread_s_decimal_context():
    one = line(1, "X", "1.5", "100000.01")
    with localcontext(rounding="ROUND_DOWN", prec=6):
        assert str(one.det_item_fee_sumamt) == "150000.02"


@pytest.mark.parametrize(
    ("cnt", "pric"),
    [
        ("0", "1"),
        ("-1", "1"),
        ("1", "-1"),
        ("NaN", "1"),
        ("1", "Infinity"),
        ("1.00001", "1"),
        ("1", "0.0000001"),
        ("1E+3", "1"),
        ("1E+999999", "1"),
        ("99999999999999", "99999999999999"),
    ],
)
def test_a_hostile_line_is_refused_with_a_code(cnt, pric):
    with pytest.raises(Refusal) as refused:
        line(1, "X", cnt, pric)
    assert refused.value.code == "MEDICAL_LINE_INVALID"


def test_a_float_is_no_quantity():
    with pytest.raises(Refusal) as refused:
        BillLine("1", "X", 1.5, Decimal(1))
    assert refused.value.code == "MEDICAL_LINE_INVALID"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lines": ()}, "MEDICAL_BILL_EMPTY"),
        ({"lines": (line(1, "X", "1", "1"),) * 2}, "MEDICAL_LINE_TWICE"),
        ({"lines": tuple(line(n, "X", "1", "1") for n in range(5_001))}, "MEDICAL_BILL_TOO_LONG"),
        ({"lines": tuple(line(n, "X", "1", "9" * 14) for n in range(2))}, "MEDICAL_AMOUNT_INVALID"),
        ({"hosp_part_amt": yuan("-0.01")}, "MEDICAL_AMOUNT_INVALID"),
        ({"hosp_part_amt": Decimal("0.001")}, "MEDICAL_AMOUNT_INVALID"),
        ({"insu_admdvs": "440100"}, "MEDICAL_PLACE_UNKNOWN"),
        ({"mdtrtarea_admvs": ""}, "MEDICAL_PLACE_UNKNOWN"),
        ({"mdtrt_id": "x" * 51}, "MEDICAL_ID_INVALID"),
        ({"psn_no": "湘"}, "MEDICAL_ID_INVALID"),
        ({"psn_type": None}, "MEDICAL_ID_INVALID"),
    ],
)
def test_a_hostile_visit_is_refused_with_a_code(changes, code):
    with pytest.raises(Refusal) as refused:
        visit(**changes)
    assert refused.value.code == code
    assert refused.value.message("en")


def test_a_bill_may_have_its_most_lines():
    lines = tuple(line(n, "ILL-OPR-01", "1", "1.01") for n in range(5_000))
    assert settle(visit(lines=lines), filing()).amounts.medfee_sumamt == yuan("5050.00")


@pytest.mark.parametrize("balance", ["-0.01", "-1"])
def test_an_account_below_nothing_is_refused(balance):
    with pytest.raises(Refusal) as refused:
        settle(visit(), filing(), balance=balance)
    assert refused.value.code == "MEDICAL_AMOUNT_INVALID"


@pytest.mark.parametrize("name", Accumulators.__dataclass_fields__)
def test_a_year_below_nothing_is_refused(name):
    with pytest.raises(Refusal) as refused:
        Accumulators(**{name: yuan("-0.01")})
    assert refused.value.code == "MEDICAL_AMOUNT_INVALID"


@pytest.mark.parametrize("code", ["", "999", "３１０", "310 "])
def test_an_unknown_code_is_refused(code):
    with pytest.raises(Refusal) as refused:
        parse_code(Insutype, code)
    assert refused.value.code == "MEDICAL_CODE_UNKNOWN"
    assert parse_code(Insutype, "310") is Insutype.EMPLOYEE


IDENTITIES = {
    "medfee_sumamt": "medfee_sumamt",
    "fulamt_ownpay_amt": "medfee_sumamt",
    "overlmt_selfpay": "medfee_sumamt",
    "preselfpay_amt": "medfee_sumamt",
    "inscp_scp_amt": "medfee_sumamt",
    "hifp_pay": "fund_pay_sumamt",
    "cvlserv_pay": "fund_pay_sumamt",
    "hifes_pay": "fund_pay_sumamt",
    "hifmi_pay": "fund_pay_sumamt",
    "hifob_pay": "fund_pay_sumamt",
    "maf_pay": "fund_pay_sumamt",
    "oth_pay": "fund_pay_sumamt",
    "fund_pay_sumamt": "fund_pay_sumamt",
    "hosp_part_amt": "psn_part_amt",
    "psn_part_amt": "psn_part_amt",
    "acct_pay": "psn_cash_pay",
    "psn_cash_pay": "psn_cash_pay",
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_one_cent_more_in_any_amount_breaks_its_identity(name):
    amounts = record().amounts
    with pytest.raises(Refusal) as refused:
        replace(amounts, **{name: getattr(amounts, name) + yuan("0.01")})
    assert refused.value.code == "MEDICAL_SETTLEMENT_INCONSISTENT"
    assert refused.value.params == {"identity": IDENTITIES[name]}


@pytest.mark.parametrize("name", MONEY)
@pytest.mark.parametrize(
    "bad", [Decimal("NaN"), Decimal("Infinity"), Decimal(1), Decimal("0.001"), 0.5, None]
)
def test_an_amount_is_a_decimal_of_two_places(name, bad):
    with pytest.raises(Refusal) as refused:
        replace(record().amounts, **{name: bad})
    assert refused.value.code == "MEDICAL_SETTLEMENT_INCONSISTENT"


@pytest.mark.parametrize("bad", ["0.85", "1.0001", "-0.1000", "NaN"])
def test_the_ratio_has_four_places_from_0_to_1(bad):
    with pytest.raises(Refusal) as refused:
        replace(record().amounts, pool_prop_selfpay=Decimal(bad))
    assert refused.value.params == {"identity": "pool_prop_selfpay"}


def test_amounts_have_one_sign_and_the_pool_stays_in_scope():
    amounts = record().amounts
    with pytest.raises(Refusal) as mixed:
        replace(amounts, acct_pay=yuan(-10), psn_cash_pay=amounts.psn_part_amt + 10)
    with pytest.raises(Refusal) as outside:
        replace(amounts, act_pay_dedc=yuan(5000))
    assert (mixed.value.params, outside.value.params) == ({"identity": "sign"}, {"identity": "hifp_pay"})


@pytest.mark.parametrize(
    ("changes", "identity"),
    [
        ({"setl_time": datetime(2026, 3, 2)}, "setl_time"),  # noqa: DTZ001 - naive on purpose.
        ({"balc": yuan(-1)}, "balc"),
        ({"init_setl_id": "s0"}, "sign"),
    ],
)
def test_a_record_s_own_form(changes, identity):
    with pytest.raises(Refusal) as refused:
        replace(record(), **changes)
    assert refused.value.params == {"identity": identity}


def test_a_negative_record_names_what_it_reverses():
    with pytest.raises(Refusal) as refused:
        replace(record(), amounts=record().amounts.negated())
    assert refused.value.params == {"identity": "sign"}


def back(one, *history, setl_id="r1", balance="0.00"):
    """Reverses an hour after noon."""
    later = NOON + timedelta(hours=1)
    return reverse(one, history=history, setl_id=setl_id, setl_time=later, balance=yuan(balance))


def test_a_reversal_is_a_negative_record_that_names_the_original_and_leaves_it_alone():
    one = record()
    reversal = back(one, one)

    assert (reversal.init_setl_id, reversal.setl_id, reversal.is_reversal) == ("s1", "r1", True)
    assert all(getattr(one.amounts, name) + getattr(reversal.amounts, name) == 0 for name in MONEY)
    assert reversal.amounts.pool_prop_selfpay == one.amounts.pool_prop_selfpay
    assert (one.balc, reversal.balc) == (yuan(0), yuan(2310)), "the account has its money back"
    pot = tables().policy(XIANGTAN, Insutype.EMPLOYEE, MedType.INPATIENT, TREATED)
    assert accumulate([one, reversal], psn_no="p1", policy=pot, year=2026) == Accumulators()


def test_a_reversal_without_its_settlement_can_t_be_counted():
    reversal = back(record())
    pot = tables().policy(XIANGTAN, Insutype.EMPLOYEE, MedType.INPATIENT, TREATED)
    with pytest.raises(Refusal) as refused:
        accumulate([reversal], psn_no="p1", policy=pot, year=2026)
    assert refused.value.code == "MEDICAL_AMOUNT_INVALID"


def test_nothing_is_reversed_twice_and_no_reversal_is_reversed():
    one = record()
    reversal = back(one, one)
    with pytest.raises(Refusal) as twice:
        back(one, one, reversal, setl_id="r2")
    with pytest.raises(Refusal) as reversed_again:
        back(reversal, one, reversal, setl_id="r2")
    assert twice.value.code == "MEDICAL_ALREADY_REVERSED"
    assert reversed_again.value.code == "MEDICAL_REVERSAL_OF_REVERSAL"


def test_later_settlements_of_the_year_go_back_first():
    one, later = record(), record("s2", NOON + timedelta(minutes=1))
    with pytest.raises(Refusal) as refused:
        back(one, one, later)
    assert refused.value.code == "MEDICAL_REVERSAL_NOT_LAST"

    reversal = back(later, one, later)
    assert back(one, one, later, reversal, setl_id="r2").init_setl_id == "s1"


@pytest.mark.parametrize(
    "unrelated", [{"psn_no": "p2"}, {"insutype": Insutype.RESIDENT}, {"begndate": TREATED.replace(year=2025)}]
)
def test_settlements_of_others_or_of_another_year_don_t_stand_in_the_way(unrelated):
    later = record("s2", NOON + timedelta(minutes=1), **unrelated)
    assert back(record(), record(), later).init_setl_id == "s1"


def test_the_record_names_both_places_and_keeps_the_person_out_of_its_repr():
    one = record(mdtrtarea_admvs="430203")
    assert (one.home, one.treating) == (XIANGTAN, ZHUZHOU)
    assert "p1" not in repr(one)

"""Daily totals, differences located, and the month's clearing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import Refusal
from backend.medical.reconciliation import (
    CityPair,
    Clearing,
    Difference,
    Fault,
    Totals,
    clear,
    daily_totals,
    reconcile,
)
from backend.medical.settlement import reverse
from tests.unit.medical.builders import CHANGSHA, NOON, XIANGTAN, ZHUZHOU, filing, record, settle, visit, yuan

PAIR = CityPair(XIANGTAN, CHANGSHA)
DAY = date(2026, 3, 2)


def reversal(one, setl_id="r1", after=timedelta(hours=1)):
    """The record taken back."""
    return reverse(one, history=[one], setl_id=setl_id, setl_time=one.setl_time + after, balance=yuan(0))


def from_changsha(setl_id="c1"):
    """A Changsha employee at a Xiangtan hospital, without a filing."""
    done = settle(visit(insu_admdvs=CHANGSHA, mdtrtarea_admvs=XIANGTAN), balance="500.00")
    return done.record(setl_id=setl_id, setl_time=NOON)


def test_a_day_s_totals_by_pair():
    one, other = record("s1"), record("s2", NOON + timedelta(hours=2))

    totals = daily_totals([one, other, from_changsha()])

    assert list(totals) == [(DAY, CityPair(CHANGSHA, XIANGTAN)), (DAY, PAIR)]
    assert totals[DAY, PAIR] == Totals(
        settled=2,
        medfee_sumamt=yuan("40000.00"),
        fund_pay_sumamt=yuan("27115.00"),
        acct_pay=yuan("4620.00"),
        psn_cash_pay=yuan("8265.00"),
    )
    assert totals[DAY, PAIR].due == yuan("31735.00")


def test_a_day_ends_at_midnight_in_china():
    last = datetime(2026, 3, 2, 15, 59, 59, 999000, tzinfo=UTC)
    totals = daily_totals([record("s1", last), record("s2", last + timedelta(milliseconds=1))])
    assert [(day, one.settled) for (day, _), one in totals.items()] == [(DAY, 1), (date(2026, 3, 3), 1)]


def test_a_reversal_counts_apart_and_takes_the_sums_to_zero():
    one = record()
    assert daily_totals([one, reversal(one)])[DAY, PAIR] == Totals(settled=1, reversed=1)


def test_treatment_at_home_needs_no_reconciliation():
    home = settle(visit(mdtrtarea_admvs="430304")).record(setl_id="h1", setl_time=NOON)
    assert daily_totals([home]) == {}
    assert reconcile([home], []) == ()
    assert all(one.net == 0 for one in clear([home], "2026-03"))


def test_two_sides_that_agree_may_close_the_day():
    (report,) = reconcile([record("s1"), record("s2")], [record("s2"), record("s1")])
    assert (report.day, report.pair, report.agrees) == (DAY, PAIR, True)
    assert report.home == report.treating
    assert report.home.settled == 2


def test_each_difference_is_located():
    ours, theirs = (
        record("s1"),
        settle(visit(), filing(), balance="300.00").record(setl_id="s1", setl_time=NOON),
    )
    only_home, only_treating, doubled = record("s2"), record("s3"), record("s4")

    (report,) = reconcile([ours, only_home, doubled, doubled], [theirs, only_treating, doubled])

    due = yuan("15867.50")
    assert report.differences == (
        Difference("s1", Fault.DIFFERENT, ("acct_pay", "psn_cash_pay"), yuan("2010.00")),
        Difference("s2", Fault.ONLY_HOME, (), due),
        Difference("s3", Fault.ONLY_TREATING, (), -due),
        Difference("s4", Fault.TWICE, (), due),
    )
    assert not report.agrees


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"psn_no": "p2"}, ("psn_no",)),
        ({"mdtrt_id": "m2"}, ("mdtrt_id",)),
        ({"mdtrtarea_admvs": "430103"}, ("mdtrtarea_admvs",)),
        ({"setl_time": NOON + timedelta(seconds=1)}, ("setl_time",)),
        ({"begndate": date(2026, 3, 1)}, ("begndate",)),
    ],
)
def test_a_difference_in_the_head_of_a_record_is_named(changes, fields):
    (report,) = reconcile([record()], [replace(record(), **changes)])
    assert [(one.fault, one.fields) for one in report.differences] == [(Fault.DIFFERENT, fields)]


def test_a_difference_in_the_ratio_alone_is_named():
    other = replace(record(), amounts=replace(record().amounts, pool_prop_selfpay=Decimal("0.7000")))
    (report,) = reconcile([record()], [other])
    assert report.differences[0].fields == ("pool_prop_selfpay",)


def test_a_record_booked_on_another_day_is_missing_on_both():
    late = replace(record(), setl_time=NOON + timedelta(days=1))
    first, second = reconcile([record()], [late])
    assert [one.fault for one in first.differences] == [Fault.ONLY_HOME]
    assert [one.fault for one in second.differences] == [Fault.ONLY_TREATING]


def test_the_month_is_netted_between_each_two_cities():
    march = clear([record("s1"), record("s2"), from_changsha("c1")], "2026-03")
    # Xiangtan owes 2 × (13,557.50 + 2,310.00); Changsha owes what an unfiled Changsha employee's funds paid.
    owed_back = from_changsha("c1").amounts
    back = owed_back.fund_pay_sumamt + owed_back.acct_pay
    assert march == (
        Clearing("2026-03", CHANGSHA, ZHUZHOU, yuan(0), yuan(0)),
        Clearing("2026-03", XIANGTAN, CHANGSHA, yuan("31735.00"), back),
        Clearing("2026-03", ZHUZHOU, XIANGTAN, yuan(0), yuan(0)),
    )
    assert march[1].net == yuan("31735.00") - back
    assert back > 0


def test_a_month_s_reversal_of_last_month_s_settlement_turns_the_debt_round():
    one = record()
    april = clear([one, reversal(one, after=timedelta(days=40))], "2026-04")
    assert (april[1].debtor, april[1].creditor, april[1].net) == (CHANGSHA, XIANGTAN, yuan("15867.50"))


def test_a_month_begins_at_midnight_in_china():
    first = datetime(2026, 2, 28, 16, tzinfo=UTC)
    edge = [record("s1", first - timedelta(milliseconds=1)), record("s2", first)]
    assert clear(edge, "2026-02")[1].net == clear(edge, "2026-03")[1].net == yuan("15867.50")


def test_doubled_records_are_not_cleared():
    with pytest.raises(Refusal) as refused:
        clear([record(), record()], "2026-03")
    assert refused.value.code == "MEDICAL_RECORD_TWICE"
    assert refused.value.message("en")


CITIES = [CHANGSHA, ZHUZHOU, XIANGTAN]


def some_record(spec):
    """A record from numbers: cities, hours after noon, balance, and whether it is taken back."""
    number, home, treating, hours, balance, taken_back = spec
    done = settle(
        visit(insu_admdvs=CITIES[home], mdtrtarea_admvs=CITIES[treating], mdtrt_id=f"m{number}"),
        balance=f"{balance}.00",
    )
    one = done.record(setl_id=f"s{number}", setl_time=NOON + timedelta(hours=hours))
    return reversal(one, f"r{number}") if taken_back else one


records = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 2),
        st.integers(0, 2),
        st.integers(0, 40),
        st.integers(0, 3000),
        st.booleans(),
    ).map(some_record),
    max_size=8,
)


@given(records, records)
@settings(max_examples=400, deadline=None)
def test_the_differences_explain_the_sums_exactly(home, treating):
    reports = reconcile(home, treating)
    for report in reports:
        off = report.home.due - report.treating.due
        assert sum((one.due for one in report.differences), yuan(0)) == off
        if report.agrees:
            assert report.home == report.treating
    assert {(one.day, one.pair): one.home for one in reports if one.home != Totals()} == {
        key: sums for key, sums in daily_totals(home).items() if sums != Totals()
    }


@given(records)
@settings(max_examples=200, deadline=None)
def test_one_city_s_debt_is_another_s_claim(listed):
    unique = list({one.setl_id: one for one in listed}.values())
    months = [clear(unique, month) for month in ("2026-03", "2026-04")]
    net = {city: yuan(0) for city in CITIES}
    for one in (clearing for month in months for clearing in month):
        assert one.net >= 0
        net[one.debtor] -= one.net
        net[one.creditor] += one.net
    for city in CITIES:
        away = [one for one in unique if one.home != one.treating]
        claims = sum((_due(one) for one in away if one.treating == city), yuan(0))
        debts = sum((_due(one) for one in away if one.home == city), yuan(0))
        assert net[city] == claims - debts
    assert sum(net.values()) == 0


def _due(one):
    return one.amounts.fund_pay_sumamt + one.amounts.acct_pay

"""Random bills, filings, rates and years: the identities always hold, and an independent sum agrees."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, permutations
from math import floor
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.medical.codes import FUNDS, AidCategory, Basis, ItemClass
from backend.medical.filings import Filing
from backend.medical.models import MONEY, Accumulators, Amounts, BillLine, Settlement, Visit
from backend.medical.settlement import Presettlement, accumulate, reverse
from backend.medical.tables import Band, CatalogueItem, Layer, LayerBase, Policy
from tests.unit.medical.builders import NOON, TREATED, filing, item, own_tables, policy, settle, visit, yuan

ZERO = yuan(0)
EXAMPLES = 10_000


class Dice:
    """Numbers read off a string of random bytes: one draw a case, 20 times as fast as a draw a number.

    Bytes of zero give the smallest numbers, so a failing case still shrinks.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, bound: int) -> int:
        """A whole number from 0 to bound − 1; 0 once the bytes are used up."""
        self._at += 4
        return int.from_bytes(self._data[self._at - 4 : self._at], "big") % bound

    def one_of(self, *choices: Any) -> Any:
        """One of them."""
        return choices[self.below(len(choices))]

    def cents(self) -> Decimal:
        """An amount: often small or nothing, at most 400,000.00."""
        return Decimal(self.below(self.one_of(1, 1_000, 2_000_000, 40_000_001))).scaleb(-2)

    def ratio(self) -> Decimal:
        """A ratio from 0 to 1, its ends now and then."""
        return Decimal(self.one_of(0, 10_000, *[self.below(10_001)] * 8)).scaleb(-4)

    def day(self) -> date:
        """A day within 40 of the treatment, and often that day or its neighbour."""
        return TREATED + timedelta(days=self.one_of(0, -1, 1, self.below(81) - 40))


@dataclass(frozen=True)
class Case:
    """Everything that a settlement looks at."""

    visit: Visit
    items: tuple[CatalogueItem, ...]
    policy: Policy
    filing: Filing
    before: Accumulators
    balance: Decimal

    def settle(self, *filings: Filing, lines: tuple[BillLine, ...] | None = None) -> Presettlement:
        """Settles with these filings, and with other lines if given."""
        one = self.visit if lines is None else replace(self.visit, lines=lines)
        using = own_tables(self.policy, *self.items)
        return settle(one, *filings, before=self.before, balance=str(self.balance), using=using)


def entry(dice: Dice, number: int) -> tuple[BillLine, CatalogueItem]:
    """A bill line and its entry in the catalogue."""
    kind = dice.one_of(*ItemClass)
    count = Decimal(dice.below(200_000) + 1).scaleb(-dice.one_of(0, 1, 2, 4))
    price = Decimal(dice.below(3_000_000)).scaleb(-dice.one_of(2, 2, 4, 6))
    share = {ItemClass.A: yuan(0), ItemClass.C: yuan(1)}.get(kind, dice.ratio())
    limit = dice.one_of(None, (price * dice.ratio()).quantize(Decimal("0.01")))
    found = item(f"I{number}", kind, pric_uplmt_amt=limit, selfpay_prop=share.quantize(Decimal("0.0001")))
    return BillLine(f"{number}", f"I{number}", count, price), found


def layer_of(dice: Dice, fund: str) -> Layer:
    """A fund of one to three bands, with or without a cap."""
    overs = sorted({dice.cents() for _ in range(dice.below(3) + 1)})
    base = LayerBase.BURDEN if fund == "maf_pay" else dice.one_of(*LayerBase)
    return Layer(
        fund, base, tuple(Band(over, dice.ratio()) for over in overs), dice.one_of(None, dice.cents())
    )


def rates_of(dice: Dice) -> Policy:
    """A random policy that never rewards not filing."""
    ratio = dice.ratio()
    layers = [None, layer_of(dice, "hifmi_pay"), layer_of(dice, "hifob_pay")]
    aid = {AidCategory.LOW_INCOME: layer_of(dice, "maf_pay")}
    return policy(
        deductible=str(dice.cents()),
        ratio=str(ratio),
        less=str((ratio * dice.ratio()).quantize(Decimal("0.0001"), rounding="ROUND_DOWN")),
        annual_cap=dice.one_of(None, dice.cents(), dice.cents()),
        has_account=dice.one_of(True, False),
        supplement=dice.one_of(*layers),
        aid=dice.one_of({}, aid),
    )


def case_of(data: bytes) -> Case:
    """A random bill under random rates, somewhere in a year, with a filing that may or may not hold."""
    dice = Dice(data)
    listed = [entry(dice, number) for number in range(dice.below(4) + 1)]
    begin = dice.day()
    filed = filing(
        begndate=begin,
        enddate=dice.one_of(None, begin + timedelta(days=dice.below(60))),
        cancelled_from=dice.one_of(None, dice.day()),
    )
    rates = rates_of(dice)
    before = Accumulators(**{name: dice.cents() for name in Accumulators.__dataclass_fields__})
    aid = dice.one_of(None, AidCategory.LOW_INCOME)
    one = visit(lines=tuple(line for line, _ in listed), aid=aid)
    return Case(one, tuple(found for _, found in listed), rates, filed, before, dice.cents())


cases = st.binary(min_size=480, max_size=480).map(case_of)


def rounded(value: Fraction) -> Fraction:
    """Half-up to the cent, in exact fractions; for values of zero or more."""
    return Fraction(floor(value * 100 + Fraction(1, 2)), 100)


def band_sum(layer: Layer, begin: Fraction, end: Fraction) -> Fraction:
    """What the bands pay between two sums of the year, found band by band."""
    edges = [Fraction(band.over) for band in layer.bands]
    pieces = [*pairwise(edges), (edges[-1], max(end, edges[-1]))]
    return sum(
        (
            max(min(end, high) - max(begin, low), Fraction(0)) * Fraction(band.ratio)
            for band, (low, high) in zip(layer.bands, pieces, strict=True)
        ),
        Fraction(0),
    )


def capped(amount: Fraction, cap: Decimal | None, used: Decimal) -> Fraction:
    """Not above what is left of a cap."""
    return amount if cap is None else min(amount, max(Fraction(cap) - Fraction(used), Fraction(0)))


def reckoned(case: Case, basis: Basis) -> dict[str, Fraction]:
    """The settlement again, in fractions and from the text of the rules alone."""
    out = dict.fromkeys(MONEY, Fraction(0))
    for line, found in zip(case.visit.lines, case.items, strict=True):
        count, price = Fraction(line.cnt), Fraction(line.pric)
        amount = rounded(count * price)
        out["medfee_sumamt"] += amount
        if found.chrgitm_lv is ItemClass.C:
            out["fulamt_ownpay_amt"] += amount
            continue
        limit = price if found.pric_uplmt_amt is None else min(price, Fraction(found.pric_uplmt_amt))
        within = rounded(count * limit)
        share = rounded(within * Fraction(found.selfpay_prop))
        out["overlmt_selfpay"] += amount - within
        out["preselfpay_amt"] += share
        out["inscp_scp_amt"] += within - share
    _reckon_funds(case, basis, out)
    out["psn_part_amt"] = out["medfee_sumamt"] - out["fund_pay_sumamt"]
    if case.policy.has_account:
        out["acct_pay"] = min(Fraction(case.balance), out["psn_part_amt"])
    out["psn_cash_pay"] = out["psn_part_amt"] - out["acct_pay"]
    return out


def _reckon_funds(case: Case, basis: Basis, out: dict[str, Fraction]) -> None:
    rate, before, scope = case.policy.rate(case.visit.level, basis), case.before, out["inscp_scp_amt"]
    out["act_pay_dedc"] = capped(scope, rate.deductible, before.deductible)
    base, ratio = scope - out["act_pay_dedc"], Fraction(rate.ratio)
    out["hifp_pay"] = capped(rounded(base * ratio), case.policy.annual_cap, before.pool)
    if out["hifp_pay"] < rounded(base * ratio):
        out["abovecap_amt"] = rounded(base - out["hifp_pay"] / ratio)
    layer = case.policy.supplement
    if layer is not None:
        large = layer.base is LayerBase.ABOVE_CAP
        begin = Fraction(before.above_cap if large else before.burden)
        added = out["abovecap_amt"] if large else scope - out["hifp_pay"]
        due = rounded(band_sum(layer, begin, begin + added))
        out[layer.fund] = capped(due, layer.cap, before.supplement)
    help_layer = case.policy.aid.get(case.visit.aid) if case.visit.aid else None
    if help_layer is not None:
        left = scope - sum(out[fund] for fund in FUNDS)
        begin = Fraction(before.aid_base)
        due = rounded(band_sum(help_layer, begin, begin + left))
        out["maf_pay"] = capped(due, help_layer.cap, before.aid)
    out["fund_pay_sumamt"] = sum((out[fund] for fund in FUNDS), Fraction(0))


def covered_days(one: Filing) -> set[date]:
    """The days on which a filing holds, one by one, as far as the tests go."""
    around = (TREATED + timedelta(days=n) for n in range(-100, 100))
    return {
        day
        for day in around
        if day >= one.begndate
        and (one.enddate is None or day <= one.enddate)
        and (one.cancelled_from is None or day < one.cancelled_from)
    }


def check_identities(amounts: Amounts) -> None:
    """The brief's four identities, spelled out once more."""
    parts = (
        amounts.fulamt_ownpay_amt,
        amounts.overlmt_selfpay,
        amounts.preselfpay_amt,
        amounts.inscp_scp_amt,
    )
    assert amounts.medfee_sumamt == sum(parts)
    assert amounts.fund_pay_sumamt == sum(getattr(amounts, fund) for fund in FUNDS)
    assert amounts.psn_part_amt == amounts.medfee_sumamt - amounts.fund_pay_sumamt - amounts.hosp_part_amt
    assert amounts.psn_cash_pay == amounts.psn_part_amt - amounts.acct_pay


def check_bounds(case: Case, amounts: Amounts) -> None:
    """No amount is negative; funds stay within scope and caps; the person never pays more than the bill."""
    assert all(getattr(amounts, name) >= 0 for name in MONEY)
    assert amounts.psn_part_amt <= amounts.medfee_sumamt
    assert amounts.fund_pay_sumamt <= amounts.inscp_scp_amt
    assert amounts.acct_pay <= case.balance
    if case.policy.annual_cap is not None:
        assert case.before.pool + amounts.hifp_pay <= max(case.policy.annual_cap, case.before.pool)


def test_the_random_cases_reach_every_part_of_the_rules():
    random = Random(20260302)
    reached: Counter[str] = Counter()
    for _ in range(1_000):
        case = case_of(random.randbytes(480))
        done = case.settle(case.filing)
        reached.update(name for name in MONEY if getattr(done.amounts, name))
        reached.update({done.calculation.basis: 1, "capped": done.amounts.abovecap_amt > 0})
        reached["wholly below the deductible"] += done.calculation.pool_base == 0
        reached["cash"] += done.amounts.psn_cash_pay > 0
    unused = {"cvlserv_pay", "hifes_pay", "oth_pay", "hosp_part_amt"}  # No rule of ours pays these.
    expected = {*MONEY, Basis.REFERRED, Basis.UNFILED, "capped", "wholly below the deductible"} - unused
    assert {name for name in expected if reached[name] < 50} == set()


@given(cases, st.integers(0, 23))
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_settlement_is_what_the_rules_say(case: Case, order: int):
    done = case.settle(case.filing)
    amounts = done.amounts

    expected = Basis.REFERRED if TREATED in covered_days(case.filing) else Basis.UNFILED
    assert done.calculation.basis is expected
    assert {name: Fraction(getattr(amounts, name)) for name in MONEY} == reckoned(case, expected)
    check_identities(amounts)
    check_bounds(case, amounts)

    with_filing = case.settle(filing(begndate=TREATED, enddate=TREATED)).amounts
    without = case.settle().amounts
    assert with_filing.hifp_pay >= without.hifp_pay
    assert with_filing.fund_pay_sumamt >= without.fund_pay_sumamt
    assert with_filing.psn_part_amt <= without.psn_part_amt

    orders = list(permutations(case.visit.lines))
    assert case.settle(case.filing, lines=orders[order % len(orders)]).amounts == amounts

    record = done.record(setl_id="s1", setl_time=NOON)
    back = reverse(
        record,
        history=[record],
        setl_id="s2",
        setl_time=NOON + timedelta(hours=1),
        balance=record.balc,
    )
    assert all(getattr(amounts, name) + getattr(back.amounts, name) == 0 for name in MONEY)
    assert (back.balc, back.init_setl_id) == (case.balance, "s1")


@given(cases, st.integers(0, 10_000))
@settings(max_examples=1_000, deadline=None)
def test_what_the_hospital_bears_is_taken_from_the_person_alone(case: Case, share: int):
    plain = case.settle(case.filing).amounts
    bears = (plain.psn_part_amt * share / 10_000).quantize(Decimal("0.01"), rounding="ROUND_DOWN")

    shared = replace(case, visit=replace(case.visit, hosp_part_amt=bears)).settle(case.filing).amounts

    check_identities(shared)
    assert shared.fund_pay_sumamt == plain.fund_pay_sumamt
    assert shared.psn_part_amt == plain.psn_part_amt - bears


@given(cases, st.integers(2, 5))
@settings(max_examples=500, deadline=None)
def test_a_year_never_takes_more_deductible_or_funds_than_it_has(case: Case, visits: int):
    before = Accumulators()
    for _ in range(visits):
        amounts = replace(case, before=before).settle(case.filing).amounts
        before = Accumulators(
            deductible=before.deductible + amounts.act_pay_dedc,
            pool=before.pool + amounts.hifp_pay,
            above_cap=before.above_cap + amounts.abovecap_amt,
            burden=before.burden + amounts.burden_amt,
            supplement=before.supplement + amounts.supplement_pay,
            aid_base=before.aid_base + amounts.aid_base_amt,
            aid=before.aid + amounts.maf_pay,
        )
    layer = case.policy.supplement
    assert before.deductible <= case.policy.rate(case.visit.level, Basis.REFERRED).deductible
    assert case.policy.annual_cap is None or before.pool <= case.policy.annual_cap
    assert layer is None or layer.cap is None or before.supplement <= layer.cap


@given(cases, st.sampled_from(["0.5000", "0.6000", "0.8500", "1.0000"]))
@settings(max_examples=1_000, deadline=None)
def test_a_bill_in_two_pieces_comes_to_what_it_comes_to_in_one_but_for_cents(case: Case, ratio: str):
    rates = policy(
        deductible=str(case.policy.rate(case.visit.level, Basis.LOCAL).deductible),
        ratio=ratio,
        annual_cap=case.policy.annual_cap,
        supplement=case.policy.supplement,
        aid=case.policy.aid,
    )
    lines = case.visit.lines
    one = replace(case, policy=rates, before=Accumulators(), balance=ZERO)
    whole = one.settle(case.filing).amounts
    records: list[Settlement] = []
    for piece in (lines[:1], lines[1:]):
        before = accumulate(records, psn_no="p1", policy=rates, year=2026)
        if piece:
            done = replace(one, before=before).settle(case.filing, lines=piece)
            records.append(done.record(setl_id=f"s{len(records)}", setl_time=NOON))
    in_pieces = [sum(getattr(r.amounts, n) for r in records) for n in ("medfee_sumamt", "fund_pay_sumamt")]
    assert in_pieces[0] == whole.medfee_sumamt
    assert abs(in_pieces[1] - whole.fund_pay_sumamt) <= yuan("0.05")

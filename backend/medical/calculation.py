"""The arithmetic of direct settlement, from bill to cash: steps 1 to 6, each amount rounded once."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from backend.core.errors import Refusal
from backend.medical.codes import Basis, ItemClass
from backend.medical.models import Accumulators, Amounts, BillLine, Visit, require_amount
from backend.medical.money import EXACT, ZERO, at_most, half_up, product, room, total
from backend.medical.tables import CatalogueItem, Layer, LayerBase, Policy, Rate


@dataclass(frozen=True, slots=True)
class SplitLine:
    """One bill line, split by the treating place's catalogue; the four parts add up to its amount."""

    line: BillLine
    item: CatalogueItem
    fulamt_ownpay_amt: Decimal
    overlmt_selfpay: Decimal
    preselfpay_amt: Decimal
    inscp_scp_amt: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """Everything that a settlement came from and came to, as its explanation needs it.

    `balance` is the personal account before, `pool_base` the scope without the deductible.
    """

    visit: Visit
    lines: tuple[SplitLine, ...]
    policy: Policy
    basis: Basis
    rate: Rate
    year_to_date: Accumulators
    balance: Decimal
    pool_base: Decimal
    amounts: Amounts

    @property
    def balc(self) -> Decimal:
        """What the personal account holds afterwards."""
        return self.balance - self.amounts.acct_pay


@dataclass(frozen=True, slots=True)
class _Paid:
    """What each fund pays, and what lies above the pooled fund's cap."""

    deductible: Decimal
    pool: Decimal
    above_cap: Decimal
    supplement: Decimal
    aid: Decimal


def calculate(
    visit: Visit,
    items: Iterable[CatalogueItem],
    policy: Policy,
    basis: Basis,
    year_to_date: Accumulators,
    balance: Decimal,
) -> Calculation:
    """The full split of a visit; `items` are the catalogue's entries of the bill's lines, in their order.

    Refused: MEDICAL_HOSPITAL_SHARE when the hospital would bear more than the funds leave,
    MEDICAL_AMOUNT_INVALID for a balance below zero.
    """
    require_amount(balance)
    rate = policy.rate(visit.level, basis)
    lines = tuple(split_line(line, item) for line, item in zip(visit.lines, items, strict=True))
    scope = total(line.inscp_scp_amt for line in lines)
    paid = _funds(scope, rate, visit, policy, year_to_date)
    return Calculation(
        visit=visit,
        lines=lines,
        policy=policy,
        basis=basis,
        rate=rate,
        year_to_date=year_to_date,
        balance=balance,
        pool_base=scope - paid.deductible,
        amounts=_amounts(lines, visit, policy, rate, paid, balance),
    )


def split_line(line: BillLine, item: CatalogueItem) -> SplitLine:
    """Steps 1 and 2: 丙类 whole, else above the price limit, else the share of 乙类, else in scope."""
    amount = line.det_item_fee_sumamt
    if item.chrgitm_lv is ItemClass.C:
        return SplitLine(line, item, amount, ZERO, ZERO, ZERO)
    within = product(line.cnt, at_most(line.pric, item.pric_uplmt_amt))
    first = product(within, item.selfpay_prop)
    return SplitLine(line, item, ZERO, amount - within, first, within - first)


def _funds(scope: Decimal, rate: Rate, visit: Visit, policy: Policy, before: Accumulators) -> _Paid:
    """Steps 3 to 5: deductible, pooled fund up to its cap, then 大额 or 大病, then aid."""
    deductible = min(scope, room(rate.deductible, before.deductible) or ZERO)
    pool, above_cap = _pool(scope - deductible, rate.ratio, room(policy.annual_cap, before.pool))
    supplement = _supplement(policy.supplement, above_cap, scope - pool, before)
    aid = ZERO
    layer = policy.aid.get(visit.aid) if visit.aid else None
    if layer is not None:
        aid = layer.pays(scope - pool - supplement, before=before.aid_base, paid=before.aid)
    return _Paid(deductible, pool, above_cap, supplement, aid)


def _pool(base: Decimal, ratio: Decimal, left: Decimal | None) -> tuple[Decimal, Decimal]:
    """What the pooled fund pays, and how much of the base it can't reach because its cap is used up.

    The part reached is left ÷ ratio. The division comes last, so that the one rounding is exact.
    """
    due = EXACT.multiply(base, ratio)
    pays = half_up(due)
    if left is None or pays <= left:
        return pays, ZERO
    return left, half_up(EXACT.divide(EXACT.subtract(due, left), ratio))


def _supplement(layer: Layer | None, above_cap: Decimal, burden: Decimal, before: Accumulators) -> Decimal:
    if layer is None:
        return ZERO
    if layer.base is LayerBase.ABOVE_CAP:
        return layer.pays(above_cap, before=before.above_cap, paid=before.supplement)
    return layer.pays(burden, before=before.burden, paid=before.supplement)


def _amounts(
    lines: tuple[SplitLine, ...], visit: Visit, policy: Policy, rate: Rate, paid: _Paid, balance: Decimal
) -> Amounts:
    """Step 6 and the named amounts: what is left to the person comes from the account, then in cash."""
    medfee = total(line.line.det_item_fee_sumamt for line in lines)
    funds = paid.pool + paid.supplement + paid.aid
    own = medfee - funds - visit.hosp_part_amt
    if own < 0:
        raise Refusal("MEDICAL_HOSPITAL_SHARE")
    account = min(own, balance) if policy.has_account else ZERO
    supplement = {policy.supplement.fund: paid.supplement} if policy.supplement else {}
    return Amounts(
        medfee_sumamt=medfee,
        fulamt_ownpay_amt=total(line.fulamt_ownpay_amt for line in lines),
        overlmt_selfpay=total(line.overlmt_selfpay for line in lines),
        preselfpay_amt=total(line.preselfpay_amt for line in lines),
        inscp_scp_amt=total(line.inscp_scp_amt for line in lines),
        act_pay_dedc=paid.deductible,
        pool_prop_selfpay=rate.ratio,
        hifp_pay=paid.pool,
        maf_pay=paid.aid,
        fund_pay_sumamt=funds,
        hosp_part_amt=visit.hosp_part_amt,
        psn_part_amt=own,
        acct_pay=account,
        psn_cash_pay=own - account,
        abovecap_amt=paid.above_cap,
        **supplement,
    )

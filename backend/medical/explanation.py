"""A settlement told to the person who pays: one coded sentence with its amounts for each step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from backend.core.errors import DEFAULT_LOCALE, Locale, message
from backend.medical.calculation import Calculation
from backend.medical.codes import Basis
from backend.medical.money import EXACT, ZERO

_BASIS: Final[Mapping[Basis, str]] = {
    Basis.LOCAL: "MEDICAL_BASIS_LOCAL",
    Basis.RETIRED_RESETTLED: "MEDICAL_BASIS_RETIRED_RESETTLED",
    Basis.LONG_TERM_RESIDENT: "MEDICAL_BASIS_LONG_TERM_RESIDENT",
    Basis.POSTED_WORKER: "MEDICAL_BASIS_POSTED_WORKER",
    Basis.REFERRED: "MEDICAL_BASIS_REFERRED",
    Basis.TEMPORARY: "MEDICAL_BASIS_TEMPORARY",
    Basis.UNFILED: "MEDICAL_BASIS_UNFILED",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its code, the amount that it comes to in yuan (None: a remark), and what fills its text."""

    code: str
    amount: Decimal | None
    params: Mapping[str, str | int]

    def text(self, locale: Locale = DEFAULT_LOCALE) -> str:
        """The sentence in the person's language."""
        return message(self.code, locale, self.params)


def explain(calculation: Calculation) -> tuple[Step, ...]:
    """Every step from the bill to the cash, in order; steps that came to nothing are left out.

    Each can be checked with a pocket calculator from the amounts that it names.
    """
    return (
        *_bill(calculation),
        *_pool(calculation),
        *_later_funds(calculation),
        *_person(calculation),
        _remark("MEDICAL_STEP_ILLUSTRATIVE"),
    )


def _bill(calculation: Calculation) -> Iterator[Step]:
    amounts = calculation.amounts
    yield _step("MEDICAL_STEP_TOTAL", amounts.medfee_sumamt, lines=len(calculation.lines))
    yield from _unless_zero("MEDICAL_STEP_FULL_OWN", amounts.fulamt_ownpay_amt)
    yield from _unless_zero("MEDICAL_STEP_OVER_LIMIT", amounts.overlmt_selfpay)
    yield from _unless_zero("MEDICAL_STEP_FIRST_OWN", amounts.preselfpay_amt)
    yield _step("MEDICAL_STEP_IN_SCOPE", amounts.inscp_scp_amt)


def _pool(calculation: Calculation) -> Iterator[Step]:
    amounts, before, policy = calculation.amounts, calculation.year_to_date, calculation.policy
    ratio = percent(calculation.rate.ratio)
    local = policy.rate(calculation.visit.level, Basis.LOCAL).ratio
    points = percent(max(local - calculation.rate.ratio, ZERO))
    yield _remark(_BASIS[calculation.basis], ratio=ratio, points=points)
    yield _step(
        "MEDICAL_STEP_DEDUCTIBLE",
        amounts.act_pay_dedc,
        deductible=yuan(calculation.rate.deductible),
        before=yuan(before.deductible),
    )
    base = yuan(calculation.pool_base)
    if policy.annual_cap is None or not amounts.abovecap_amt:
        yield _step("MEDICAL_STEP_POOL", amounts.hifp_pay, base=base, ratio=ratio)
        return
    cap, used = yuan(policy.annual_cap), yuan(before.pool)
    yield _step("MEDICAL_STEP_POOL_CAPPED", amounts.hifp_pay, base=base, ratio=ratio, cap=cap, used=used)
    yield _step("MEDICAL_STEP_ABOVE_CAP", amounts.abovecap_amt)


def _later_funds(calculation: Calculation) -> Iterator[Step]:
    amounts, before = calculation.amounts, calculation.year_to_date
    yield from _unless_zero("MEDICAL_STEP_LARGE_AMOUNT", amounts.hifob_pay, base=yuan(amounts.abovecap_amt))
    year = yuan(before.burden + amounts.burden_amt)
    yield from _unless_zero("MEDICAL_STEP_CRITICAL_ILLNESS", amounts.hifmi_pay, year=year)
    yield from _unless_zero("MEDICAL_STEP_AID", amounts.maf_pay, base=yuan(amounts.aid_base_amt))


def _person(calculation: Calculation) -> Iterator[Step]:
    amounts = calculation.amounts
    yield _step("MEDICAL_STEP_FUNDS", amounts.fund_pay_sumamt)
    yield from _unless_zero("MEDICAL_STEP_HOSPITAL", amounts.hosp_part_amt)
    yield _step("MEDICAL_STEP_PERSON", amounts.psn_part_amt)
    yield from _unless_zero("MEDICAL_STEP_ACCOUNT", amounts.acct_pay, left=yuan(calculation.balc))
    yield _step("MEDICAL_STEP_CASH", amounts.psn_cash_pay)


def yuan(amount: Decimal) -> str:
    """An amount as people read it: 13,557.50."""
    return f"{amount:,.2f}"


def percent(ratio: Decimal) -> str:
    """A ratio in percent without idle zeros: 0.8500 is 85, 0.1234 is 12.34."""
    return f"{EXACT.multiply(ratio, Decimal(100)).normalize():f}"


def _step(code: str, amount: Decimal, **params: str | int) -> Step:
    return Step(code, amount, {"amount": yuan(amount), **params})


def _unless_zero(code: str, amount: Decimal, **params: str | int) -> Iterator[Step]:
    if amount:
        yield _step(code, amount, **params)


def _remark(code: str, **params: str | int) -> Step:
    return Step(code, None, params)

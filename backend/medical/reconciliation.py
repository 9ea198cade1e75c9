"""Reconciliation between cities (对账) and monthly clearing (清算), as pure functions over records.

The treating city's side prepays the hospital; the home city owes it what funds and personal accounts paid.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from typing import Final

from backend.core.divisions import cities
from backend.core.errors import Refusal
from backend.medical.models import MONEY, Settlement
from backend.medical.money import ZERO
from backend.medical.periods import china_day


@dataclass(frozen=True, slots=True, order=True)
class CityPair:
    """Who pays and who treated: home city, treating city."""

    home: str
    treating: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums of records in yuan; `settled` and `reversed` count records, reversals are taken off the sums."""

    settled: int = 0
    reversed: int = 0
    medfee_sumamt: Decimal = ZERO
    fund_pay_sumamt: Decimal = ZERO
    acct_pay: Decimal = ZERO
    psn_cash_pay: Decimal = ZERO
    hosp_part_amt: Decimal = ZERO

    def __add__(self, other: "Totals") -> "Totals":
        """Both together."""
        return Totals(
            **{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Totals)}
        )

    @property
    def due(self) -> Decimal:
        """What the home city owes the treating city: funds and personal accounts."""
        return self.fund_pay_sumamt + self.acct_pay


class Fault(StrEnum):
    """How two sides differ about a record."""

    ONLY_HOME = "ONLY_HOME"  # The treating side hasn't got it.
    ONLY_TREATING = "ONLY_TREATING"  # The home side hasn't got it.
    DIFFERENT = "DIFFERENT"  # Both have it, with other contents.
    TWICE = "TWICE"  # One side has it more than once.


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that the two sides don't agree on: the fields that differ, and home's sum less theirs."""

    setl_id: str
    fault: Fault
    fields: tuple[str, ...]
    due: Decimal


@dataclass(frozen=True, slots=True)
class DayReport:
    """One day of one pair as both sides see it; the differences' `due` explain the sums' exactly."""

    day: date
    pair: CityPair
    home: Totals
    treating: Totals
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Whether the day may be closed."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class Clearing:
    """A month between two cities, netted: `debtor` pays `creditor` `net` yuan (zero or more)."""

    month: str
    debtor: str
    creditor: str
    debtor_owes: Decimal
    creditor_owes: Decimal

    @property
    def net(self) -> Decimal:
        """What is transferred."""
        return self.debtor_owes - self.creditor_owes


_HEAD: Final = (
    "mdtrt_id",
    "psn_no",
    "insutype",
    "med_type",
    "insu_admdvs",
    "mdtrtarea_admvs",
    "begndate",
    "setl_time",
    "init_setl_id",
)


def daily_totals(records: Iterable[Settlement]) -> Mapping[tuple[date, CityPair], Totals]:
    """Totals by the day of settlement in UTC+8 and by pair; treatment at home needs no reconciliation."""
    sums: dict[tuple[date, CityPair], Totals] = {}
    for record in records:
        if record.home != record.treating:
            key = _key(record)
            sums[key] = sums.get(key, Totals()) + _totals(record)
    return dict(sorted(sums.items()))


def reconcile(home: Iterable[Settlement], treating: Iterable[Settlement]) -> tuple[DayReport, ...]:
    """Every day and pair that either side has, in order, with each difference down to its fields."""
    ours, theirs = _grouped(home), _grouped(treating)
    return tuple(
        DayReport(
            day=key[0],
            pair=key[1],
            home=_sum(ours.get(key, [])),
            treating=_sum(theirs.get(key, [])),
            differences=tuple(_differences(ours.get(key, []), theirs.get(key, []))),
        )
        for key in sorted(ours.keys() | theirs.keys())
    )


def clear(records: Iterable[Settlement], month: str) -> tuple[Clearing, ...]:
    """The month's (YYYY-MM) clearing, one for each two of the three cities, whoever owes more first.

    MEDICAL_RECORD_TWICE when a setl_id comes twice: nothing is cleared on doubled records.
    """
    counted = [record for record in records if f"{china_day(record.setl_time):%Y-%m}" == month]
    if len({record.setl_id for record in counted}) < len(counted):
        raise Refusal("MEDICAL_RECORD_TWICE")
    owed: dict[tuple[str, str], Decimal] = {}
    for record in counted:
        pair = record.home, record.treating
        owed[pair] = owed.get(pair, ZERO) + _totals(record).due
    codes = [city.code for city in cities()]
    return tuple(_clearing(month, one, other, owed) for one, other in combinations(codes, 2))


def _clearing(month: str, one: str, other: str, owed: Mapping[tuple[str, str], Decimal]) -> Clearing:
    forth, back = owed.get((one, other), ZERO), owed.get((other, one), ZERO)
    return (
        Clearing(month, one, other, forth, back)
        if forth >= back
        else Clearing(month, other, one, back, forth)
    )


def _differences(home: list[Settlement], treating: list[Settlement]) -> Iterable[Difference]:
    ours, theirs = _by_id(home), _by_id(treating)
    for setl_id in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(setl_id, []), theirs.get(setl_id, [])
        due = _sum(here).due - _sum(there).due
        if len(here) > 1 or len(there) > 1:
            yield Difference(setl_id, Fault.TWICE, (), due)
        elif not there:
            yield Difference(setl_id, Fault.ONLY_HOME, (), due)
        elif not here:
            yield Difference(setl_id, Fault.ONLY_TREATING, (), due)
        elif names := _unlike(here[0], there[0]):
            yield Difference(setl_id, Fault.DIFFERENT, names, due)


def _unlike(one: Settlement, other: Settlement) -> tuple[str, ...]:
    head = [name for name in _HEAD if getattr(one, name) != getattr(other, name)]
    names = (*MONEY, "pool_prop_selfpay")
    amounts = [name for name in names if getattr(one.amounts, name) != getattr(other.amounts, name)]
    return (*head, *amounts)


def _grouped(records: Iterable[Settlement]) -> dict[tuple[date, CityPair], list[Settlement]]:
    grouped: dict[tuple[date, CityPair], list[Settlement]] = {}
    for record in records:
        if record.home != record.treating:
            grouped.setdefault(_key(record), []).append(record)
    return grouped


def _by_id(records: list[Settlement]) -> dict[str, list[Settlement]]:
    grouped: dict[str, list[Settlement]] = {}
    for record in records:
        grouped.setdefault(record.setl_id, []).append(record)
    return grouped


def _key(record: Settlement) -> tuple[date, CityPair]:
    return china_day(record.setl_time), CityPair(record.home, record.treating)


def _sum(records: Iterable[Settlement]) -> Totals:
    return sum(map(_totals, records), Totals())


def _totals(record: Settlement) -> Totals:
    amounts = record.amounts
    return Totals(
        settled=0 if record.is_reversal else 1,
        reversed=1 if record.is_reversal else 0,
        medfee_sumamt=amounts.medfee_sumamt,
        fund_pay_sumamt=amounts.fund_pay_sumamt,
        acct_pay=amounts.acct_pay,
        psn_cash_pay=amounts.psn_cash_pay,
        hosp_part_amt=amounts.hosp_part_amt,
    )

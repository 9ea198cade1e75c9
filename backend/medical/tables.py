"""Dated tables: the treating place's catalogue, the home place's policy. What they hold is `data/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final

from backend.core.errors import Refusal
from backend.medical.codes import AidCategory, Basis, HospitalLevel, Insutype, ItemClass, MedType
from backend.medical.filings import FilingRule
from backend.medical.models import require_amount
from backend.medical.money import EXACT, ONE, ZERO, at_most, half_up, is_quantity, is_ratio, room
from backend.medical.periods import Period, in_force


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """An item of a place's catalogue (医保目录) for a period.

    `pric_uplmt_amt` is the highest unit price in scope, None without one; `selfpay_prop` is what a 乙类 item
    asks out of pocket first. MEDICAL_TABLE_RATIO when that ratio doesn't fit the class.
    """

    city: str
    med_list_codg: str
    name_zh: str
    name_en: str
    chrgitm_lv: ItemClass
    pric_uplmt_amt: Decimal | None
    selfpay_prop: Decimal
    period: Period

    def __post_init__(self) -> None:
        """Refuses a ratio that its class doesn't have, and a limit that is no price."""
        if self.pric_uplmt_amt is not None and not is_quantity(self.pric_uplmt_amt, 6):
            raise Refusal("MEDICAL_TABLE_AMOUNT", where=self.med_list_codg)
        fixed = {ItemClass.A: ZERO, ItemClass.C: ONE}.get(self.chrgitm_lv)
        if not is_ratio(self.selfpay_prop) or fixed not in {None, self.selfpay_prop}:
            raise Refusal("MEDICAL_TABLE_RATIO", where=self.med_list_codg)


class LayerBase(StrEnum):
    """What a layer after the pooled fund looks at."""

    ABOVE_CAP = "ABOVE_CAP"  # What of the scope lies above the pooled fund's yearly cap (大额).
    BURDEN = "BURDEN"  # What earlier funds leave of the scope, added up over the year (大病, 救助).


@dataclass(frozen=True, slots=True)
class Band:
    """Above `over` yuan in the year the layer pays this ratio, up to the next band."""

    over: Decimal
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class Layer:
    """A fund that pays after the pooled one, in bands of the year's sum, up to its own yearly cap.

    MEDICAL_TABLE_RATIO, MEDICAL_TABLE_AMOUNT, or MEDICAL_TABLE_BANDS when the bands don't rise.
    """

    fund: str
    base: LayerBase
    bands: tuple[Band, ...]
    cap: Decimal | None

    def __post_init__(self) -> None:
        """Refuses bands that overlap or pay more than everything."""
        for amount in (*(band.over for band in self.bands), self.cap or ZERO):
            _require_table_amount(amount, self.fund)
        if not all(is_ratio(band.ratio) for band in self.bands):
            raise Refusal("MEDICAL_TABLE_RATIO", where=self.fund)
        rising = all(low.over < high.over for low, high in pairwise(self.bands))
        if not self.bands or not rising:
            raise Refusal("MEDICAL_TABLE_BANDS", where=self.fund)

    def pays(self, amount: Decimal, *, before: Decimal, paid: Decimal) -> Decimal:
        """What it pays on `amount`, when the year's sum is `before` and it has `paid` so much of its cap."""
        due = EXACT.subtract(self._on(before + amount), self._on(before))
        return at_most(half_up(due), room(self.cap, paid))

    def _on(self, sum_of_year: Decimal) -> Decimal:
        """What the bands give on a year's sum from zero, unrounded."""
        ends = [band.over for band in self.bands[1:]] + [max(sum_of_year, self.bands[-1].over)]
        due = Decimal(0)
        for band, end in zip(self.bands, ends, strict=True):
            due = EXACT.fma(max(min(sum_of_year, end) - band.over, ZERO), band.ratio, due)
        return due


@dataclass(frozen=True, slots=True)
class Rate:
    """A year's deductible (起付线) in yuan and the pooled fund's ratio (支付比例)."""

    deductible: Decimal
    ratio: Decimal

    def __post_init__(self) -> None:
        """MEDICAL_TABLE_AMOUNT or MEDICAL_TABLE_RATIO when it can't be one."""
        _require_table_amount(self.deductible, "deductible")
        if not is_ratio(self.ratio):
            raise Refusal("MEDICAL_TABLE_RATIO", where="ratio")


RateKey = tuple[HospitalLevel, Basis]
RATE_KEYS: Final = frozenset((level, basis) for level in HospitalLevel for basis in Basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a home city pays for one insurance and kinds of treatment that share a pot, for a period.

    Every hospital level and basis has a rate, and none pays more without a filing than with one:
    MEDICAL_TABLE_INCOMPLETE, MEDICAL_TABLE_UNFILED. `annual_cap` is the pooled fund's 封顶线, None without
    one; `has_account` whether a personal account (个人账户) pays before cash.
    """

    city: str
    insutype: Insutype
    med_types: frozenset[MedType]
    period: Period
    rates: Mapping[RateKey, Rate]
    annual_cap: Decimal | None
    has_account: bool
    supplement: Layer | None
    aid: Mapping[AidCategory, Layer]

    def __post_init__(self) -> None:
        """Refuses a table with holes, or one that rewards not filing."""
        where = f"{self.city}/{self.insutype}"
        _require_table_amount(self.annual_cap or ZERO, where)
        if self.rates.keys() != RATE_KEYS or not self.med_types:
            raise Refusal("MEDICAL_TABLE_INCOMPLETE", where=where)
        for (level, _), rate in self.rates.items():
            unfiled = self.rates[level, Basis.UNFILED]
            if unfiled.ratio > rate.ratio or unfiled.deductible < rate.deductible:
                raise Refusal("MEDICAL_TABLE_UNFILED", where=where)

    def rate(self, level: HospitalLevel, basis: Basis) -> Rate:
        """Deductible and ratio at a hospital of that level, on that footing."""
        return self.rates[level, basis]


PolicyKey = tuple[str, Insutype, MedType]


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables that a settlement looks into; rows of one key are in the order of their dates."""

    policies: Mapping[PolicyKey, tuple[Policy, ...]]
    catalogue: Mapping[tuple[str, str], tuple[CatalogueItem, ...]]
    filing_rules: tuple[FilingRule, ...]

    def policy(self, city: str, insutype: Insutype, med_type: MedType, day: date) -> Policy:
        """The home city's policy on the day; MEDICAL_POLICY_NONE when it has none."""
        policy = in_force(self.policies.get((city, insutype, med_type), ()), day)
        if policy is None:
            raise Refusal("MEDICAL_POLICY_NONE", day=f"{day}")
        return policy

    def item(self, city: str, med_list_codg: str, day: date) -> CatalogueItem:
        """The treating city's entry on the day; MEDICAL_ITEM_NOT_LISTED when it has none."""
        item = in_force(self.catalogue.get((city, med_list_codg), ()), day)
        if item is None:
            raise Refusal("MEDICAL_ITEM_NOT_LISTED", item=med_list_codg, day=f"{day}")
        return item


def _require_table_amount(amount: Decimal, where: str) -> None:
    try:
        require_amount(amount)
    except Refusal:
        raise Refusal("MEDICAL_TABLE_AMOUNT", where=where) from None

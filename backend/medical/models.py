"""Visits, bill lines and settlement records, under the field names of the national interface.

Amounts are Decimals of two places (see `money`). A record that breaks an identity can't be built.
"""

import re
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from backend.core.errors import Refusal
from backend.medical.codes import FUNDS, AidCategory, Basis, CertType, HospitalLevel, Insutype, MedType
from backend.medical.money import ZERO, is_money, is_quantity, is_ratio, product, total
from backend.medical.places import require_city

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.-]{1,50}", re.ASCII)
_MOST_LINES: Final = 5_000


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a hospital's bill (费用明细): item × quantity at a unit price in yuan.

    `cnt` is numeric(16,4) and above zero, `pric` numeric(16,6). Refused: MEDICAL_ID_INVALID,
    MEDICAL_LINE_INVALID.
    """

    feedetl_sn: str
    med_list_codg: str
    cnt: Decimal
    pric: Decimal

    def __post_init__(self) -> None:
        """Refuses what is no line of a bill."""
        require_identifier(self.feedetl_sn, "feedetl_sn")
        require_identifier(self.med_list_codg, "med_list_codg")
        fits = is_quantity(self.cnt, 4) and is_quantity(self.pric, 6) and self.cnt > 0
        if not fits or not is_money(self.det_item_fee_sumamt):
            raise Refusal("MEDICAL_LINE_INVALID", line=self.feedetl_sn)

    @property
    def det_item_fee_sumamt(self) -> Decimal:
        """The line's amount (明细项目费用总额)."""
        return product(self.cnt, self.pric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a hospital's desk brings to be settled (就诊).

    `begndate` is the day of treatment in UTC+8: filing, rates, catalogue and year go by it. `insu_admdvs` is
    the home place, `mdtrtarea_admvs` the treating place, as cities or districts. `hosp_part_amt` is what the
    hospital bears itself. Refused: MEDICAL_ID_INVALID, MEDICAL_PLACE_UNKNOWN, MEDICAL_BILL_EMPTY,
    MEDICAL_BILL_TOO_LONG, MEDICAL_LINE_TWICE, MEDICAL_AMOUNT_INVALID.
    """

    mdtrt_id: str
    psn_no: str = field(repr=False)
    insutype: Insutype
    psn_type: str
    mdtrt_cert_type: CertType
    med_type: MedType
    insu_admdvs: str
    mdtrtarea_admvs: str
    level: HospitalLevel
    begndate: date
    lines: tuple[BillLine, ...]
    aid: AidCategory | None = field(default=None, repr=False)
    hosp_part_amt: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuses what can't be settled, whatever the tables say."""
        for name in ("mdtrt_id", "psn_no", "psn_type"):
            require_identifier(getattr(self, name), name)
        require_city(self.insu_admdvs)
        require_city(self.mdtrtarea_admvs)
        require_amount(self.hosp_part_amt)
        _require_bill(self.lines)

    @property
    def home(self) -> str:
        """The city whose policy applies (参保地)."""
        return require_city(self.insu_admdvs)

    @property
    def treating(self) -> str:
        """The city whose catalogue applies (就医地)."""
        return require_city(self.mdtrtarea_admvs)

    @property
    def is_local(self) -> bool:
        """Whether the treatment is at home, where no filing is needed."""
        return self.home == self.treating


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """The named amounts of a settlement, all of one sign; `abovecap_amt` is ours, the others national.

    Identities, else MEDICAL_SETTLEMENT_INCONSISTENT: medfee = fulamt + overlmt + preself + inscp;
    fund_pay_sumamt = Σ funds; psn_part = medfee − fund − hosp_part; psn_cash = psn_part − acct_pay;
    and the pooled fund pays no more than the scope without the deductible.
    """

    medfee_sumamt: Decimal
    fulamt_ownpay_amt: Decimal
    overlmt_selfpay: Decimal
    preselfpay_amt: Decimal
    inscp_scp_amt: Decimal
    act_pay_dedc: Decimal
    pool_prop_selfpay: Decimal
    hifp_pay: Decimal
    cvlserv_pay: Decimal = ZERO
    hifes_pay: Decimal = ZERO
    hifmi_pay: Decimal = ZERO
    hifob_pay: Decimal = ZERO
    maf_pay: Decimal = ZERO
    oth_pay: Decimal = ZERO
    fund_pay_sumamt: Decimal
    hosp_part_amt: Decimal = ZERO
    psn_part_amt: Decimal
    acct_pay: Decimal
    psn_cash_pay: Decimal
    abovecap_amt: Decimal = ZERO

    def __post_init__(self) -> None:
        """Asserts form, sign and identities."""
        for name in MONEY:
            _hold(is_money(getattr(self, name)), name)
        _hold(is_ratio(self.pool_prop_selfpay), "pool_prop_selfpay")
        self._check_signs()
        self._check_identities()

    def negated(self) -> "Amounts":
        """Every amount with the other sign, under the same ratio."""
        amounts = {name: -getattr(self, name) for name in MONEY}
        return Amounts(pool_prop_selfpay=self.pool_prop_selfpay, **amounts)

    @property
    def supplement_pay(self) -> Decimal:
        """What 大病 or 大额 pays."""
        return self.hifmi_pay + self.hifob_pay

    @property
    def burden_amt(self) -> Decimal:
        """What the pooled fund leaves of the scope: what 大病 looks at."""
        return self.inscp_scp_amt - self.hifp_pay

    @property
    def aid_base_amt(self) -> Decimal:
        """What the pooled fund and 大病 or 大额 leave of the scope: what aid looks at."""
        return self.burden_amt - self.supplement_pay

    def _check_signs(self) -> None:
        amounts = [getattr(self, name) for name in MONEY]
        _hold(all(a >= 0 for a in amounts) or all(a <= 0 for a in amounts), "sign")
        _hold(abs(self.hifp_pay) <= abs(self.inscp_scp_amt) - abs(self.act_pay_dedc), "hifp_pay")

    def _check_identities(self) -> None:
        excluded = self.fulamt_ownpay_amt + self.overlmt_selfpay + self.preselfpay_amt
        _hold(self.medfee_sumamt == excluded + self.inscp_scp_amt, "medfee_sumamt")
        _hold(self.fund_pay_sumamt == total(getattr(self, fund) for fund in FUNDS), "fund_pay_sumamt")
        own = self.medfee_sumamt - self.fund_pay_sumamt - self.hosp_part_amt
        _hold(self.psn_part_amt == own, "psn_part_amt")
        _hold(self.psn_cash_pay == self.psn_part_amt - self.acct_pay, "psn_cash_pay")


MONEY: Final = tuple(f.name for f in fields(Amounts) if f.name != "pool_prop_selfpay")
"""The names of all amounts in yuan of `Amounts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A settlement record, or a reversal: a negative record that names the one it reverses in `init_setl_id`.

    `setl_time` is aware; `balc` is what the personal account held afterwards. A record is never edited.
    """

    setl_id: str
    mdtrt_id: str
    psn_no: str = field(repr=False)
    insutype: Insutype
    psn_type: str
    mdtrt_cert_type: CertType
    med_type: MedType
    insu_admdvs: str
    mdtrtarea_admvs: str
    begndate: date
    setl_time: datetime
    basis: Basis
    filing: str | None
    amounts: Amounts
    balc: Decimal
    init_setl_id: str | None = None

    def __post_init__(self) -> None:
        """Asserts the record's own form and that only a reversal is negative."""
        for name in ("setl_id", "mdtrt_id", "psn_no", "psn_type"):
            require_identifier(getattr(self, name), name)
        require_city(self.insu_admdvs)
        require_city(self.mdtrtarea_admvs)
        _hold(self.setl_time.tzinfo is not None, "setl_time")
        _hold(is_money(self.balc) and self.balc >= 0, "balc")
        medfee = self.amounts.medfee_sumamt
        _hold(medfee <= 0 if self.is_reversal else medfee >= 0, "sign")

    @property
    def is_reversal(self) -> bool:
        """Whether this takes another record back (退费结算标志)."""
        return self.init_setl_id is not None

    @property
    def home(self) -> str:
        """The city that pays (参保地)."""
        return require_city(self.insu_admdvs)

    @property
    def treating(self) -> str:
        """The city that is paid (就医地)."""
        return require_city(self.mdtrtarea_admvs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulators:
    """What a person's settlements of the year add up to before this one (年度累计), per insurance and pot.

    `burden` is what 大病 has looked at, `above_cap` what 大额 has, `aid_base` what aid has.
    """

    deductible: Decimal = ZERO
    pool: Decimal = ZERO
    above_cap: Decimal = ZERO
    burden: Decimal = ZERO
    supplement: Decimal = ZERO
    aid_base: Decimal = ZERO
    aid: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuses a sum below zero: a reversal without its settlement."""
        for one in fields(self):
            require_amount(getattr(self, one.name))


def require_identifier(value: object, name: str) -> None:
    """MEDICAL_ID_INVALID unless this is 1 to 50 plain characters."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise Refusal("MEDICAL_ID_INVALID", field=name)


def require_amount(value: object) -> None:
    """MEDICAL_AMOUNT_INVALID unless this is money of zero or more."""
    if not is_money(value) or not is_quantity(value, 2):
        raise Refusal("MEDICAL_AMOUNT_INVALID")


def _require_bill(lines: tuple[BillLine, ...]) -> None:
    if not lines:
        raise Refusal("MEDICAL_BILL_EMPTY")
    if len(lines) > _MOST_LINES:
        raise Refusal("MEDICAL_BILL_TOO_LONG", most=_MOST_LINES)
    if len({line.feedetl_sn for line in lines}) < len(lines):
        raise Refusal("MEDICAL_LINE_TWICE")
    if not is_money(total(line.det_item_fee_sumamt for line in lines)):
        raise Refusal("MEDICAL_AMOUNT_INVALID")


def _hold(true: bool, identity: str) -> None:  # noqa: FBT001 - the condition itself.
    if not true:
        raise Refusal("MEDICAL_SETTLEMENT_INCONSISTENT", identity=identity)

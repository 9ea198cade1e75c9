"""Direct settlement (直接结算): pre-settle, settle, reverse, all pure.

The treating place's catalogue says what is in scope; the home place's policy says what is paid.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from backend.core.errors import Refusal
from backend.medical.calculation import Calculation, calculate
from backend.medical.codes import Basis
from backend.medical.explanation import Step, explain
from backend.medical.filings import Filing, covering
from backend.medical.models import Accumulators, Amounts, Settlement, Visit, require_amount
from backend.medical.money import total
from backend.medical.tables import Policy, Tables


@dataclass(frozen=True, slots=True)
class Presettlement:
    """What a visit would be settled as (预结算): nothing is kept of it until the desk settles."""

    calculation: Calculation
    filing: Filing | None
    steps: tuple[Step, ...]

    @property
    def amounts(self) -> Amounts:
        """The named amounts."""
        return self.calculation.amounts

    def record(self, *, setl_id: str, setl_time: datetime) -> Settlement:
        """The settlement record under an id and an aware time of its own."""
        visit = self.calculation.visit
        return Settlement(
            setl_id=setl_id,
            mdtrt_id=visit.mdtrt_id,
            psn_no=visit.psn_no,
            insutype=visit.insutype,
            psn_type=visit.psn_type,
            mdtrt_cert_type=visit.mdtrt_cert_type,
            med_type=visit.med_type,
            insu_admdvs=visit.insu_admdvs,
            mdtrtarea_admvs=visit.mdtrtarea_admvs,
            begndate=visit.begndate,
            setl_time=setl_time,
            basis=self.calculation.basis,
            filing=self.filing.id if self.filing else None,
            amounts=self.amounts,
            balc=self.calculation.balc,
        )


def presettle(
    visit: Visit, *, tables: Tables, filings: Iterable[Filing], year_to_date: Accumulators, balance: Decimal
) -> Presettlement:
    """The full split of a visit, on the tables and the filing that are valid on its day of treatment.

    `year_to_date` is what the home place has counted this year, `balance` the personal account in yuan.
    Refused: MEDICAL_POLICY_NONE, MEDICAL_ITEM_NOT_LISTED, MEDICAL_HOSPITAL_SHARE, MEDICAL_AMOUNT_INVALID.
    """
    policy = tables.policy(visit.home, visit.insutype, visit.med_type, visit.begndate)
    items = [tables.item(visit.treating, line.med_list_codg, visit.begndate) for line in visit.lines]
    filing = _filing(visit, filings)
    calculation = calculate(visit, items, policy, _basis(visit, filing), year_to_date, balance)
    return Presettlement(calculation, filing, explain(calculation))


def accumulate(records: Iterable[Settlement], *, psn_no: str, policy: Policy, year: int) -> Accumulators:
    """What a person's records of a year of treatment add up to in the policy's pot, reversals taken off."""
    counted = [
        record.amounts
        for record in records
        if (record.psn_no, record.insutype, record.begndate.year) == (psn_no, policy.insutype, year)
        and record.home == policy.city
        and record.med_type in policy.med_types
    ]
    return Accumulators(
        deductible=total(one.act_pay_dedc for one in counted),
        pool=total(one.hifp_pay for one in counted),
        above_cap=total(one.abovecap_amt for one in counted),
        burden=total(one.burden_amt for one in counted),
        supplement=total(one.supplement_pay for one in counted),
        aid_base=total(one.aid_base_amt for one in counted),
        aid=total(one.maf_pay for one in counted),
    )


def reverse(
    record: Settlement,
    *,
    history: Iterable[Settlement],
    setl_id: str,
    setl_time: datetime,
    balance: Decimal,
) -> Settlement:
    """The negative record that takes `record` back; `balance` is the personal account before it.

    `history` are the person's records. Later settlements of the year were reckoned on this one, so they go
    back first. Refused: MEDICAL_REVERSAL_OF_REVERSAL, MEDICAL_ALREADY_REVERSED, MEDICAL_REVERSAL_NOT_LAST.
    """
    require_amount(balance)
    if record.is_reversal:
        raise Refusal("MEDICAL_REVERSAL_OF_REVERSAL")
    others = tuple(history)
    taken_back = {other.init_setl_id for other in others}
    if record.setl_id in taken_back:
        raise Refusal("MEDICAL_ALREADY_REVERSED")
    if any(_rests_on(other, record) and other.setl_id not in taken_back for other in others):
        raise Refusal("MEDICAL_REVERSAL_NOT_LAST")
    return replace(
        record,
        setl_id=setl_id,
        setl_time=setl_time,
        amounts=record.amounts.negated(),
        balc=balance + record.amounts.acct_pay,
        init_setl_id=record.setl_id,
    )


def _rests_on(later: Settlement, record: Settlement) -> bool:
    """Whether a settlement was reckoned on a year's sum that holds the record."""
    same_year = (later.psn_no, later.insutype, later.begndate.year) == (
        record.psn_no,
        record.insutype,
        record.begndate.year,
    )
    return same_year and not later.is_reversal and later.setl_time > record.setl_time


def _filing(visit: Visit, filings: Iterable[Filing]) -> Filing | None:
    if visit.is_local:
        return None
    return covering(
        filings,
        psn_no=visit.psn_no,
        insutype=visit.insutype,
        home=visit.home,
        treating=visit.treating,
        day=visit.begndate,
    )


def _basis(visit: Visit, filing: Filing | None) -> Basis:
    if visit.is_local:
        return Basis.LOCAL
    return filing.basis if filing else Basis.UNFILED

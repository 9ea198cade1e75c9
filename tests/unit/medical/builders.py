"""Visits, filings and policies for the tests, each a sound one with the changes that a test asks for."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from backend.medical.codes import (
    Basis,
    CertType,
    FilingKind,
    HospitalLevel,
    Insutype,
    ItemClass,
    MedType,
)
from backend.medical.filings import Application, Filing
from backend.medical.loading import build_tables, tables
from backend.medical.models import Accumulators, BillLine, Settlement, Visit
from backend.medical.periods import Period
from backend.medical.settlement import Presettlement, presettle
from backend.medical.tables import RATE_KEYS, CatalogueItem, Policy, Rate, Tables

CHANGSHA, ZHUZHOU, XIANGTAN = "430100", "430200", "430300"
TREATED = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
ALWAYS = Period(date(2020, 1, 1))


def yuan(text: str | int) -> Decimal:
    """An amount with two places."""
    return Decimal(text).quantize(Decimal("0.01"))


def line(number: int, code: str, cnt: str, pric: str) -> BillLine:
    """A line of a bill."""
    return BillLine(f"{number}", code, Decimal(cnt), Decimal(pric))


# The brief's bill of 20,000.00 at a Changsha hospital: 丙类 1,800; 200 over the limit; 乙类 6,000 at 10 % and
# 3,000 at 15 %; the rest 甲类.
BILL = (
    line(1, "ILL-MED-04", "1", "1800"),
    line(2, "ILL-BED-01", "10", "80"),
    line(3, "ILL-MED-02", "60", "100"),
    line(4, "ILL-MED-03", "1", "3000"),
    line(5, "ILL-OPR-01", "1", "8400"),
)


def visit(**changes: Any) -> Visit:
    """A Xiangtan employee in a tertiary hospital of Changsha, with the brief's bill."""
    one = Visit(
        mdtrt_id="m1",
        psn_no="p1",
        insutype=Insutype.EMPLOYEE,
        psn_type="11",
        mdtrt_cert_type=CertType.E_VOUCHER,
        med_type=MedType.INPATIENT,
        insu_admdvs=XIANGTAN,
        mdtrtarea_admvs="430102",
        level=HospitalLevel.TERTIARY,
        begndate=TREATED,
        lines=BILL,
    )
    return replace(one, **changes)


def application(**changes: Any) -> Application:
    """The Xiangtan person asks for a referral to Changsha."""
    asked = {
        "kind": FilingKind.REFERRED,
        "psn_no": "p1",
        "psn_cert_type": "01",
        "certno": "430302198811053022",
        "psn_name": "李明",
        "insutype": Insutype.EMPLOYEE,
        "tel": "13800000000",
        "insu_admdvs": XIANGTAN,
        "rloc_admdvs": CHANGSHA,
        "begndate": TREATED,
    }
    return Application(**{**asked, **changes})


def filing(**changes: Any) -> Filing:
    """The Xiangtan person's referral to Changsha, valid from 2026-01-01 to 2026-06-30."""
    kept = {"id": "f1", "begndate": date(2026, 1, 1), "enddate": date(2026, 6, 30), "filed_at": NOON}
    names = ("id", "enddate", "filed_at", "extensions", "cancelled_from")
    own = {name: value for name, value in {**kept, **changes}.items() if name in names}
    asked = application(**{name: value for name, value in {**kept, **changes}.items() if name not in names})
    values = {name: getattr(asked, name) for name in Application.__dataclass_fields__}
    return Filing(**values, **own)


def settle(
    one: Visit,
    *filings: Filing,
    before: Accumulators | None = None,
    balance: str = "0.00",
    using: Tables | None = None,
) -> Presettlement:
    """Pre-settles on the package's tables, or on those given."""
    return presettle(
        one,
        tables=using or tables(),
        filings=filings,
        year_to_date=before or Accumulators(),
        balance=yuan(balance),
    )


def record(setl_id: str = "s1", setl_time: datetime = NOON, **changes: Any) -> Settlement:
    """A settled record of the brief's bill."""
    done = settle(visit(**changes), filing(), balance="2310.00")
    return done.record(setl_id=setl_id, setl_time=setl_time)


def policy(
    *, deductible: str = "0.00", ratio: str = "0.8000", less: str = "0.1500", **changes: Any
) -> Policy:
    """A policy with one rate at every level, and `less` of it without a filing."""
    full = Rate(Decimal(deductible), Decimal(ratio))
    unfiled = Rate(Decimal(deductible), Decimal(ratio) - Decimal(less))
    one = Policy(
        city=XIANGTAN,
        insutype=Insutype.EMPLOYEE,
        med_types=frozenset({MedType.INPATIENT}),
        period=ALWAYS,
        rates={key: unfiled if key[1] is Basis.UNFILED else full for key in RATE_KEYS},
        annual_cap=None,
        has_account=True,
        supplement=None,
        aid={},
    )
    return replace(one, **changes)


def item(code: str, kind: ItemClass = ItemClass.A, **changes: Any) -> CatalogueItem:
    """An item of Changsha's catalogue; 甲类 without a limit unless told otherwise."""
    share = {ItemClass.A: "0.0000", ItemClass.B: "0.1000", ItemClass.C: "1.0000"}[kind]
    one = CatalogueItem(CHANGSHA, code, "项目", "item", kind, None, Decimal(share), ALWAYS)
    return replace(one, **changes)


def own_tables(one: Policy, *items: CatalogueItem) -> Tables:
    """Tables of one policy and some items."""
    return build_tables([one], items, [])

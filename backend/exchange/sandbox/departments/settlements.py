"""Direct settlement (直接结算) at the medical-insurance department that insures, and its totals of a day."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from backend.core.clock import CHINA
from backend.core.ids import new_id
from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.filings import valid_filing
from backend.exchange.sandbox.departments.medical_people import (
    CAP,
    RESIDENT,
    Insured,
    change_account,
    insured_by,
    insured_of,
)
from backend.exchange.sandbox.departments.money import ZERO, cents, yuan

_EMPLOYEE_RATES: Final = {"PRIMARY": (300, "0.92"), "SECONDARY": (600, "0.90"), "TERTIARY": (1000, "0.85")}
_RESIDENT_RATES: Final = {"PRIMARY": (200, "0.85"), "SECONDARY": (500, "0.75"), "TERTIARY": (1500, "0.60")}
_WITHOUT_FILING: Final = Decimal("0.15")
_FEES: Final = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
_FUNDS: Final = ("hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay")
_REST: Final = (
    "act_pay_dedc",
    "fund_pay_sumamt",
    "hosp_part_amt",
    "psn_part_amt",
    "acct_pay",
    "psn_cash_pay",
)
_TOTALS: Final = ("medfee_sumamt", "fund_pay_sumamt", "acct_pay", "psn_cash_pay")
_COPIED: Final = (
    "mdtrt_id",
    "mdtrt_cert_type",
    "med_type",
    "fixmedins_code",
    "fixmedins_name",
    "hosp_lv",
    "mdtrtarea_admdvs",
)


def presettle(call: Call) -> Body:
    """What a settlement would be; changes nothing."""
    insured = _entitled(call)
    shown = {"mdtrt_id": call.body["mdtrt_id"], "psn_no": insured.psn_no}
    return call.record(shown | _split(call, insured))


def settle(call: Call) -> Body:
    """Settles a visit once, with the amounts that the person was shown where those are given."""
    insured = _entitled(call)
    visit = call.body["mdtrt_id"]
    if call.registry.get("visit", visit):
        raise Problem(409, "VISIT_SETTLED")
    content: Body = {
        "setl_id": new_id(),
        **{name: call.body[name] for name in _COPIED if name in call.body},
        "psn_no": insured.psn_no,
        "certno": insured.certno,
        "psn_name": insured.name,
        "setl_time": call.moment(),
        "refd_setl_flag": "0",
        **_split(call, insured),
    }
    call.registry.put("visit", visit, {"setl_id": content["setl_id"]})
    _book(call, insured, content)
    return call.keep("settlement", content["setl_id"], content, insured.certno)


def reverse(call: Call) -> Body:
    """Reverses a settlement by a new record with negative amounts; the visit can be settled again."""
    original = call.registry.get("settlement", call.path["setl_id"])
    if original is None:
        raise Problem(404, "RECORD_UNKNOWN")
    if original["refd_setl_flag"] == "1":
        raise Problem(409, "SETTLEMENT_REVERSED")
    insured = insured_by(call, original["certno"])
    negative = {name: yuan(-Decimal(original[name])) for name in (*_FEES, *_FUNDS, *_REST)}
    content = original | negative
    content |= {
        "setl_id": new_id(),
        "init_setl_id": original["setl_id"],
        "setl_time": call.moment(),
        "refd_setl_flag": "1",
        "balc": yuan(insured.balance + Decimal(original["acct_pay"])),
    }
    call.registry.put("settlement", original["setl_id"], original | {"refd_setl_flag": "1"}, insured.certno)
    call.registry.remove("visit", original["mdtrt_id"])
    _book(call, insured, content)
    return call.keep("settlement", content["setl_id"], content, insured.certno)


def query(call: Call) -> Body:
    """A person's settlements and reversals made here, newest first."""
    certno = call.body["person"]["certno"]
    if call.registry.get("insured", certno) is None:
        call.facts()
    found = sorted(
        call.registry.list("settlement", certno), key=lambda one: (one["setl_time"], one["setl_id"])
    )
    return call.page([call.record(settlement) for settlement in reversed(found)])


def record_treatment(call: Call) -> Body:
    """The treating place's own entry of what another city settled."""
    body = call.body
    if not call.department.serves(body["fixmedins_code"][1:7]):
        raise Problem(403, "NOT_RESPONSIBLE")
    if call.registry.get("treatment", body["setl_id"]):
        raise Problem(409, "TREATMENT_RECORDED")
    recorded = {"setl_id": body["setl_id"], "recorded_at": call.moment()}
    call.registry.put("treatment", body["setl_id"], body)
    day = datetime.fromisoformat(body["setl_time"]).astimezone(CHINA).date().isoformat()
    row = {name: body[name] for name in (*_TOTALS, "insu_admdvs")} | {
        "mdtrtarea_admdvs": call.department.city
    }
    call.registry.put("as_treating", body["setl_id"], row, day)
    return recorded


def daily_totals(call: Call) -> Body:
    """Totals of a day: of our insured by city of treatment, of treatment here by home city."""
    day, other = call.body["stmt_date"], call.body.get("counterpart")
    home = _sums(call.registry.list("as_home", day), "mdtrtarea_admdvs", other)
    treating = _sums(call.registry.list("as_treating", day), "insu_admdvs", other)
    return call.record({"stmt_date": day, "as_home": home, "as_treating": treating})


def _entitled(call: Call) -> Insured:
    insured = insured_of(call)
    if insured.status != "1":
        raise Problem(422, "INSURANCE_SUSPENDED")
    fees = {name: Decimal(call.body["fees"][name]) for name in _FEES}
    if min(fees.values()) < 0 or fees["medfee_sumamt"] != sum(fees[name] for name in _FEES[1:]):
        raise Problem(422, "FEES_DO_NOT_ADD_UP")
    return insured


def _split(call: Call, insured: Insured) -> Body:
    """Every amount of a settlement, by this department's policy or as the person was shown."""
    body = call.body
    place, day = body["mdtrtarea_admdvs"], body["setl_date"]
    filing = valid_filing(call, insured, place, day)
    away = place != call.department.city
    shared: Body = {
        "insutype": insured.insutype,
        "psn_type": insured.psn_type,
        "insu_admdvs": call.department.city,
        "mdtrtarea_admdvs": place,
        **body["fees"],
    }
    if filing is not None:
        shared["trt_dcla_detl_sn"] = filing["trt_dcla_detl_sn"]
    given = body.get("amounts")
    penalty = _WITHOUT_FILING if away and filing is None else Decimal()
    amounts = _computed(body, insured, penalty) if given is None else _checked(body, insured, given)
    return shared | amounts | {"balc": yuan(insured.balance - Decimal(amounts["acct_pay"]))}


def _computed(body: Body, insured: Insured, penalty: Decimal) -> Body:
    """Steps 3 to 6 of the arithmetic, without what lies above the yearly cap."""
    rates = _RESIDENT_RATES if insured.insutype == RESIDENT else _EMPLOYEE_RATES
    deductible, base_ratio = rates[body["hosp_lv"]]
    ratio = Decimal(base_ratio) - penalty
    scope, medfee = Decimal(body["fees"]["inscp_scp_amt"]), Decimal(body["fees"]["medfee_sumamt"])
    first = min(scope, max(deductible - insured.deductible, ZERO))
    pool = min(cents((scope - first) * ratio), max(CAP - insured.pool, ZERO))
    own = medfee - pool
    uses_account = body["acct_used_flag"] == "1" and insured.is_employee
    account = min(own, insured.balance) if uses_account else ZERO
    return {
        **dict.fromkeys(_FUNDS, "0.00"),
        "act_pay_dedc": yuan(first),
        "pool_prop_selfpay": f"{ratio:.4f}",
        "hifp_pay": yuan(pool),
        "fund_pay_sumamt": yuan(pool),
        "hosp_part_amt": "0.00",
        "psn_part_amt": yuan(own),
        "acct_pay": yuan(account),
        "psn_cash_pay": yuan(own - account),
    }


def _checked(body: Body, insured: Insured, given: Mapping[str, str]) -> Body:
    """The amounts that the person was shown, when they add up and the account and the cap bear them."""
    amounts = {name: Decimal(given[name]) for name in (*_FUNDS, *_REST)}
    medfee = Decimal(body["fees"]["medfee_sumamt"])
    funds = sum((amounts[name] for name in _FUNDS), ZERO)
    person = medfee - funds - amounts["hosp_part_amt"]
    adds_up = (
        min(amounts.values()) >= 0
        and amounts["fund_pay_sumamt"] == funds
        and amounts["psn_part_amt"] == person
        and amounts["psn_cash_pay"] == person - amounts["acct_pay"]
    )
    if not adds_up:
        raise Problem(422, "AMOUNTS_DO_NOT_ADD_UP")
    if amounts["acct_pay"] > insured.balance or amounts["hifp_pay"] > CAP - insured.pool:
        raise Problem(409, "AMOUNTS_DIFFER")
    return dict(given)


def _book(call: Call, insured: Insured, content: Body) -> None:
    """Lets a settlement or a reversal count: in the account and in the totals of the day."""
    account = Decimal(content["acct_pay"])
    changes = {
        "balance": -account,
        "paid_out": account,
        "deductible": Decimal(content["act_pay_dedc"]),
        "pool": Decimal(content["hifp_pay"]),
    }
    change_account(call, insured, call.today.year, changes)
    row = {name: content[name] for name in (*_TOTALS, "insu_admdvs", "mdtrtarea_admdvs")}
    call.registry.put("as_home", content["setl_id"], row, call.today.isoformat())


def _sums(rows: list[Body], by: str, only: str | None) -> list[Body]:
    groups: dict[tuple[str, str], list[Body]] = defaultdict(list)
    for row in rows:
        if only in {None, row[by]}:
            groups[row["insu_admdvs"], row["mdtrtarea_admdvs"]].append(row)
    return [
        {
            "insu_admdvs": home,
            "mdtrtarea_admdvs": place,
            "setl_cnt": len(group),
            **{name: yuan(sum((Decimal(row[name]) for row in group), ZERO)) for name in _TOTALS},
        }
        for (home, place), group in sorted(groups.items())
    ]

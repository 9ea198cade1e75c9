"""Medical-insurance departments (医保): who is insured, accounts, contributions, filings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from backend.core.errors import Refusal
from backend.core.resident_id import parse_id_number
from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.insurances import base_of
from backend.exchange.sandbox.departments.money import ZERO, cents, yuan
from backend.exchange.sandbox.departments.months import Month, month_of, months, parse_month
from backend.exchange.sandbox.departments.world import ZHOU, Facts, draw

EMPLOYEE, RESIDENT = "310", "390"
CAP: Final = Decimal(150_000)
_KNOWN_BALANCES: Final = {ZHOU: Decimal("2310.00")}
_MOST_MONTHS: Final = 120
_RESIDENT_PERSON, _RESIDENT_SUBSIDY = Decimal(400), Decimal(670)  # A year, illustrative.


@dataclass(frozen=True, slots=True)
class Insured:
    """A person as this department insures them; amounts of the present year."""

    certno: str
    name: str
    psn_no: str
    insutype: str
    psn_type: str
    status: str
    since: date
    employer: tuple[str, str] | None
    balance: Decimal
    paid_in: Decimal
    paid_out: Decimal
    deductible: Decimal
    pool: Decimal

    @property
    def is_employee(self) -> bool:
        """Whether the employees' insurance pays: it has an account."""
        return self.insutype == EMPLOYEE


def insured_person(call: Call) -> Body:
    """Insurance, account and yearly totals; raises Problem NOT_INSURED_HERE."""
    return call.record(_as_json(call, insured_of(call)))


def insured_of(call: Call) -> Insured:
    """The person of the call, as insured here; raises Problem PERSON_UNKNOWN, NOT_INSURED_HERE."""
    given = call.body["person"]
    return insured_by(call, given["certno"], given.get("psn_name"))


def insured_by(call: Call, certno: str, name: str | None = None) -> Insured:
    """The person with this number, as insured here; raises Problem PERSON_UNKNOWN, NOT_INSURED_HERE."""
    enrolled = call.registry.get("insured", certno)
    if enrolled is not None:
        if name not in {None, enrolled["name"]}:
            raise Problem(404, "PERSON_UNKNOWN")
        return _with_account(call, _enrolled(enrolled))
    facts = call.facts_of(certno, name)
    if facts.person.insurance_place != call.department.city:
        raise Problem(422, "NOT_INSURED_HERE")
    return _with_account(call, _generated(call, facts))


def enrol(call: Call) -> Body:
    """Insures somebody who isn't insured yet, a newborn for instance."""
    given = call.body["person"]
    certno = given["certno"]
    try:
        parse_id_number(certno, today=call.today)
    except Refusal:
        raise Problem(422, "IDENTITY_NUMBER_WRONG") from None
    if call.registry.get("insured", certno) or call.world.find(certno):
        raise Problem(409, "ALREADY_INSURED")
    name = given.get("psn_name")
    if name is None:
        raise Problem(422, "NAME_MISSING")
    content = {
        "certno": certno,
        "name": name,
        "insutype": call.body["insutype"],
        "since": call.body["psn_insu_date"],
        "psn_no": f"{call.department.city}-N{draw(call.world.seed, 'psn', certno) % 10**8:08d}",
    }
    call.registry.put("insured", certno, content, certno)
    return call.record(_as_json(call, _with_account(call, _enrolled(content))))


def contributions(call: Call) -> Body:
    """Contributions of the months asked for, newest first."""
    begin, end = parse_month(call.body["begin"]), parse_month(call.body["end"])
    if not 0 <= end - begin < _MOST_MONTHS:
        raise Problem(422, "MONTHS_WRONG")
    insured = insured_of(call)
    person = call.world.find(insured.certno)
    if person is None:
        return call.page([])
    facts = call.world.facts(person, call.today)
    last = min(end, month_of(call.today).plus(-1))
    if insured.is_employee:
        return call.page(_of_jobs(call, facts, begin, last))
    yearly = [month for month in months(begin, last) if month.month == 1]
    return call.page([_of_a_year(call, month) for month in reversed(yearly)])


def change_account(call: Call, insured: Insured, year: int, changes: Mapping[str, Decimal]) -> None:
    """Adds to balance, paid_out, deductible and pool, and writes the account of that year."""
    names = ("balance", "paid_out", "deductible", "pool")
    account = {name: yuan(getattr(insured, name) + changes.get(name, ZERO)) for name in names}
    content = {**account, "paid_in": yuan(insured.paid_in), "year": year}
    call.registry.put("account", insured.certno, content, insured.certno)


def _as_json(call: Call, insured: Insured) -> Body:
    content: Body = {
        "psn_no": insured.psn_no,
        "certno": insured.certno,
        "psn_name": insured.name,
        "insutype": insured.insutype,
        "psn_type": insured.psn_type,
        "psn_insu_stas": insured.status,
        "insu_admdvs": call.department.city,
        "psn_insu_date": insured.since.isoformat(),
        "balc": yuan(insured.balance),
        "inc_this_year": yuan(insured.paid_in),
        "out_this_year": yuan(insured.paid_out),
        "dedc_this_year": yuan(insured.deductible),
        "hifp_this_year": yuan(insured.pool),
        "hifp_cap": yuan(CAP),
    }
    if insured.employer is not None:
        content["emp_uscc"], content["emp_name"] = insured.employer
    return content


def _enrolled(content: Mapping[str, Any]) -> Insured:
    return Insured(
        certno=content["certno"],
        name=content["name"],
        psn_no=content["psn_no"],
        insutype=content["insutype"],
        psn_type="11" if content["insutype"] == EMPLOYEE else "14",
        status="1",
        since=date.fromisoformat(content["since"]),
        employer=None,
        balance=ZERO,
        paid_in=ZERO,
        paid_out=ZERO,
        deductible=ZERO,
        pool=ZERO,
    )


def _generated(call: Call, facts: Facts) -> Insured:
    employee = bool(facts.jobs) and (facts.job is not None or facts.retired)
    since = facts.jobs[0].first.day(1) if employee else date(max(2016, facts.person.birth_date.year), 12, 1)
    paid_in = _paid_in(call, facts) if employee else ZERO
    spent = cents(Decimal(facts.draw("spent") % 60_000) / 100) if employee else ZERO
    saved = cents(Decimal(facts.draw("balance") % 800_000) / 100) if employee else ZERO
    balance = _KNOWN_BALANCES.get(facts.id_number, max(saved + paid_in - spent, ZERO))
    job = facts.job
    return Insured(
        certno=facts.id_number,
        name=facts.name,
        psn_no=f"{call.department.city}-{facts.opaque}",
        insutype=EMPLOYEE if employee else RESIDENT,
        psn_type=("12" if facts.retired else "11") if employee else ("21" if facts.age >= 18 else "14"),
        status="1",
        since=since,
        employer=(job.uscc, job.employer) if employee and job else None,
        balance=balance,
        paid_in=paid_in,
        paid_out=min(spent, paid_in),
        deductible=ZERO,
        pool=ZERO,
    )


def _with_account(call: Call, insured: Insured) -> Insured:
    """The person with what settlements made of the account; totals begin anew every year."""
    account = call.registry.get("account", insured.certno)
    if account is None:
        return insured
    same_year = account["year"] == call.today.year

    def total(name: str) -> Decimal:
        return Decimal(account[name]) if same_year else ZERO

    return replace(
        insured,
        balance=Decimal(account["balance"]),
        paid_out=total("paid_out"),
        deductible=total("deductible"),
        pool=total("pool"),
    )


def _paid_in(call: Call, facts: Facts) -> Decimal:
    january = Month(call.today.year, 1)
    return sum((Decimal(item["to_acct_amt"]) for item in _of_jobs(call, facts, january, _last(call))), ZERO)


def _last(call: Call) -> Month:
    return month_of(call.today).plus(-1)


def _of_jobs(call: Call, facts: Facts, begin: Month, end: Month) -> list[Body]:
    items: list[Body] = []
    for job in facts.jobs:
        for month in months(max(begin, job.first), min(end, job.last or end)):
            base = base_of(job, month)
            person = yuan(base * Decimal("0.02"))
            items.append(
                _contribution(call, month, EMPLOYEE, base, yuan(base * Decimal("0.08")), person)
                | {"emp_uscc": job.uscc, "to_acct_amt": person}
            )
    return items[::-1]


def _of_a_year(call: Call, month: Month) -> Body:
    content = _contribution(call, month, RESIDENT, ZERO, "0.00", yuan(_RESIDENT_PERSON))
    return content | {"fin_clct_amt": yuan(_RESIDENT_SUBSIDY)}


def _contribution(call: Call, month: Month, insutype: str, base: Decimal, employer: str, person: str) -> Body:
    paid = month.plus(0).day(1) + timedelta(17)
    return {
        "accrym": str(month),
        "insutype": insutype,
        "poolarea_no": call.department.city,
        "clct_base": yuan(base),
        "emp_clct_amt": employer,
        "psn_clct_amt": person,
        "fin_clct_amt": "0.00",
        "to_acct_amt": "0.00",
        "clct_stas": "NORMAL",
        "clct_time": f"{paid.isoformat()}T09:00:00+08:00",
    }

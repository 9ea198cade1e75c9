"""Social-security departments (人社): insurances, contributions, pension account, card."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from backend.core.resident_id import Sex
from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.money import yuan
from backend.exchange.sandbox.departments.months import Month, month_of, months, parse_month
from backend.exchange.sandbox.departments.world import Facts, Job

RATES: Final[Mapping[str, tuple[str, str]]] = {
    "PENSION": ("0.16", "0.08"),
    "MEDICAL": ("0.08", "0.02"),
    "UNEMPLOYMENT": ("0.007", "0.003"),
    "WORK_INJURY": ("0.005", "0"),
    "MATERNITY": ("0.007", "0"),
}
"""Employer's and person's share of the base, by insurance; illustrative."""

_TO_ACCOUNT: Final = {"PENSION", "MEDICAL"}
_AVERAGE_WAGE: Final = Decimal(6800)
_MOST_MONTHS: Final = 600
_BANKS: Final = ("示例银行长沙分行", "示例银行株洲分行", "示例银行湘潭分行")


def jobs_here(call: Call, facts: Facts) -> tuple[Job, ...]:
    """The employments that this department insured; none after it sent the relation away."""
    if call.registry.get("moved", facts.id_number):
        return ()
    return tuple(job for job in facts.jobs if job.city == call.department.city)


def _paid_months(call: Call, jobs: tuple[Job, ...]) -> int:
    last_month = month_of(call.today).plus(-1)
    return sum(max((min(job.last or last_month, last_month) - job.first) + 1, 0) for job in jobs)


def insured_person(call: Call) -> Body:
    """The five insurances; an empty list for somebody never insured here."""
    facts = call.facts()
    jobs = jobs_here(call, facts)
    merged = call.registry.get("merged", facts.id_number) or {"months_paid": 0}
    insurances: list[Body] = []
    if jobs:
        status = "PAYING" if jobs[-1].last is None else "RETIRED" if facts.retired else "SUSPENDED"
        shared = {
            "pool_admdvs": call.department.city,
            "since": str(jobs[0].first),
            "employer_uscc": jobs[-1].uscc,
            "employer_name": jobs[-1].employer,
        }
        paid = _paid_months(call, jobs)
        for insurance in RATES:
            extra = merged["months_paid"] if insurance == "PENSION" else 0
            insurances.append(
                {"insurance_type": insurance, "status": status, "months_paid": paid + extra, **shared}
            )
    return call.record({"id_number": facts.id_number, "name": facts.name, "insurances": insurances})


def contributions(call: Call) -> Body:
    """Contributions of the months asked for, newest first; months without a job have none."""
    facts = call.facts()
    begin, end = parse_month(call.body["begin"]), parse_month(call.body["end"])
    if not 0 <= end - begin < _MOST_MONTHS:
        raise Problem(422, "MONTHS_WRONG")
    wanted = call.body.get("insurance_type")
    kinds = [wanted] if wanted else list(RATES)
    last_month = month_of(call.today).plus(-1)
    items = [
        _contribution(call, facts, job, month, kind)
        for job in jobs_here(call, facts)
        for month in months(max(begin, job.first), min(end, job.last or last_month, last_month))
        for kind in kinds
    ]
    items.sort(key=lambda item: (item["period"], item["insurance_type"]), reverse=True)
    return call.page(items)


def _contribution(call: Call, facts: Facts, job: Job, month: Month, kind: str) -> Body:
    base = base_of(job, month)
    employer, person = (yuan(base * Decimal(rate)) for rate in RATES[kind])
    late = facts.draw(f"late {month}") % 37 == 0
    return {
        "period": str(month),
        "insurance_type": kind,
        "pool_admdvs": call.department.city,
        "employer_uscc": job.uscc,
        "base": yuan(base),
        "employer_amt": employer,
        "person_amt": person,
        "to_account_amt": person if kind in _TO_ACCOUNT else "0.00",
        "status": "MAKE_UP" if late else "NORMAL",
        "paid_at": f"{month.plus(3 if late else 0).day(18)}T09:00:00+08:00",
    }


def base_of(job: Job, month: Month) -> Decimal:
    """The monthly base: raised by 3 % of the first one a year, in January."""
    return (job.base * (100 + 3 * (month.year - job.first.year)) / 100).quantize(Decimal(1))


def pension_account(call: Call) -> Body:
    """What an estimate of the pension needs; raises Problem NOT_INSURED_HERE."""
    facts = call.facts()
    jobs = jobs_here(call, facts)
    if not jobs:
        raise Problem(422, "NOT_INSURED_HERE")
    merged = call.registry.get("merged", facts.id_number) or {"months_paid": 0, "account_amt": "0.00"}
    paid, account = statement_of(call, jobs)
    bases = [base for _, base in _bases(call, jobs)]
    average = sum(bases, Decimal()) / len(bases) / _AVERAGE_WAGE if bases else Decimal()
    retirement = month_of(facts.person.birth_date).plus(12 * (60 if facts.person.sex is Sex.MALE else 55))
    content: Body = {
        "id_number": facts.id_number,
        "name": facts.name,
        "pool_admdvs": call.department.city,
        "months_paid": paid + merged["months_paid"],
        "months_deemed": 0,
        "account_amt": yuan(account + Decimal(merged["account_amt"])),
        "average_index": f"{min(average, Decimal(3)):.4f}",
        "average_wage": yuan(_AVERAGE_WAGE),
        "retirement_date": str(retirement.plus(1).day(1)),
        "in_payment": facts.retired,
    }
    if facts.retired:
        content["pension_amt"] = yuan(Decimal(1500) + account / 139)
    return call.record(content)


def statement_of(call: Call, jobs: tuple[Job, ...]) -> tuple[int, Decimal]:
    """Months paid and what the personal pension account holds."""
    paid = list(_bases(call, jobs))
    share = Decimal(RATES["PENSION"][1])
    return len(paid), sum((base * share for _, base in paid), Decimal())


def _bases(call: Call, jobs: tuple[Job, ...]) -> Iterator[tuple[Month, Decimal]]:
    last_month = month_of(call.today).plus(-1)
    for job in jobs:
        for month in months(job.first, min(job.last or last_month, last_month)):
            yield month, base_of(job, month)


def card(call: Call) -> Body:
    """The social-security card, issued by the city that insures; raises Problem NO_CARD."""
    facts = call.facts()
    if facts.person.insurance_place != call.department.city or facts.draw("card") % 20 == 0:
        raise Problem(422, "NO_CARD")
    issued = max(facts.person.birth_date.year + 1, 2014 + facts.draw("card year") % 10)
    return call.record(
        {
            "id_number": facts.id_number,
            "name": facts.name,
            "card_no": f"A{facts.draw('card number') % 10**8:08d}",
            "social_security_no": facts.id_number,
            "issue_admdvs": call.department.city,
            "issued_on": f"{issued}-06-01",
            "valid_to": f"{issued + 20}-05-31",
            "bank_name": _BANKS[facts.draw("bank") % len(_BANKS)],
            "status": "ACTIVE",
            "electronic": facts.draw("e-card") % 3 != 0,
        }
    )

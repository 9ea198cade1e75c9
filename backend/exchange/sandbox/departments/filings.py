"""Filings for treatment in another place (异地就医备案), at the department that insures."""

from datetime import date
from typing import Final

from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.medical_people import Insured, insured_by, insured_of

_COPIED: Final = (
    "filing_type",
    "rloc_admdvs",
    "rloc_hsorg_name",
    "rloc_rea",
    "tel",
    "agnter_name",
    "agnter_certno",
    "begndate",
    "enddate",
    "memo",
)


def query(call: Call) -> Body:
    """A person's filings here, newest first; none for somebody insured elsewhere."""
    try:
        insured = insured_of(call)
    except Problem as problem:
        if problem.code != "NOT_INSURED_HERE":
            raise
        return call.page([])
    return call.page([call.record(filing) for filing in filings_of(call, insured)])


def create(call: Call) -> Body:
    """Files for treatment in another city."""
    insured = insured_of(call)
    begin, end = call.body["begndate"], call.body.get("enddate")
    if call.body["rloc_admdvs"] == call.department.city:
        raise Problem(422, "FILING_SAME_CITY")
    if end is not None and end < begin:
        raise Problem(422, "FILING_DATES_WRONG")
    for other in filings_of(call, insured):
        same = other["vali_flag"] == "1" and other["rloc_admdvs"] == call.body["rloc_admdvs"]
        if same and _overlap(other, begin, end):
            raise Problem(409, "FILING_OVERLAPS")
    made = len(call.registry.list("filing", insured.certno))
    number = f"BA{insured.psn_no}-{made + 1}"
    content = _filing(call, insured, number) | {
        name: call.body[name] for name in _COPIED if name in call.body
    }
    return call.keep("filing", number, content, insured.certno)


def extend(call: Call) -> Body:
    """Gives a filing a later last day."""
    filing = _found(call)
    end = call.body["enddate"]
    if filing.get("enddate") == end:
        return call.record(filing)
    if filing["vali_flag"] != "1":
        raise Problem(409, "FILING_CANCELLED")
    if "enddate" not in filing or end < filing["enddate"]:
        raise Problem(422, "FILING_DATES_WRONG")
    return _save(call, filing | {"enddate": end})


def cancel(call: Call) -> Body:
    """Cancels a filing from now on."""
    filing = _found(call)
    if filing["vali_flag"] != "1":
        return call.record(filing)
    return _save(call, filing | {"vali_flag": "0"})


def filings_of(call: Call, insured: Insured) -> list[Body]:
    """All filings of a person, newest first; people who live in another city have one for it."""
    written = call.registry.list("filing", insured.certno)
    generated = _generated(call, insured)
    numbers = {filing["trt_dcla_detl_sn"] for filing in written}
    if generated is not None and generated["trt_dcla_detl_sn"] not in numbers:
        written.append(generated)
    return written


def valid_filing(call: Call, insured: Insured, place: str, day: str) -> Body | None:
    """The filing that covers a day of treatment in a city."""
    return next(
        (
            filing
            for filing in filings_of(call, insured)
            if filing["vali_flag"] == "1"
            and filing["rloc_admdvs"] == place
            and filing["begndate"] <= day <= filing.get("enddate", day)
        ),
        None,
    )


def _generated(call: Call, insured: Insured) -> Body | None:
    person = call.world.find(insured.certno)
    if person is None or person.city == call.department.city:
        return None
    begin = date(2020 + call.world.facts(person, call.today).draw("filed") % 5, 3, 1)
    return _filing(call, insured, f"BA{insured.psn_no}") | {
        "filing_type": "LONG_TERM_RESIDENT" if insured.psn_type != "12" else "RETIRED_RESETTLED",
        "rloc_admdvs": person.city,
        "begndate": begin.isoformat(),
    }


def _filing(call: Call, insured: Insured, number: str) -> Body:
    return {
        "trt_dcla_detl_sn": number,
        "psn_no": insured.psn_no,
        "certno": insured.certno,
        "psn_name": insured.name,
        "insutype": insured.insutype,
        "insu_admdvs": call.department.city,
        "vali_flag": "1",
    }


def _found(call: Call) -> Body:
    number = call.path["trt_dcla_detl_sn"]
    written = call.registry.get("filing", number)
    if written is not None:
        return written
    person = call.world.find_opaque(number.removeprefix(f"BA{call.department.city}-"))
    if person is not None and person.insurance_place == call.department.city:
        generated = _generated(call, insured_by(call, person.id_number))
        if generated is not None and generated["trt_dcla_detl_sn"] == number:
            return generated
    raise Problem(404, "RECORD_UNKNOWN")


def _save(call: Call, filing: Body) -> Body:
    return call.keep("filing", filing["trt_dcla_detl_sn"], filing, filing["certno"])


def _overlap(other: Body, begin: str, end: str | None) -> bool:
    ends_before = end is not None and end < other["begndate"]
    begins_after = begin > other.get("enddate", begin)
    return not ends_before and not begins_after

"""Residence permits (居住证) of the public-security departments, for people registered in another city."""

from datetime import date, timedelta
from typing import Final

from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.households import book_of, is_here, member_of, person_of
from backend.exchange.sandbox.departments.world import CHEN_JUNIOR, ZHOU, Facts, place_name

_HALF_A_YEAR: Final = timedelta(182)
_CHEN_HOME: Final = "430102"


def permits(call: Call) -> Body:
    """A person's residence permits here, newest first."""
    return call.page(_permits(call, person_of(call)))


def apply(call: Call) -> Body:
    """Takes an application in, from half a year of residence on."""
    id_number = person_of(call)
    place = call.body["admdvs"]
    if not call.department.serves(place):
        raise Problem(403, "NOT_RESPONSIBLE")
    if _registered_here(call, id_number):
        raise Problem(422, "REGISTERED_HERE")
    if date.fromisoformat(call.body["living_since"]) > call.today - _HALF_A_YEAR:
        raise Problem(422, "LIVING_TOO_SHORT")
    if any(permit["status"] in {"APPLIED", "VALID"} for permit in _permits(call, id_number)):
        raise Problem(409, "PERMIT_EXISTS")
    facts = call.facts()
    permit = {
        "permit_no": f"JZ{facts.opaque}-{call.today:%y%m%d}",
        "id_number": id_number,
        "name": facts.name,
        "admdvs": place,
        "address": call.body["address"],
        "issued_on": call.today.isoformat(),
        "valid_to": _a_year_from(call.today),
        "status": "APPLIED",
    }
    return _save(call, permit)


def issue(call: Call) -> Body:
    """Issues a permit that was applied for."""
    permit = _found(call)
    if permit["status"] != "APPLIED":
        raise Problem(409, "PERMIT_STATE_WRONG")
    dates = {"issued_on": call.today.isoformat(), "valid_to": _a_year_from(call.today)}
    return _save(call, permit | dates | {"status": "VALID"})


def endorse(call: Call) -> Body:
    """Endorses a permit for another year (签注)."""
    permit = _found(call)
    if permit["status"] not in {"VALID", "EXPIRED"}:
        raise Problem(409, "PERMIT_STATE_WRONG")
    start = max(date.fromisoformat(permit["valid_to"]), call.today)
    return _save(call, permit | {"valid_to": _a_year_from(start), "status": "VALID"})


def _permits(call: Call, id_number: str) -> list[Body]:
    written = call.registry.list("permit", id_number)
    numbers = {permit["permit_no"] for permit in written}
    person = call.world.find(id_number)
    generated = _generated(call, call.world.facts(person, call.today)) if person else None
    if generated is not None and generated["permit_no"] not in numbers:
        written.append(generated)
    return [_aged(call, {k: v for k, v in permit.items() if k != "as_of"}) for permit in written]


def _aged(call: Call, permit: Body) -> Body:
    over = permit["status"] == "VALID" and date.fromisoformat(permit["valid_to"]) < call.today
    return permit | {"status": "EXPIRED"} if over else permit


def _generated(call: Call, facts: Facts) -> Body | None:
    """One adult in eight who is insured in another city than the one of registration lives there."""
    if facts.id_number == ZHOU:
        place = _CHEN_HOME
    elif facts.person.insurance_place != facts.person.city:
        place = f"{facts.person.insurance_place[:4]}02"
    else:
        return None
    if facts.id_number == CHEN_JUNIOR or not call.department.serves(place):
        return None
    month, day = 1 + facts.draw("permit month") % 12, 1 + facts.draw("permit day") % 28
    this_year = date(call.today.year, month, day)
    valid_to = this_year if this_year >= call.today else date(call.today.year + 1, month, day)
    return {
        "permit_no": f"JZ{facts.opaque}",
        "id_number": facts.id_number,
        "name": facts.name,
        "admdvs": place,
        "address": f"{place_name(place)}示范路{1 + facts.draw('permit street') % 300}号",
        "issued_on": valid_to.replace(year=valid_to.year - 3).isoformat(),
        "valid_to": valid_to.isoformat(),
        "status": "VALID",
    }


def _found(call: Call) -> Body:
    number = call.path["permit_no"]
    written = call.registry.get("permit", number)
    if written is not None:
        return _aged(call, written)
    person = call.world.find_opaque(number.removeprefix("JZ"))
    permit = _generated(call, call.world.facts(person, call.today)) if person else None
    if permit is None or permit["permit_no"] != number:
        raise Problem(404, "RECORD_UNKNOWN")
    return permit


def _save(call: Call, permit: Body) -> Body:
    content = {name: value for name, value in permit.items() if name != "as_of"}
    kept = call.keep("permit", content["permit_no"], content, content["id_number"])
    return call.record({"permit": content, "as_of": kept["as_of"]})


def _registered_here(call: Call, id_number: str) -> bool:
    try:
        return is_here(member_of(book_of(call, id_number), id_number))
    except Problem:
        return False


def _a_year_from(day: date) -> str:
    return (day + timedelta(365)).isoformat()

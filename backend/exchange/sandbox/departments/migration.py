"""Migration of registration between two public-security departments (户口迁移): each side's own steps.

An open migration holds its persons, at either side, so that no other can take them.
"""

from datetime import date, timedelta
from typing import Final

from backend.core.divisions import city_of
from backend.exchange.sandbox.departments.call import Body, Call, Problem, Refused
from backend.exchange.sandbox.departments.households import (
    HEAD,
    book_by_number,
    book_of,
    is_here,
    member_of,
    save,
    settle_head,
)
from backend.exchange.sandbox.departments.world import ADULT, age_on, place_name

_HANDED_OVER: Final = (
    "id_number",
    "name",
    "former_name",
    "relation",
    "sex",
    "ethnic",
    "birth_date",
    "native_place",
    "education",
    "marital_status",
)
_OTHER: Final = "97"  # 其他亲属
_BEFORE_ARRIVAL: Final = {"APPLIED", "ACCEPTED", "PERMITTED", "DEREGISTERED", "ROLLED_BACK"}


def query(call: Call) -> Body:
    """The migration as it stands here."""
    return call.record(_shown(_found(call, call.body["migration_id"])))


def apply(call: Call) -> Body:
    """Destination: takes an application in and holds its persons."""
    plan = call.body
    known = call.registry.get("migration", call.path["migration_id"])
    if known is not None:
        return _again(call, known, "APPLIED", plan)
    _check_places(call, plan, plan["destination"])
    joined = plan.get("join_household_no")
    if joined is not None and book_by_number(call, joined) is None:
        raise Problem(422, "HOUSEHOLD_UNKNOWN")
    for id_number in plan["persons"]:
        if _is_registered(call, id_number):
            raise Problem(422, "REGISTERED_HERE")
    _hold(call, plan["persons"])
    return _begin(call, "DESTINATION", "APPLIED", plan, {})


def accept(call: Call) -> Body:
    """Destination: accepts the application."""
    return _step(call, "ACCEPTED", {"APPLIED"}, {})


def issue_permit(call: Call) -> Body:
    """Destination: issues the permit to move (准迁证)."""
    valid_to = call.today + timedelta(call.body["valid_days"])
    permit = {"permit_no": f"ZQ{call.path['migration_id']}"[:64], "permit_valid_to": valid_to.isoformat()}
    return _step(call, "PERMITTED", {"ACCEPTED"}, permit)


def deregister(call: Call) -> Body:
    """Origin: holds the entries and hands them over; they close when the arrival is confirmed."""
    plan = call.body["plan"]
    known = call.registry.get("migration", call.path["migration_id"])
    if known is not None:
        return _again(call, known, "DEREGISTERED", plan)
    _check_places(call, plan, plan["origin"])
    if date.fromisoformat(call.body["permit_valid_to"]) < call.today:
        raise Problem(422, "PERMIT_EXPIRED")
    if not all(_is_registered(call, id_number) for id_number in plan["persons"]):
        raise Problem(422, "NOT_REGISTERED_HERE")
    _hold(call, plan["persons"])
    people = _mark(call, plan["persons"], {"status": "HELD"})
    extra = {
        "permit_no": call.body["permit_no"],
        "permit_valid_to": call.body["permit_valid_to"],
        "certificate_no": f"QY{call.path['migration_id']}"[:64],
        "people": [{key: member[key] for key in _HANDED_OVER if key in member} for member in people],
    }
    return _begin(call, "ORIGIN", "DEREGISTERED", plan, extra)


def confirm_arrival(call: Call) -> Body:
    """Destination: registers the persons. Origin, afterwards: closes their entries."""
    migration = _found(call, call.path["migration_id"])
    if migration["status"] == "ARRIVED":
        return call.record(_shown(migration))
    if migration["role"] == "ORIGIN":
        return _close(call, migration)
    return _settle(call, migration)


def roll_back(call: Call) -> Body | Refused:
    """Either side: as if it had not begun; an id that never came is barred, so that it can't come late."""
    migration = call.registry.get("migration", call.path["migration_id"])
    if migration is None:
        call.registry.put("migration", call.path["migration_id"], {"status": "BARRED"})
        return Refused(404, "RECORD_UNKNOWN")
    if migration["status"] == "BARRED":
        raise Problem(404, "RECORD_UNKNOWN")
    if migration["status"] not in _BEFORE_ARRIVAL:
        raise Problem(409, "ARRIVAL_CONFIRMED")
    if migration["status"] == "DEREGISTERED":
        _mark(call, migration["persons"], {"status": "ACTIVE"})
    _release(call, migration["persons"])
    return _save(call, migration | {"status": "ROLLED_BACK"})


def _settle(call: Call, migration: Body) -> Body:
    people = call.body.get("people", [])
    if migration["status"] != "PERMITTED":
        raise Problem(409, "MIGRATION_STEP_WRONG")
    if {person["id_number"] for person in people} != set(migration["persons"]):
        raise Problem(409, "PEOPLE_DIFFER")
    book = _joined_book(call, migration)
    members = [*book["members"], *_arrivals(call, migration, book)]
    saved = save(call, settle_head({**book, "members": members}))
    _release(call, migration["persons"])
    for id_number in migration["persons"]:
        call.registry.remove("moved", id_number)  # Somebody who left earlier is back.
    changes = {"status": "ARRIVED", "certificate_no": call.body["certificate_no"]}
    return _save(call, migration | changes | {"household_no": saved["household_no"]})


def _arrivals(call: Call, migration: Body, book: Body) -> list[Body]:
    """The persons' new entries; in a household of their own they stay what they were to its head."""
    people = call.body["people"]
    head = None if book["members"] else book["head_id_number"]
    together = any(one["id_number"] == head and one.get("relation") == HEAD for one in people)
    shared = {
        "status": "ACTIVE",
        "moved_in_on": call.today.isoformat(),
        "moved_in_reason": f"从{place_name(migration['origin'])}迁入",
    }
    arrivals = []
    for one in people:
        relation = one.get("relation", _OTHER) if together else _OTHER
        arrivals.append(one | shared | {"relation": HEAD if one["id_number"] == head else relation})
    return arrivals


def _joined_book(call: Call, migration: Body) -> Body:
    plan = migration["plan"]
    joined = plan.get("join_household_no")
    book = book_by_number(call, joined) if joined else None
    if book is not None:
        return book
    applicant = plan["applicant"]
    head = applicant if applicant in plan["persons"] else plan["persons"][0]
    return {
        "household_no": f"HH-{call.path['migration_id']}"[:64],
        "kind": "FAMILY",
        "head_id_number": head,
        "address": plan["address"],
        "admdvs": plan["destination"],
        "police_station": f"{place_name(plan['destination'])}示范派出所",
        "members": [],
    }


def _close(call: Call, migration: Body) -> Body:
    if migration["status"] != "DEREGISTERED" or migration["certificate_no"] != call.body["certificate_no"]:
        raise Problem(409, "MIGRATION_STEP_WRONG")
    gone = {
        "status": "MIGRATED_OUT",
        "moved_out_on": call.today.isoformat(),
        "moved_out_to": migration["destination"],
        "moved_out_reason": "户口迁出",
    }
    _mark(call, migration["persons"], gone)
    _release(call, migration["persons"])
    for id_number in migration["persons"]:
        call.registry.put("moved", id_number, {"migration_id": migration["migration_id"]}, id_number)
    extra = {"household_no": call.body["household_no"]} if "household_no" in call.body else {}
    return _save(call, migration | {"status": "ARRIVED"} | extra)


def _check_places(call: Call, plan: Body, ours: str) -> None:
    if not call.department.serves(ours) or None in (city_of(plan["origin"]), city_of(plan["destination"])):
        raise Problem(403, "NOT_RESPONSIBLE")
    if call.department.serves(plan["origin"]) and call.department.serves(plan["destination"]):
        raise Problem(422, "MIGRATION_SAME_CITY")


def _is_registered(call: Call, id_number: str) -> bool:
    try:
        return is_here(member_of(book_of(call, id_number), id_number))
    except Problem:
        return False


def _hold(call: Call, persons: list[str]) -> None:
    for id_number in persons:
        if call.registry.get("hold", id_number) is not None:
            raise Problem(409, "PERSON_HELD")
        call.registry.put("hold", id_number, {"migration_id": call.path["migration_id"]}, id_number)


def _release(call: Call, persons: list[str]) -> None:
    for id_number in persons:
        held = call.registry.get("hold", id_number)
        if held is not None and held["migration_id"] == call.path["migration_id"]:
            call.registry.remove("hold", id_number)


def _mark(call: Call, persons: list[str], changes: Body) -> list[Body]:
    """Changes the persons' entries, wherever they are entered; gives the entries as they were."""
    before = []
    for id_number in persons:
        book = book_of(call, id_number)
        member = member_of(book, id_number)
        before.append(member)
        members = [one | changes if one is member else one for one in book["members"]]
        changed = {**book, "members": members}
        if changes["status"] == "MIGRATED_OUT":
            changed = settle_head(changed)
        elif changes["status"] == "HELD":
            _leave_no_minors_alone(call, changed, persons)
        save(call, changed)
    return before


def _leave_no_minors_alone(call: Call, book: Body, leaving: list[str]) -> None:
    staying = [m for m in book["members"] if is_here(m) and m["id_number"] not in leaving]
    ages = [age_on(date.fromisoformat(member["birth_date"]), call.today) for member in staying]
    if ages and max(ages) < ADULT:
        raise Problem(422, "MINORS_LEFT_ALONE")


def _begin(call: Call, role: str, status: str, plan: Body, extra: Body) -> Body:
    migration = {
        "migration_id": call.path["migration_id"],
        "role": role,
        "status": status,
        "plan": plan,
        "persons": plan["persons"],
        "origin": plan["origin"],
        "destination": plan["destination"],
    }
    return _save(call, migration | extra)


def _step(call: Call, status: str, before: set[str], changes: Body) -> Body:
    migration = _found(call, call.path["migration_id"])
    if migration["role"] != "DESTINATION":
        raise Problem(403, "NOT_RESPONSIBLE")
    if migration["status"] == status:
        return call.record(_shown(migration))
    if migration["status"] not in before:
        raise Problem(409, "MIGRATION_STEP_WRONG")
    return _save(call, migration | {"status": status} | changes)


def _again(call: Call, known: Body, status: str, plan: Body) -> Body:
    """The same step for the same plan under another key: as it stands; anything else is refused."""
    if known["status"] == status and known["plan"] == plan:
        return call.record(_shown(known))
    raise Problem(409, "MIGRATION_EXISTS")


def _found(call: Call, migration_id: str) -> Body:
    migration = call.registry.get("migration", migration_id)
    if migration is None or migration["status"] == "BARRED":
        raise Problem(404, "RECORD_UNKNOWN")
    return migration


def _save(call: Call, migration: Body) -> Body:
    changed = migration | {"changed_at": call.moment()}
    return call.keep("migration", migration["migration_id"], changed, hidden=("plan",))


def _shown(migration: Body) -> Body:
    return {name: value for name, value in migration.items() if name != "plan"}

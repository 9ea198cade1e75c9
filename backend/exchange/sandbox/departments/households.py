"""Public-security departments (公安): household books, who is registered, guardianship, newborns."""

from datetime import date, datetime
from typing import Final

from backend.core.clock import CHINA
from backend.core.resident_id import Sex, check_character
from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.world import (
    ADULT,
    CHEN_JUNIOR,
    Facts,
    age_on,
    is_child_of,
    opaque,
    place_name,
)
from backend.exchange.sandbox.population import KNOWN_PEOPLE, DemoPerson, Relation

HEAD: Final = "02"
_HERE: Final = {"ACTIVE", "HELD"}
_MARRIED, _SINGLE = "20", "10"
# Parents of the head, as the spouse who becomes the head calls them (GB/T 4761): 岳父母 or 公婆.
_IN_LAW: Final = {("51", "1"): "55", ("52", "1"): "56", ("51", "2"): "53", ("52", "2"): "54"}
_OTHER_RELATIVE: Final = "97"


def household(call: Call) -> Body:
    """The household that a person is registered in; raises Problem NOT_REGISTERED_HERE."""
    id_number = person_of(call)
    book = book_of(call, id_number)
    if not is_here(member_of(book, id_number)):
        raise Problem(422, "NOT_REGISTERED_HERE")
    return call.record(book)


def registration(call: Call) -> Body:
    """Whether and how a person is registered here, also after they moved away."""
    id_number = person_of(call)
    book = book_of(call, id_number)
    member = member_of(book, id_number)
    content = {
        "id_number": id_number,
        "name": member["name"],
        "status": member["status"],
        "household_no": book["household_no"],
        "admdvs": book["admdvs"],
    }
    held = call.registry.get("hold", id_number) or call.registry.get("moved", id_number)
    if held is not None:
        content["migration_id"] = held["migration_id"]
    return call.record(content | ({"as_of": book["as_of"]} if "as_of" in book else {}))


def wards(call: Call) -> Body:
    """Children under 18 of a person, by the household book or a birth certificate, eldest first."""
    id_number = person_of(call)
    items = call.registry.list("ward", id_number)
    person = call.world.find(id_number)
    if person is not None:
        family = (*call.world.family(person), KNOWN_PEOPLE[CHEN_JUNIOR])
        children = {child.id_number: child for child in family if is_child_of(child, person, family)}
        ours = [c for c in children.values() if call.department.city in {c.city, person.city}]
        items += [_ward(call, child, person) for child in ours]
    minors = [item for item in items if age_on(date.fromisoformat(item["birth_date"]), call.today) < ADULT]
    return call.page(sorted(minors, key=lambda item: str(item["birth_date"])))


def person_of(call: Call, key: str = "person") -> str:
    """The identity number under `key`, of the population or entered here; raises Problem PERSON_UNKNOWN."""
    given = call.body[key]
    entry = call.registry.get("entry", given["id_number"])
    if entry is None:
        return call.facts(key).id_number
    name = member_of(_stored(call, entry["household_no"]), given["id_number"])["name"]
    if given.get("name", name) != name:
        raise Problem(404, "PERSON_UNKNOWN")
    return str(given["id_number"])


def book_of(call: Call, id_number: str) -> Body:
    """The household book that a person is, or last was, entered in; raises Problem NOT_REGISTERED_HERE."""
    entry = call.registry.get("entry", id_number)
    if entry is not None:
        return _stored(call, entry["household_no"])
    person = call.world.find(id_number)
    if person is None:
        raise Problem(422, "NOT_REGISTERED_HERE")
    facts = call.world.facts(person, call.today)
    head = facts.family[0]
    if head.city != call.department.city:
        raise Problem(422, "NOT_REGISTERED_HERE")
    return call.registry.get("household", _household_no(head)) or _generated(facts, call.today)


def book_by_number(call: Call, household_no: str) -> Body | None:
    """The household book with this number, if it is here."""
    book = call.registry.get("household", household_no)
    if book is not None:
        return book
    head = call.world.find_opaque(household_no.removeprefix("HH"))
    if head is None or head.city != call.department.city:
        return None
    facts = call.world.facts(head, call.today)
    return _generated(facts, call.today) if facts.family[0] == head else None


def member_of(book: Body, id_number: str) -> Body:
    """A person's entry in a book: the last one, of somebody who left and came back."""
    found: Body = next(m for m in reversed(book["members"]) if m["id_number"] == id_number)
    return found


def is_here(member: Body) -> bool:
    """Whether an entry counts: registered, held or not."""
    return member["status"] in _HERE


def save(call: Call, book: Body) -> Body:
    """Writes a book and where its people are found."""
    for member in book["members"]:
        if is_here(member) or call.registry.get("entry", member["id_number"]) is None:
            entry = {"household_no": book["household_no"]}
            call.registry.put("entry", member["id_number"], entry, member["id_number"])
    return call.keep("household", book["household_no"], book)


def settle_head(book: Body) -> Body:
    """The book with one head: when the head is gone, the spouse, else an adult, else whoever is left."""
    here = [member for member in book["members"] if is_here(member)]
    if not here or any(member["relation"] == HEAD for member in here):
        return book
    ranked = sorted(here, key=lambda member: (member["relation"] != "10", member["birth_date"]))
    head = ranked[0]
    was_spouse = head["relation"] == "10"
    members = []
    for member in book["members"]:
        relation = member["relation"]
        if member is head:
            relation = HEAD
        elif is_here(member) and not (was_spouse and relation[0] in "23"):
            relation = (
                _IN_LAW.get((relation, head["sex"]), _OTHER_RELATIVE) if was_spouse else _OTHER_RELATIVE
            )
        members.append({**member, "relation": relation})
    return {**book, "head_id_number": head["id_number"], "members": members}


def register_birth(call: Call) -> Body:
    """Enters a newborn in a parent's household and gives them an identity number."""
    number = call.body["birth_certificate_no"]
    born = datetime.fromisoformat(call.body["born_at"])
    if call.registry.get("birth", number):
        raise Problem(409, "BIRTH_REGISTERED")
    if born > call.now:
        raise Problem(422, "BIRTH_IN_FUTURE")
    parents = [person_of(call, key) for key in ("mother", "father") if key in call.body]
    parent = call.body["household_of"]
    if parent not in parents:
        raise Problem(422, "NOT_A_PARENT")
    book = book_of(call, parent)
    if not is_here(member_of(book, parent)):
        raise Problem(422, "NOT_REGISTERED_HERE")
    child = _newborn(call, book, born.astimezone(CHINA).date())
    save(call, {**book, "members": [*book["members"], child]})
    ward = {key: child[key] for key in ("id_number", "name", "birth_date", "relation")}
    for guardian in parents:
        call.registry.put(
            "ward", f"{guardian}-{child['id_number']}", ward | {"basis": "BIRTH_CERTIFICATE"}, guardian
        )
    content = {
        "birth_certificate_no": number,
        "id_number": child["id_number"],
        "name": child["name"],
        "household_no": book["household_no"],
        "registered_at": call.moment(),
    }
    return call.keep("birth", number, content, child["id_number"])


def birth(call: Call) -> Body:
    """A registered birth, by the number of its certificate."""
    found = call.registry.get("birth", call.body["birth_certificate_no"])
    if found is None:
        raise Problem(404, "RECORD_UNKNOWN")
    return call.record(found)


def _stored(call: Call, household_no: str) -> Body:
    book = call.registry.get("household", household_no)
    if book is None:
        raise LookupError(household_no)
    return book


def _household_no(head: DemoPerson) -> str:
    return f"HH{opaque(head)}"


def _generated(facts: Facts, today: date) -> Body:
    head = facts.family[0]
    street = facts.draw("street") if head == facts.person else 0
    return {
        "household_no": _household_no(head),
        "kind": "FAMILY",
        "head_id_number": head.id_number,
        "address": f"{place_name(head.city)}{place_name(head.district)}示范路{1 + street % 300}号",
        "admdvs": head.district,
        "police_station": f"{place_name(head.district)}示范派出所",
        "members": [_member(person, head, len(facts.family), today) for person in facts.family],
    }


def _member(person: DemoPerson, head: DemoPerson, size: int, today: date) -> Body:
    adult = age_on(person.birth_date, today) >= ADULT
    couple = person.relation in {Relation.HEAD, Relation.SPOUSE} and size > 1
    married = couple or person.relation is Relation.PARENT
    return {
        "id_number": person.id_number,
        "name": person.name,
        "relation": _relation(person, head),
        "sex": _sex_code(person.sex),
        "ethnic": person.ethnic,
        "birth_date": person.birth_date.isoformat(),
        "native_place": f"{person.id_number[:4]}00",
        "marital_status": _MARRIED if adult and married else _SINGLE,
        "status": "ACTIVE",
    }


def _relation(person: DemoPerson, head: DemoPerson) -> str:
    if person == head:
        return HEAD
    male = person.sex is Sex.MALE
    if person.relation is Relation.SPOUSE:
        return "10"
    if person.relation is Relation.PARENT:
        return "51" if male else "52"
    return "20" if male else "30"


def _ward(call: Call, child: DemoPerson, guardian: DemoPerson) -> Body:
    same = child in call.world.family(guardian)
    return {
        "id_number": child.id_number,
        "name": child.name,
        "birth_date": child.birth_date.isoformat(),
        "relation": "20" if child.sex is Sex.MALE else "30",
        "basis": "HOUSEHOLD" if same else "BIRTH_CERTIFICATE",
    }


def _newborn(call: Call, book: Body, born: date) -> Body:
    male = call.body["sex"] == "1"
    sequence = 1 if male else 2
    while True:
        first_17 = f"{book['admdvs']}{born:%Y%m%d}{sequence:03}"
        id_number = first_17 + check_character(first_17)
        if call.registry.get("entry", id_number) is None and call.world.find(id_number) is None:
            break
        sequence += 2
    return {
        "id_number": id_number,
        "name": call.body["name"],
        "relation": "20" if male else "30",
        "sex": call.body["sex"],
        "ethnic": call.body["ethnic"],
        "birth_date": born.isoformat(),
        "native_place": f"{book['admdvs'][:4]}00",
        "status": "ACTIVE",
        "moved_in_on": call.today.isoformat(),
        "moved_in_reason": "出生登记",
    }


def _sex_code(sex: Sex) -> str:
    return "1" if sex is Sex.MALE else "2"

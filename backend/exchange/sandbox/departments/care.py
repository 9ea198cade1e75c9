"""Hospitals, appointments, vaccinations and referrals, at the medical-insurance departments."""

from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Final

from backend.core.clock import CHINA
from backend.core.divisions import city_of, districts
from backend.core.ids import new_id
from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.medical_people import insured_by
from backend.exchange.sandbox.departments.months import month_of
from backend.exchange.sandbox.departments.world import Facts, draw, place_name

_LEVELS: Final = ("TERTIARY", "TERTIARY", "SECONDARY", "SECONDARY", "PRIMARY", "PRIMARY")
_DEPARTMENTS: Final = {"01": "内科", "02": "外科", "03": "儿科", "04": "妇产科"}
_FEES: Final = {"TERTIARY": "25.00", "SECONDARY": "15.00", "PRIMARY": "8.00"}
_HOURS: Final = (8, 10, 14, 16)
_PLACES: Final = 12
_MOST_DAYS: Final = 14
_DOCTORS: Final = ("李医生", "王医生", "张医生", "刘医生", "陈医生")
# Months of age at which each dose is due (国家免疫规划), shortened.
_SCHEDULE: Final = (
    ("BCG", "卡介苗", (0,)),
    ("HepB", "乙肝疫苗", (0, 1, 6)),
    ("IPV", "脊灰疫苗", (2, 3, 4, 48)),
    ("DTaP", "百白破疫苗", (3, 4, 5, 18)),
    ("MMR", "麻腮风疫苗", (8, 18)),
    ("JE", "乙脑疫苗", (8, 24)),
    ("MPSV", "流脑疫苗", (6, 9, 36, 72)),
)


@cache
def hospitals(city: str) -> dict[str, Body]:
    """Six made-up hospitals of a city, by code."""
    places = [district.code for district in districts() if city_of(district.code) == city]
    found = {}
    for at, level in enumerate(_LEVELS):
        code = f"H{city}{at + 1:05d}"
        place = places[at % len(places)]
        found[code] = {
            "fixmedins_code": code,
            "fixmedins_name": f"{place_name(city)}第{at + 1}示例医院",
            "hosp_lv": level,
            "admdvs": place,
            "cross_city": level != "PRIMARY",
        }
    return found


def list_hospitals(call: Call) -> Body:
    """Hospitals of the city, or of one district."""
    area = call.body.get("admdvs", call.department.city)
    found = hospitals(call.department.city).values()
    return call.page([one for one in found if area in {one["admdvs"], call.department.city}])


def slots(call: Call) -> Body:
    """Hours of a hospital that can be booked."""
    begin, end = (date.fromisoformat(call.body[name]) for name in ("begin", "end"))
    if not timedelta() <= end - begin <= timedelta(_MOST_DAYS):
        raise Problem(422, "SLOT_DATES_WRONG")
    hospital = hospitals(call.department.city).get(call.body["fixmedins_code"])
    if hospital is None:
        raise Problem(404, "RECORD_UNKNOWN")
    wanted = call.body.get("dept_code")
    days = (begin + timedelta(at) for at in range((end - begin).days + 1))
    items = [
        _slot(call, hospital, dept, day, number)
        for day in days
        if day >= call.today
        for dept in _DEPARTMENTS
        if wanted in {None, dept}
        for number in range(len(_HOURS))
    ]
    booked = call.registry.several("slot", (item["slot_id"] for item in items))
    return call.page([_with_places(call, item, booked.get(item["slot_id"])) for item in items])


def appointments(call: Call) -> Body:
    """A person's appointments here, newest first."""
    certno = _patient(call)[0]
    return call.page([call.record(one) for one in call.registry.list("appointment", certno)])


def book(call: Call) -> Body:
    """Books a place in an hour; one person has one place in it."""
    certno, name = _patient(call)
    slot = _slot_of(call, call.body["slot_id"])
    if datetime.fromisoformat(slot["begin"]) <= call.now:
        raise Problem(409, "SLOT_PASSED")
    booked = call.registry.get("slot", slot["slot_id"]) or {"people": [], "given": 0}
    if certno in booked["people"]:
        raise Problem(409, "ALREADY_BOOKED")
    if slot["free"] <= 0:
        raise Problem(409, "SLOT_FULL")
    number = booked["given"] + 1
    call.registry.put("slot", slot["slot_id"], {"people": [*booked["people"], certno], "given": number})
    content = {
        "appointment_id": new_id(),
        "certno": certno,
        "psn_name": name,
        "slot": slot | {"free": slot["free"] - 1},
        "status": "BOOKED",
        "queue_no": _taken(call, slot["slot_id"]) + number,
    }
    return call.keep("appointment", content["appointment_id"], content, certno)


def cancel(call: Call) -> Body:
    """Cancels an appointment and frees its place."""
    found = call.registry.get("appointment", call.path["appointment_id"])
    if found is None:
        raise Problem(404, "RECORD_UNKNOWN")
    if found["status"] == "CANCELLED":
        return call.record(found)
    if found["status"] != "BOOKED" or datetime.fromisoformat(found["slot"]["begin"]) <= call.now:
        raise Problem(409, "APPOINTMENT_OVER")
    slot_id = found["slot"]["slot_id"]
    booked = call.registry.get("slot", slot_id) or {"people": [], "given": 0}
    people = [certno for certno in booked["people"] if certno != found["certno"]]
    call.registry.put("slot", slot_id, booked | {"people": people})
    content = found | {"status": "CANCELLED"}
    return call.keep("appointment", content["appointment_id"], content, content["certno"])


def vaccinations(call: Call) -> Body:
    """A person's vaccinations, oldest first; the whole series of whoever was born after 2005."""
    facts = call.facts()
    given = _vaccinations(call, facts)
    due = sum(_age_in_months(facts) >= month for _, _, months in _SCHEDULE for month in months)
    complete = facts.person.birth_date.year < 2005 or len(given) >= due
    named = {"certno": facts.id_number, "psn_name": facts.name}
    return call.page(given, complete=complete, **named)


def referrals(call: Call) -> Body:
    """Referrals to other hospitals: one of sixteen people insured here has one."""
    facts = call.facts()
    city = call.department.city
    if facts.person.insurance_place != city or facts.draw("referral") % 16:
        return call.page([])
    issued = call.today.replace(day=1) - timedelta(20)
    return call.page(
        [
            {
                "referral_id": f"ZZ{facts.opaque}",
                "from_fixmedins": f"H{city}00003",
                "to_fixmedins": f"H{'430100' if city != '430100' else '430300'}00001",
                "issued_on": issued.isoformat(),
                "valid_to": (issued + timedelta(180)).isoformat(),
                "reason": "专科治疗",
            }
        ]
    )


def _patient(call: Call) -> tuple[str, str]:
    """Number and name of whoever is treated: anybody of the population, or insured here."""
    given = call.body["person"]
    if call.registry.get("insured", given["certno"]) is not None:
        insured = insured_by(call, given["certno"], given.get("psn_name"))
        return insured.certno, insured.name
    facts = call.facts()
    return facts.id_number, facts.name


def _slot(call: Call, hospital: Body, dept: str, day: date, number: int) -> Body:
    slot_id = f"{hospital['fixmedins_code']}-{dept}-{day:%Y%m%d}-{number + 1}"
    begin = datetime.combine(day, time(_HOURS[number]), CHINA)
    doctor = draw(call.world.seed, "doctor", slot_id) % len(_DOCTORS)
    return {
        "slot_id": slot_id,
        "fixmedins_code": hospital["fixmedins_code"],
        "dept_code": dept,
        "dept_name": _DEPARTMENTS[dept],
        "dr_name": _DOCTORS[doctor],
        "begin": begin.isoformat(),
        "end": (begin + timedelta(hours=2)).isoformat(),
        "fee": _FEES[hospital["hosp_lv"]],
    }


def _with_places(call: Call, slot: Body, booked: Body | None) -> Body:
    people = booked["people"] if booked is not None else ()
    return slot | {"free": max(_PLACES - _taken(call, slot["slot_id"]) - len(people), 0)}


def _slot_of(call: Call, slot_id: str) -> Body:
    parts = slot_id.split("-")
    hospital = hospitals(call.department.city).get(parts[0])
    if (
        len(parts) != 4
        or hospital is None
        or parts[1] not in _DEPARTMENTS
        or parts[3] not in {"1", "2", "3", "4"}
    ):
        raise Problem(404, "RECORD_UNKNOWN")
    try:
        day = datetime.strptime(parts[2], "%Y%m%d").replace(tzinfo=CHINA).date()
        slot = _slot(call, hospital, parts[1], day, int(parts[3]) - 1)
    except ValueError:
        raise Problem(404, "RECORD_UNKNOWN") from None
    return _with_places(call, slot, call.registry.get("slot", slot_id))


def _taken(call: Call, slot_id: str) -> int:
    """Places that others took, outside this interface."""
    return draw(call.world.seed, "taken", slot_id) % _PLACES


def _age_in_months(facts: Facts) -> int:
    return month_of(facts.today) - month_of(facts.person.birth_date) - 1


def _vaccinations(call: Call, facts: Facts) -> list[Body]:
    if facts.person.birth_date.year < 2005:
        return []
    birth, age = month_of(facts.person.birth_date), _age_in_months(facts)
    skips = facts.draw("vaccines") % 16 == 0
    given = [
        {
            "vaccine_code": code,
            "vaccine_name": name,
            "dose": dose + 1,
            "given_on": birth.plus(month + 1).day(1 + facts.draw(code) % 28).isoformat(),
            "place": f"{place_name(facts.person.district)}示范接种门诊",
            "batch": f"{code.upper()}-{facts.draw(f'{code}{dose}') % 10**6:06d}",
        }
        for code, name, months in _SCHEDULE
        for dose, month in enumerate(months)
        if age >= month and not (skips and month >= 18)
    ]
    if call.department.city not in {facts.person.city, facts.person.insurance_place}:
        return []
    return sorted(given, key=lambda one: (one["given_on"], one["vaccine_code"]))

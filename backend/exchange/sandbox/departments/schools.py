"""Education departments (教育): schools, student registration, enrolment, diplomas."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from backend.core.divisions import city_of, districts
from backend.exchange.sandbox.departments.call import Body, Call, Problem
from backend.exchange.sandbox.departments.world import Facts, age_on, draw, place_name

_FIRST_GRADE: Final = {"PRIMARY": 1, "JUNIOR": 7, "SENIOR": 10}
_COUNTS: Final = {"PRIMARY": 4, "JUNIOR": 2, "SENIOR": 1}
_FIRST_NUMBER: Final = {"PRIMARY": 1, "JUNIOR": 101, "SENIOR": 201}
_WORDS: Final = {"PRIMARY": "小学", "JUNIOR": "初级中学", "SENIOR": "高级中学"}
_UNIVERSITIES: Final = ("示例大学", "示例理工大学", "示例师范大学", "示例科技职业学院")
_MAJORS: Final = ("机械工程", "护理学", "汉语言文学", "计算机科学与技术", "会计学", "土木工程")


@dataclass(frozen=True, slots=True)
class School:
    """A made-up school of a district."""

    code: str
    name: str
    stage: str
    district: str

    def as_json(self, places_left: int) -> Body:
        """As the interface lists it."""
        return {
            "school_code": self.code,
            "school_name": self.name,
            "stage": self.stage,
            "admdvs": self.district,
            "places_left": places_left,
        }


@cache
def schools() -> dict[str, School]:
    """All schools of the three cities, by code: four primary, two junior, one senior in each district."""
    return {school.code: school for school in _schools()}


def list_schools(call: Call) -> Body:
    """Schools of a district, or of the whole city."""
    area, stage = call.body.get("admdvs", call.department.city), call.body.get("stage")
    if not call.department.serves(area):
        raise Problem(403, "NOT_RESPONSIBLE")
    found = [
        school.as_json(places_left(call, school))
        for school in schools().values()
        if area in {school.district, city_of(school.district)} and stage in {None, school.stage}
    ]
    return call.page(found)


def school_of(code: str) -> School:
    """The school with this code; raises Problem SCHOOL_UNKNOWN unless it is in the three cities."""
    if code not in schools():
        raise Problem(422, "SCHOOL_UNKNOWN")
    return schools()[code]


def is_ours(call: Call, school: School) -> bool:
    """Whether the school lies in this department's city."""
    return call.department.serves(school.district)


def places_left(call: Call, school: School) -> int:
    """Places of the coming year's first grade that nobody was allotted yet."""
    taken = call.registry.get("places", school.code) or {"taken": 0}
    return max(int(20 + draw(call.world.seed, "places", school.code) % 60 - taken["taken"]), 0)


def student(call: Call) -> Body:
    """A child's registration; raises Problem NOT_A_STUDENT_HERE."""
    return call.record(student_of(call, call.facts()))


def student_of(call: Call, facts: Facts) -> Body:
    """The registration as written, else as the child's age and district have it."""
    written = call.registry.get("student", facts.id_number)
    if written is not None:
        return written
    year = school_year(call.today)
    grade = grade_in(facts.person.birth_date, year)
    if not 1 <= grade <= 12 or facts.person.city != call.department.city:
        raise Problem(422, "NOT_A_STUDENT_HERE")
    stage = next(stage for stage in ("SENIOR", "JUNIOR", "PRIMARY") if grade >= _FIRST_GRADE[stage])
    near = [s for s in schools().values() if (s.district, s.stage) == (facts.person.district, stage)]
    admitted = date(year - (grade - _FIRST_GRADE[stage]), 9, 1)
    return student_content(facts, near[facts.draw("school") % len(near)], grade, admitted)


def student_content(facts: Facts, school: School, grade: int, admitted: date) -> Body:
    """A registration at a school."""
    return {
        "student_no": f"G{facts.id_number}",
        "id_number": facts.id_number,
        "name": facts.name,
        "school_code": school.code,
        "school_name": school.name,
        "stage": school.stage,
        "grade": grade,
        "class_no": 1 + facts.draw("class") % 8,
        "admitted_on": admitted.isoformat(),
        "status": "ENROLLED",
    }


def school_year(day: date) -> int:
    """The year in which the school year that a day is in began, on 1 September."""
    return day.year if day.month >= 9 else day.year - 1


def grade_in(birth: date, year: int) -> int:
    """The grade in the school year from `year`: who is six on 31 August is in the first."""
    return age_on(birth, date(year, 8, 31)) - 5


def apply(call: Call) -> Body:
    """Takes an application for a first-grade place in (随迁子女入学)."""
    application_id, year, stage = call.body["application_id"], call.body["year"], call.body["stage"]
    child = call.facts("child")
    if not call.department.serves(call.body["admdvs"]):
        raise Problem(403, "NOT_RESPONSIBLE")
    if call.registry.get("enrolment", application_id):
        raise Problem(409, "ENROLMENT_EXISTS")
    if any(e["status"] == "SUBMITTED" for e in call.registry.list("enrolment", child.id_number)):
        raise Problem(409, "ENROLMENT_OPEN")
    if not all(is_ours(call, school_of(code)) for code in call.body["schools"]):
        raise Problem(422, "SCHOOL_UNKNOWN")
    if grade_in(child.person.birth_date, year) != _FIRST_GRADE[stage]:
        raise Problem(422, "NOT_OF_AGE")
    if not call.body["vaccinated"]:
        raise Problem(422, "NOT_VACCINATED")
    content = {
        "application_id": application_id,
        "child_id_number": child.id_number,
        "year": year,
        "stage": stage,
        "status": "SUBMITTED",
        "wanted": call.body["schools"],
        "submitted_at": call.moment(),
    }
    return _save(call, content)


def enrolment(call: Call) -> Body:
    """How an application stands."""
    return call.record(_shown(_enrolment(call, call.body["application_id"])))


def allot(call: Call) -> Body:
    """Gives the first wanted school that has a place, or refuses the application."""
    content = _open(call)
    for code in content["wanted"]:
        school = schools()[code]
        if school.stage == content["stage"] and places_left(call, school) > 0:
            taken = call.registry.get("places", code) or {"taken": 0}
            call.registry.put("places", code, {"taken": taken["taken"] + 1})
            notice = {"school_code": code, "school_name": school.name, "status": "ALLOTTED"}
            notice["notice_no"] = f"RX{content['application_id']}"[:64]
            return _save(call, content | notice)
    return _save(call, content | {"status": "REFUSED", "reason": "所报学校学位已满"})


def withdraw(call: Call) -> Body:
    """Withdraws an application."""
    content = _enrolment(call, call.path["application_id"])
    if content["status"] == "WITHDRAWN":
        return call.record(_shown(content))
    return _save(call, _open(call) | {"status": "WITHDRAWN"})


def diplomas(call: Call) -> Body:
    """A person's diplomas, issued in the city where they are registered."""
    facts = call.facts()
    return call.page([_diploma(facts)] if _has_diploma(call, facts) else [])


def verify_diploma(call: Call) -> Body:
    """Whether a number and a code belong together."""
    number = call.body["certificate_no"]
    person = call.world.find_opaque(f"{int(number[8:]):08x}") if int(number[8:]) < 1 << 32 else None
    facts = call.world.facts(person, call.today) if person else None
    if facts is None or not _has_diploma(call, facts):
        return call.record({"valid": False})
    diploma = _diploma(facts)
    given = (number, call.body["verification_code"])
    if given != (diploma["certificate_no"], diploma["verification_code"]):
        return call.record({"valid": False})
    return call.record({"valid": True, "diploma": diploma})


def _has_diploma(call: Call, facts: Facts) -> bool:
    grown = facts.age >= 23 and facts.person.birth_date.year >= 1960
    return grown and facts.person.city == call.department.city and facts.draw("diploma") % 5 < 3


def _diploma(facts: Facts) -> Body:
    level = ("JUNIOR_COLLEGE", "BACHELOR", "BACHELOR", "MASTER")[facts.draw("level") % 4]
    graduated = facts.person.birth_date.year + {"JUNIOR_COLLEGE": 21, "BACHELOR": 22, "MASTER": 25}[level]
    content = {
        "certificate_no": f"10532{graduated % 1000:03d}{int(facts.opaque, 16):010d}",
        "name": facts.name,
        "school_name": _UNIVERSITIES[facts.draw("university") % len(_UNIVERSITIES)],
        "major": _MAJORS[facts.draw("major") % len(_MAJORS)],
        "level": level,
        "form": "FULL_TIME",
        "graduated_on": f"{graduated}-06-30",
        "verification_code": f"{facts.draw('verification') % 16**12:012X}",
    }
    return (
        content
        if level == "JUNIOR_COLLEGE"
        else content | {"degree": "学士" if level == "BACHELOR" else "硕士"}
    )


def _schools() -> Iterator[School]:
    for district in districts():
        for stage, count in _COUNTS.items():
            for at in range(count):
                code = f"{district.code}{_FIRST_NUMBER[stage] + at:04d}"
                yield School(
                    code, f"{place_name(district.code)}第{at + 1}{_WORDS[stage]}", stage, district.code
                )


def _enrolment(call: Call, application_id: str) -> Body:
    found = call.registry.get("enrolment", application_id)
    if found is None:
        raise Problem(404, "RECORD_UNKNOWN")
    return found


def _open(call: Call) -> Body:
    content = _enrolment(call, call.path["application_id"])
    if content["status"] != "SUBMITTED":
        raise Problem(409, "ENROLMENT_CLOSED")
    return content


def _save(call: Call, content: Body) -> Body:
    owner = content["child_id_number"]
    return call.keep("enrolment", content["application_id"], content, owner, hidden=("wanted",))


def _shown(content: Body) -> Body:
    return {name: value for name, value in content.items() if name != "wanted"}

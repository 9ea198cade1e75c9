"""What the departments know of a made-up person, each fact a pure function of the population.

All twelve draw on the same facts, so that a job is an employer here and a contribution there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from backend.core.divisions import cities, city_of, divisions, successor
from backend.core.resident_id import Sex
from backend.exchange.sandbox.departments.months import Month, month_of
from backend.exchange.sandbox.population import (
    KNOWN_PEOPLE,
    DemoPerson,
    Relation,
    family_of,
    find,
)
from backend.exchange.sandbox.population import person as population_person

CHEN, ZHOU, CHEN_JUNIOR = KNOWN_PEOPLE
"""Identity numbers of the known family: father, mother (registered and insured in Xiangtan), son."""

ADULT: Final = 18
_WORKS_FROM: Final = 22
_RETIRES: Final = {Sex.MALE: 60, Sex.FEMALE: 55}
_SCATTER: Final = 0x9E3779B1  # Odd, so that multiplying by it can be undone.
_GATHER: Final = pow(_SCATTER, -1, 1 << 32)
_KINDS_OF_FIRM: Final = ("智能装备", "新材料", "轨道交通", "电子科技", "食品", "建筑工程", "物流", "文化传媒")
_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@dataclass(frozen=True, slots=True)
class Job:
    """An employment; `base` is the monthly base of contributions in yuan, `last` is None while it lasts."""

    employer: str
    uscc: str
    city: str
    first: Month
    last: Month | None
    base: Decimal = field(repr=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """A person on a day: age in whole years, family (head first), jobs (oldest first)."""

    person: DemoPerson
    today: date
    age: int
    family: tuple[DemoPerson, ...]
    jobs: tuple[Job, ...]
    seed: int

    @property
    def id_number(self) -> str:
        """The identity number."""
        return self.person.id_number

    @property
    def name(self) -> str:
        """The registered name."""
        return self.person.name

    @property
    def opaque(self) -> str:
        """A number that says nothing, and leads back to the person by arithmetic."""
        return opaque(self.person)

    @property
    def job(self) -> Job | None:
        """The employment that lasts."""
        return next((job for job in reversed(self.jobs) if job.last is None), None)

    @property
    def retired(self) -> bool:
        """Whether they worked and have reached the age for a pension."""
        return bool(self.jobs) and self.age >= _RETIRES[self.person.sex]

    def draw(self, what: str) -> int:
        """64 bits that look random and are always the same for this person and this topic."""
        return draw(self.seed, what, self.id_number)


class World:
    """The population as the departments know it: the known people and the first `residents` generated."""

    def __init__(self, residents: int, seed: int) -> None:
        self.residents = residents
        self.seed = seed

    def find(self, id_number: str) -> DemoPerson | None:
        """Who has this identity number; None when nobody of the population has."""
        person = find(id_number, self.seed)
        if person is None or (person.index is not None and person.index >= self.residents):
            return None
        return person

    def find_opaque(self, text: str) -> DemoPerson | None:
        """Who has this opaque number (see Facts.opaque)."""
        if len(text) != 8 or not set(text) <= set("0123456789abcdef"):
            return None
        number = int(text, 16) * _GATHER % (1 << 32) - 1
        known = tuple(KNOWN_PEOPLE.values())
        if 0 <= number < len(known):
            return known[number]
        index = number - len(known)
        return population_person(index, self.seed) if 0 <= index < self.residents else None

    def facts(self, person: DemoPerson, today: date) -> Facts:
        """What is known of the person on a day."""
        age = age_on(person.birth_date, today)
        jobs = _jobs(person, today, age, self.seed)
        return Facts(person, today, age, self.family(person), jobs, self.seed)

    def family(self, person: DemoPerson) -> tuple[DemoPerson, ...]:
        """Who is registered in the same household, the head first."""
        if person.index is not None:
            return family_of(person.index, self.seed).members
        chens = (KNOWN_PEOPLE[CHEN], KNOWN_PEOPLE[CHEN_JUNIOR])
        return chens if person in chens else (person,)


def opaque(person: DemoPerson) -> str:
    """See Facts.opaque."""
    known = list(KNOWN_PEOPLE)
    number = known.index(person.id_number) if person.index is None else person.index + len(known)
    return f"{(number + 1) * _SCATTER % (1 << 32):08x}"


def draw(seed: int, what: str, key: str) -> int:
    """64 bits that look random and are always the same for the same arguments."""
    return int.from_bytes(blake2b(f"{seed}/{what}/{key}".encode(), digest_size=8).digest(), "big")


def age_on(birth: date, day: date) -> int:
    """Whole years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def place_name(division: str) -> str:
    """The name of a city or district of ours, under its code of today or an earlier one."""
    return divisions()[successor(division)].name


def neighbour(city: str, number: int) -> str:
    """One of the other two cities."""
    others = [other.code for other in cities() if other.code != city]
    return others[number % len(others)]


def uscc(city: str, number: int) -> str:
    """A unified social credit code with a right check character (GB 32100), for a made-up employer."""
    first_17 = f"91{city}MA{number:07d}"
    total = sum(_USCC.index(character) * 3**at for at, character in enumerate(first_17))
    return first_17 + _USCC[-total % 31]


def is_child_of(child: DemoPerson, parent: DemoPerson, family: Sequence[DemoPerson]) -> bool:
    """Whether the household makes `parent` a parent of `child`."""
    if child.id_number == CHEN_JUNIOR:
        return parent.id_number in {CHEN, ZHOU}
    couple = {Relation.HEAD, Relation.SPOUSE}
    return child in family and child.relation is Relation.CHILD and parent.relation in couple


def _jobs(person: DemoPerson, today: date, age: int, seed: int) -> tuple[Job, ...]:
    """None to two employments, all in the city that insures the person, the second after a gap."""
    random = draw(seed, "work", person.id_number)
    known = person.index is None
    if age < _WORKS_FROM or (not known and random % 6 == 0):
        return ()
    birth = Month(person.birth_date.year, person.birth_date.month)
    earliest = birth.plus(12 * _WORKS_FROM)
    end_of_work = birth.plus(12 * _RETIRES[person.sex])
    now = min(month_of(today), end_of_work)
    start = max(earliest, now.plus(-(24 + (random >> 8) % 180)))
    gap = 0 if random >> 16 & 1 else 1 + (random >> 20) % 5
    change = start.plus((now - start) * 2 // 3)
    base = Decimal(4000 + (random >> 24) % 120 * 100)
    last = None if month_of(today) < end_of_work else end_of_work.plus(-1)
    if not gap or now - start < 12:
        return (_job(person, random, start, last, base),)
    first = _job(person, random, start, change.plus(-1), base)
    return (first, _job(person, random >> 7, change.plus(gap), last, base + 1000))


def _job(person: DemoPerson, random: int, first: Month, last: Month | None, base: Decimal) -> Job:
    city = person.insurance_place
    number = random % 40
    name = f"{place_name(city)}{_KINDS_OF_FIRM[number % 8]}有限公司（示例{number + 1}）"
    return Job(name, uscc(city, number + 1), city, first, last, base)


def city_name(division: str) -> str:
    """The name of the city that a division lies in."""
    return place_name(city_of(division) or division)

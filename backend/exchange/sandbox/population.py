"""The demo population: made-up people, each a pure function of a seed and an index.

People come in families; every twenty indices hold the same seven kinds of family. The identity number is
built backwards from the index, so numbers never collide and a number leads back to its index by
arithmetic: the stand-in registry of a million people needs no storage.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from backend.core.divisions import cities, city_of, districts
from backend.core.resident_id import Sex, check_character
from backend.exchange.sandbox.names import ETHNIC_GROUPS, FEMALE_GIVEN, MALE_GIVEN, SURNAMES

DEFAULT_SEED: Final = 20210611
REFERENCE_YEAR: Final = 2024  # Nobody is born after it; ages are counted to it.


class Relation(StrEnum):
    """What somebody is to the head of the family (户主)."""

    HEAD = "HEAD"
    SPOUSE = "SPOUSE"
    CHILD = "CHILD"
    PARENT = "PARENT"


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A made-up person; `index` is None for the few who are known by name.

    `district` is where they live, `insurance_place` the city that insures them, `ethnic` a GB/T 3304
    code, `family` the number of their family.
    """

    index: int | None
    name: str = field(repr=False)
    sex: Sex = field(repr=False)
    birth_date: date = field(repr=False)
    id_number: str = field(repr=False)
    mobile: str = field(repr=False)
    district: str
    ethnic: str = field(repr=False)
    insurance_place: str
    family: int | None
    relation: Relation

    @property
    def city(self) -> str:
        """The code of the city they live in."""
        city = city_of(self.district)
        if city is None:
            raise ValueError(self.district)
        return city


@dataclass(frozen=True, slots=True)
class DemoFamily:
    """People who live together, the head first."""

    number: int
    district: str
    members: tuple[DemoPerson, ...]


_FAMILIES: Final[tuple[tuple[Relation, ...], ...]] = (
    (Relation.HEAD,),
    (Relation.HEAD, Relation.SPOUSE),
    (Relation.HEAD, Relation.SPOUSE, Relation.CHILD),
    (Relation.HEAD, Relation.SPOUSE, Relation.CHILD),
    (Relation.HEAD, Relation.SPOUSE, Relation.CHILD, Relation.CHILD),
    (Relation.HEAD, Relation.SPOUSE, Relation.CHILD, Relation.PARENT, Relation.PARENT),
    (Relation.HEAD, Relation.SPOUSE),
)
_HEAD_AGES: Final = ((20, 75), (24, 35), (26, 20), (28, 22), (30, 18), (32, 16), (58, 36))  # From, span.
_STARTS: Final = tuple(sum(map(len, _FAMILIES[:kind])) for kind in range(len(_FAMILIES)))
_CYCLE: Final = sum(map(len, _FAMILIES))
_PLACE: Final = tuple((kind, at) for kind, members in enumerate(_FAMILIES) for at in range(len(members)))
_BY_MALENESS: Final = (Sex.FEMALE, Sex.MALE)
_LARGEST: Final = max(map(len, _FAMILIES))

_DAYS: Final = tuple(date(2001, 1, 1) + timedelta(days) for days in range(365))
_DAY_OF: Final = {f"{day:%m%d}": at for at, day in enumerate(_DAYS)}
# Halves of the sequence numbers 451 and 302 belong to the known people.
_HALVES: Final = tuple(half for half in range(1, 500) if half not in {225, 151})
_HALF_AT: Final = {half: at for at, half in enumerate(_HALVES)}
_SLOTS: Final = len(_DAYS) * len(_HALVES)  # Of one district: 181,405.
_SCATTER: Final = 112_111  # Coprime to _SLOTS, so that multiplying by it permutes the slots.
_GATHER: Final = pow(_SCATTER, -1, _SLOTS)
_DISTRICTS: Final = tuple(district.code for district in districts())
_DISTRICT_AT: Final = {code: at for at, code in enumerate(_DISTRICTS)}
_CITIES: Final = tuple(city.code for city in cities())
_CITY_OF: Final = {code: next(c for c in _CITIES if c[:4] == code[:4]) for code in _DISTRICTS}

_MOBILE_FIRST: Final = 13_100_000_000  # 130… is left to the known people.
_MOBILES: Final = 6_900_000_000
_MOBILE_SCATTER: Final = 4_271_484_991

LARGEST_POPULATION: Final = _SLOTS // _LARGEST * len(_DISTRICTS) // len(_FAMILIES) * _CYCLE
"""How many people there can be: a little under 2.4 million."""


def person(index: int, seed: int = DEFAULT_SEED) -> DemoPerson:
    """The `index`-th person (from 0, below LARGEST_POPULATION) of the population grown from `seed`."""
    if not 0 <= index < LARGEST_POPULATION:
        raise ValueError(index)
    cycle, place = divmod(index, _CYCLE)
    kind, at = _PLACE[place]
    family = cycle * len(_FAMILIES) + kind
    shared, own = _draw(seed, b"family", family), _draw(seed, b"person", index)
    relation = _FAMILIES[kind][at]
    sex = _sex(relation, at, shared, own)
    year = REFERENCE_YEAR - _age(kind, relation, shared, own)
    district = _DISTRICTS[(family + seed) % len(_DISTRICTS)]
    id_number = _id_number(district, year, sex, _scatter(family // len(_DISTRICTS) * _LARGEST + at, seed))
    return DemoPerson(
        index=index,
        name=_surname(relation, sex, shared, own) + _given(sex, own),
        sex=sex,
        birth_date=date(year, int(id_number[10:12]), int(id_number[12:14])),
        id_number=id_number,
        mobile=str(_MOBILE_FIRST + (index * _MOBILE_SCATTER + seed) % _MOBILES),
        district=district,
        ethnic=ETHNIC_GROUPS[shared >> 8 & 127],
        insurance_place=_insurance_place(district, own),
        family=family,
        relation=relation,
    )


def people(first: int, last: int, seed: int = DEFAULT_SEED) -> Iterator[DemoPerson]:
    """The people with `first` <= index < `last`."""
    return (person(index, seed) for index in range(first, last))


def family_of(index: int, seed: int = DEFAULT_SEED) -> DemoFamily:
    """The whole family of the `index`-th person."""
    cycle, place = divmod(index, _CYCLE)
    kind, _ = _PLACE[place]
    start = cycle * _CYCLE + _STARTS[kind]
    members = tuple(people(start, start + len(_FAMILIES[kind]), seed))
    return DemoFamily(cycle * len(_FAMILIES) + kind, members[0].district, members)


def find(id_number: str, seed: int = DEFAULT_SEED) -> DemoPerson | None:
    """The person with this identity number, known or generated; None when nobody has it."""
    if id_number in KNOWN_PEOPLE:
        return KNOWN_PEOPLE[id_number]
    index = _index_of(id_number, seed)
    if index is None:
        return None
    candidate = person(index, seed)
    return candidate if candidate.id_number == id_number else None


def _index_of(id_number: str, seed: int) -> int | None:
    """Undoes what `person` did to an index; the year and the check character stay unlooked at."""
    day, district = _DAY_OF.get(id_number[10:14]), _DISTRICT_AT.get(id_number[:6])
    half = _HALF_AT.get(int(id_number[14:17]) // 2) if id_number[14:17].isdecimal() else None
    if day is None or district is None or half is None:
        return None
    slot = half * len(_DAYS) + day
    turn, at = divmod((slot * _GATHER - seed) % _SLOTS, _LARGEST)
    family = turn * len(_DISTRICTS) + (district - seed) % len(_DISTRICTS)
    cycle, kind = divmod(family, len(_FAMILIES))
    index = cycle * _CYCLE + _STARTS[kind] + at
    return index if at < len(_FAMILIES[kind]) and index < LARGEST_POPULATION else None


def _scatter(rank: int, seed: int) -> int:
    return (rank + seed) * _SCATTER % _SLOTS


def _id_number(district: str, year: int, sex: Sex, slot: int) -> str:
    half, day = divmod(slot, len(_DAYS))
    birth = _DAYS[day]
    sequence = _HALVES[half] * 2 + (sex is Sex.MALE)
    first_17 = f"{district}{year}{birth.month:02}{birth.day:02}{sequence:03}"
    return first_17 + check_character(first_17)


def _draw(seed: int, what: bytes, number: int) -> int:
    """64 bits that look random and are always the same for the same arguments."""
    text = b"%d/%b/%d" % (seed, what, number)
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def _sex(relation: Relation, at: int, shared: int, own: int) -> Sex:
    if relation is Relation.CHILD:
        return _BY_MALENESS[own & 1]
    head_is_male = shared & 3 != 0
    if relation is Relation.PARENT:
        return _BY_MALENESS[at % 2]
    return _BY_MALENESS[head_is_male == (relation is Relation.HEAD)]


def _age(kind: int, relation: Relation, shared: int, own: int) -> int:
    """Whole years in the reference year, 0 to 95, in keeping with the rest of the family."""
    youngest, span = _HEAD_AGES[kind]
    head = youngest + (shared >> 16) % span
    if relation is Relation.HEAD:
        return head
    if relation is Relation.SPOUSE:
        return min(max(head - 4 + (own >> 8) % 8, 22), 95)
    if relation is Relation.PARENT:
        return min(head + 22 + (own >> 8) % 10, 95)
    return max(head - 24 - (own >> 8) % 12, 0)


def _surname(relation: Relation, sex: Sex, shared: int, own: int) -> str:
    """Children and the head's father share the family's surname; who married in brings their own."""
    married_in = relation is Relation.SPOUSE or (relation is Relation.PARENT and sex is Sex.FEMALE)
    return SURNAMES[(own >> 20 if married_in else shared >> 32) % len(SURNAMES)]


def _given(sex: Sex, own: int) -> str:
    characters = MALE_GIVEN if sex is Sex.MALE else FEMALE_GIVEN
    first = characters[(own >> 32) % len(characters)]
    return first if own >> 60 < 2 else first + characters[(own >> 44) % len(characters)]


def _insurance_place(district: str, own: int) -> str:
    """The city of residence for seven of eight people; the others are insured in a neighbouring city."""
    home = _CITY_OF[district]
    return home if own >> 16 & 7 else _CITIES[(_CITIES.index(home) + 1 + (own >> 19 & 1)) % len(_CITIES)]


def _known(name: str, id_number: str, mobile: str, insurance_place: str, relation: Relation) -> DemoPerson:
    return DemoPerson(
        index=None,
        name=name,
        sex=Sex.MALE if int(id_number[16]) % 2 else Sex.FEMALE,
        birth_date=date(int(id_number[6:10]), int(id_number[10:12]), int(id_number[12:14])),
        id_number=id_number,
        mobile=mobile,
        district=id_number[:6],
        ethnic="01",
        insurance_place=insurance_place,
        family=None,
        relation=relation,
    )


KNOWN_PEOPLE: Final = {
    known.id_number: known
    for known in (
        _known("陈明远", "430102199003074515", "13000000001", "430100", Relation.HEAD),
        _known("周晓雯", "430302198811053022", "13000000002", "430300", Relation.HEAD),
        _known("陈子睦", "430182202003074511", "13000000003", "430100", Relation.CHILD),
    )
}
"""People whom documents and walks call by name; no generated person has their number or mobile."""

"""The values of a resident's attributes, from the record and the data key that a scan has fetched."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from backend.core.resident_id import IdNumber, parse_id_number
from backend.core.sealing import ResidentKey
from backend.identity.residents import COLLECTION
from backend.onecode.policies import Attribute, has_reached


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of a resident: stored fields, their data key, and the date in UTC+8."""

    stored: Mapping[str, Any] = field(repr=False)
    key: ResidentKey
    today: date

    def value(self, attribute: Attribute) -> str | None:
        """The attribute as text (`true` or `false` for a yes or no); None when it isn't on record here."""
        source = _SOURCES.get(attribute)
        return None if source is None else source.value(self)

    def values(self, attributes: Iterable[Attribute]) -> dict[Attribute, str]:
        """The values of those attributes that are on record here."""
        found = ((one, self.value(one)) for one in attributes)
        return {one: value for one, value in found if value is not None}

    def sealed(self, name: str) -> str | None:
        """A sealed text, opened; None when there is none."""
        return self.key.open(COLLECTION, name, self.stored.get(name))

    def plain(self, name: str) -> str | None:
        """A field that isn't sealed, as text."""
        found = self.stored.get(name)
        return None if found is None else str(found)

    def id_number(self) -> IdNumber | None:
        """The identity number, parsed."""
        text = self.sealed("id_number")
        return None if text is None else parse_id_number(text, today=self.today)


@dataclass(frozen=True, slots=True)
class _Source:
    stored_as: str
    value: Callable[[Facts], str | None]


def stored_fields(attributes: Iterable[Attribute]) -> frozenset[str]:
    """The fields of a resident's document that these attributes are read from."""
    return frozenset(_SOURCES[one].stored_as for one in attributes if one in _SOURCES)


def _plain(name: str) -> _Source:
    return _Source(name, lambda facts: facts.plain(name))


def _sealed(name: str) -> _Source:
    return _Source(name, lambda facts: facts.sealed(name))


def _from_number(read: Callable[[IdNumber, date], str]) -> _Source:
    def value(facts: Facts) -> str | None:
        number = facts.id_number()
        return None if number is None else read(number, facts.today)

    return _Source("id_number", value)


def _over(age: int) -> _Source:
    return _from_number(lambda number, today: str(has_reached(age, number.birth_date, today)).lower())


_SOURCES: Final[Mapping[Attribute, _Source]] = {
    Attribute.NAME: _sealed("name"),
    Attribute.SEX: _plain("sex"),
    Attribute.BIRTH_YEAR: _plain("birth_year"),
    Attribute.BIRTH_DATE: _from_number(lambda number, _today: number.birth_date.isoformat()),
    Attribute.OVER_18: _over(18),
    Attribute.OVER_60: _over(60),
    Attribute.OVER_65: _over(65),
    Attribute.ID_KIND: _plain("kind"),
    Attribute.ID_NUMBER: _sealed("id_number"),
    Attribute.ID_NUMBER_TAIL: _from_number(lambda number, _today: number.number[-4:]),
    Attribute.MOBILE: _sealed("mobile"),
    Attribute.PHOTO: _sealed("photo"),
    Attribute.CITY: _plain("city"),
    Attribute.DISTRICT: _plain("district"),
    Attribute.INSURANCE_PLACE: _plain("insured_city"),
}
"""What is on record here. Kinds of insurance, households and guardians are the departments' to say."""

"""Where a resident lives, as far as they said it or their number hints at it."""

from dataclasses import dataclass

from backend.core.divisions import city_of, divisions, successor
from backend.core.errors import Refusal


@dataclass(frozen=True, slots=True)
class Place:
    """Six-digit codes of a city and, when known, of a district in it; both None outside the three cities."""

    city: str | None
    district: str | None

    @classmethod
    def given(cls, code: str) -> "Place":
        """The place of a code that the resident chose; DIVISION_UNKNOWN unless it is one of ours."""
        place = cls.hinted(code)
        if place.city is None:
            raise Refusal("DIVISION_UNKNOWN")
        return place

    @classmethod
    def hinted(cls, code: str) -> "Place":
        """The place that an identity number's prefix hints at, perhaps nowhere here."""
        city, today = city_of(code), successor(code)
        division = divisions().get(today)
        return cls(city, today if division is not None and not division.is_city else None)

"""Administrative divisions (行政区划, GB/T 2260) of the three cities, the retired ones included."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PROVINCE = "430000"


@dataclass(frozen=True, slots=True)
class Division:
    """A city, or a district or county of one; coordinates are GCJ-02 degrees."""

    code: str
    name: str
    parent: str
    longitude: float
    latitude: float

    @property
    def is_city(self) -> bool:
        """Whether this is one of the three cities themselves."""
        return self.parent == PROVINCE


@cache
def divisions() -> Mapping[str, Division]:
    """Every division in force, by its six-digit code: cities first, then their districts."""
    return {
        row["code"]: Division(row["code"], row["name"], row["parent"], float(row["lon"]), float(row["lat"]))
        for row in _rows("divisions.csv")
    }


@cache
def districts() -> tuple[Division, ...]:
    """The 23 districts and counties in force, in the order of their codes."""
    return tuple(sorted((d for d in divisions().values() if not d.is_city), key=lambda d: d.code))


@cache
def cities() -> tuple[Division, ...]:
    """The three cities, in the order of their codes."""
    return tuple(sorted((d for d in divisions().values() if d.is_city), key=lambda d: d.code))


def successor(code: str) -> str:
    """The division in force that `code` stands for today; a code that isn't ours comes back unchanged.

    A retired district gives the one that took its place; a city's collective code (市辖区), which never
    named one district, gives the city.
    """
    return _retired().get(code, code)


def city_of(code: str) -> str | None:
    """The city's code of a district, a city or a retired district; None outside the three cities."""
    division = divisions().get(successor(code))
    if division is None:
        return None
    return division.code if division.is_city else division.parent


@cache
def _retired() -> Mapping[str, str]:
    return {row["code"]: row["successor"] or row["parent"] for row in _rows("divisions_retired.csv")}


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("backend.core") / "data" / name).read_text("utf-8-sig")
    yield from csv.DictReader(text.splitlines())

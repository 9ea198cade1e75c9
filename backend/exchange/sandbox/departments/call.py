"""A call as the departments' rules see it, and what they can say to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson

from backend.core.clock import CHINA
from backend.exchange.sandbox.departments.department import Department
from backend.exchange.sandbox.departments.registry import Registry
from backend.exchange.sandbox.departments.world import Facts, World

Body: TypeAlias = dict[str, Any]

_PAGE: Final = 50


class Problem(Exception):
    """A refusal as the interface words it: an HTTP status and a stable code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Call:
    """A verified, valid request: its content, the variables of its path, and what the department knows."""

    department: Department
    world: World
    registry: Registry
    body: Body = field(repr=False)
    path: Mapping[str, str]

    @property
    def now(self) -> datetime:
        """The present in UTC+8."""
        return self.registry.now().astimezone(CHINA)

    @property
    def today(self) -> date:
        """Today's date in China."""
        return self.now.date()

    def facts(self, key: str = "person") -> Facts:
        """The person under `key` of the content; raises Problem PERSON_UNKNOWN.

        A name that is given must be the registered one.
        """
        given = self.body[key]
        return self.facts_of(_number(given), given.get("name", given.get("psn_name")))

    def facts_of(self, id_number: str, name: str | None = None) -> Facts:
        """The person with this identity number; raises Problem PERSON_UNKNOWN."""
        person = self.world.find(id_number)
        if person is None or name not in {None, person.name}:
            raise Problem(404, "PERSON_UNKNOWN")
        return self.world.facts(person, self.today)

    def record(self, content: Body) -> Body:
        """`content` with its version and the time since when it is true: its own, else this morning."""
        plain = {name: value for name, value in content.items() if name != "as_of"}
        version = blake2b(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
        return {"as_of": content.get("as_of", self.morning()), "version": version, **plain}

    def keep(
        self, what: str, key: str, content: Body, owner: str = "", *, hidden: tuple[str, ...] = ()
    ) -> Body:
        """Writes `content`, true from now on, and gives it as a record without what is `hidden`."""
        kept = {**content, "as_of": self.moment()}
        self.registry.put(what, key, kept, owner)
        return self.record({name: value for name, value in kept.items() if name not in hidden})

    def page(self, items: list[Body], **more: Any) -> Body:  # noqa: ANN401 - JSON.
        """The page of `items` that the call asks for, as a record."""
        asked = self.body.get("page", {})
        start, limit = _offset(asked.get("cursor", "0")), asked.get("limit", _PAGE)
        content: Body = {**more, "items": items[start : start + limit]}
        if start + limit < len(items):
            content["next_cursor"] = str(start + limit)
        return self.record(content)

    def morning(self) -> str:
        """When the registry was last brought up to date: this morning."""
        return datetime.combine(self.today, time(), CHINA).isoformat()

    def moment(self) -> str:
        """The present as the interface writes it."""
        return self.now.isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal that is remembered: unlike a Problem it commits what was written."""

    status: int
    code: str


Handler: TypeAlias = Callable[[Call], Body | Refused]


def _number(given: Mapping[str, str]) -> str:
    return given["certno"] if "certno" in given else given["id_number"]


def _offset(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 6):
        raise Problem(404, "RECORD_UNKNOWN")
    return int(cursor)

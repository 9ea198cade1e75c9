"""A small real Strawberry schema with one of everything that the engine has to serve."""

import enum
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Generic, NewType, TypeVar

import strawberry
from flask import Flask, Request, g
from strawberry import relay
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.relay.types import GlobalIDValueError
from strawberry.schema.config import StrawberryConfig

from backend.core.errors import Refusal, choose_locale
from graphql_schema.engine import METHODS, GraphQLView, graphql_view

REQUEST_ID = "01jd0000000000000000000000"


class Away(Exception):
    """Stands for the exceptions of a database that is away."""


@dataclass
class SampleContext:
    """What a resolver is given: who asks, and which resolvers have run."""

    user: str | None = None
    calls: list[str] = field(default_factory=list)
    tick: Callable[[], None] = lambda: None


Info = strawberry.Info[SampleContext, None]


@strawberry.enum
class City(enum.Enum):
    CHANGSHA = "430100"
    ZHUZHOU = "430200"
    XIANGTAN = "430300"


def parse_number(value: object) -> str:
    if not isinstance(value, str) or not value.isdigit():
        raise ValueError(f"no number: {value}")
    return value


Number = NewType("Number", str)


@strawberry.type
class Desk(relay.Node):
    id: relay.NodeID[str]
    city: City
    opened: date
    number: Number

    @classmethod
    def resolve_nodes(cls, *, node_ids: Iterable[str], **_: Any) -> list["Desk | None"]:
        return [make_desk(node_id) for node_id in node_ids]

    @strawberry.field
    def colleagues(self, info: Info, first: int) -> "Connection[Desk]":
        info.context.calls.append("colleagues")
        return make_connection(first)

    @strawberry.field
    def numbers(self) -> list[int]:
        return [1, 2, 3]


T = TypeVar("T")


@strawberry.type
class Edge(Generic[T]):
    cursor: str
    node: T


@strawberry.type
class PageInfo:
    has_next_page: bool


@strawberry.type
class Connection(Generic[T]):
    edges: list[Edge[T]]
    page_info: PageInfo


def make_desk(node_id: str = "1") -> Desk:
    return Desk(id=node_id, city=City.ZHUZHOU, opened=date(2026, 1, 2), number=Number("0731"))


def make_connection(first: int) -> Connection[Desk]:
    edges = [Edge(cursor=str(n), node=make_desk(str(n))) for n in range(first)]
    return Connection(edges=edges, page_info=PageInfo(has_next_page=False))


@strawberry.type
class Booked:
    desk: Desk
    note: str


@strawberry.type
class Refused:
    code: str
    message: str


BookResult = Annotated[Booked | Refused, strawberry.union("BookResult")]


@strawberry.input
class Booking:
    desk: str
    day: date
    number: Number = Number("1")
    notes: list[str] = strawberry.field(default_factory=list)


class SignedIn(BasePermission):
    message = "not said to the client"
    error_extensions = {"code": "UNAUTHENTICATED"}  # noqa: RUF012 - Strawberry's own shape.

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:  # noqa: ARG002 - The interface.
        return info.context.user is not None


class Shout(FieldExtension):
    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        return next_(source, info, **kwargs).upper()


def endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


@strawberry.type
class Query:
    node: relay.Node = relay.node()

    @strawberry.field
    def hello(self, name: str = "世界") -> str:
        return f"你好，{name}"

    @strawberry.field
    def desk(self, info: Info, city: City = City.CHANGSHA) -> Desk:
        info.context.calls.append("desk")
        return make_desk(city.value)

    @strawberry.field
    def maybe_desk(self) -> Desk | None:
        return make_desk()

    @strawberry.field
    def desks(self, info: Info, first: int | None = None, last: int | None = None) -> Connection[Desk]:
        info.context.calls.append("desks")
        return make_connection(first or last or 1)

    @strawberry.field
    def recent_desks(self, first: int = 20) -> Connection[Desk]:
        return make_connection(first)

    @strawberry.field
    def all_desks(self) -> list[Desk]:
        return [make_desk(), make_desk("2")]

    @strawberry.field(permission_classes=[SignedIn])
    def secret(self) -> str | None:
        return "open sesame"

    @strawberry.field(extensions=[Shout()])
    def loud(self) -> str:
        return "quiet"

    @strawberry.field
    def square(self, of: int) -> int:
        return of * of

    @strawberry.field
    def half(self, of: int = 2) -> int | None:
        return of // 2

    @strawberry.field
    def refused(self) -> str | None:
        raise Refusal("RATE_LIMITED", retry_after=7, seconds=7)

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("inner secret 430102199001011234")

    @strawberry.field
    def unknown_code(self) -> str | None:
        raise Refusal("NO_TEXT_FOR_THIS_CODE")

    @strawberry.field
    def away(self) -> str | None:
        raise Away("the database's address")

    @strawberry.field
    def endless(self) -> list[int] | None:
        return endless()  # type: ignore[return-value]  # A bug of a resolver, which the engine has to survive.

    @strawberry.field
    def slow(self, info: Info) -> int | None:
        info.context.calls.append("slow")
        info.context.tick()
        return 1

    @strawberry.field
    def unserialisable(self) -> "Odd | None":
        return Odd(1)


Odd = NewType("Odd", int)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def book(self, info: Info, booking: Booking) -> BookResult:
        info.context.calls.append("book")
        if booking.desk == "full":
            return Refused(code="FULL", message="客满")
        return Booked(desk=make_desk(booking.desk), note="，".join(booking.notes))

    @strawberry.mutation
    def slow_book(self, info: Info) -> int | None:
        info.context.calls.append("slow_book")
        info.context.tick()
        return 1


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


SCHEMA = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(
        scalar_map={
            Number: strawberry.scalar(name="Number", parse_value=parse_number, serialize=str),
            Odd: strawberry.scalar(name="Odd", parse_value=int, serialize=lambda _value: object()),
        }
    ),
)


def make_view(**parts: Any) -> GraphQLView:
    """A view of the sample schema in development mode, unless `parts` say otherwise."""
    given = {
        "context": lambda _request: SampleContext(),
        "production": False,
        "unavailable": (Away,),
        "bad_input": (GlobalIDValueError,),
    }
    return graphql_view(parts.pop("schema", SCHEMA), **{**given, **parts})


def make_app(view: GraphQLView) -> Flask:
    """An application that serves the view at /graphql, with the request id and locale of ours."""
    app = Flask("sample")
    app.add_url_rule("/graphql", view_func=view, methods=METHODS)

    @app.before_request
    def begin() -> None:
        g.request_id = REQUEST_ID
        g.locale = choose_locale("en")

    return app


class Caller:
    """Posts documents to a view over Flask's own WSGI client, and keeps the context of the last call."""

    def __init__(self, **parts: Any) -> None:
        self.context = parts.pop("sample_context", SampleContext())
        self.view = make_view(context=self._make_context, **parts)
        self.http = make_app(self.view).test_client()

    def _make_context(self, _request: Request) -> SampleContext:
        if isinstance(self.context, Exception):
            raise self.context
        return self.context

    def post(self, query: str | None = None, headers: dict[str, str] | None = None, **rest: Any) -> Any:
        body = {"query": query, **rest} if query is not None else rest
        accept = {"Accept": "application/graphql-response+json", **(headers or {})}
        return self.http.post(
            "/graphql", data=json.dumps(body), content_type="application/json", headers=accept
        )

    def data(self, query: str, **rest: Any) -> Any:
        answer = self.post(query, **rest)
        assert answer.status_code == 200, answer.text
        assert "errors" not in answer.json, answer.text
        return answer.json["data"]

    def codes(self, query: str, **rest: Any) -> list[str]:
        return [error["extensions"]["code"] for error in self.post(query, **rest).json["errors"]]

"""What the GraphQL view costs beside bare graphql-core, on one schema and in one run.

Run `python -m bench.graphql_engine`. Prints microseconds of CPU a request, the median of interleaved rounds:
graphql_sync (parse, validate, execute), execute_sync of a document parsed before, a Flask route that only
returns bytes, and the view over WSGI with the document in its cache.
"""

import io
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import orjson
import strawberry
from flask import Flask, Response
from graphql import execute_sync, graphql_sync, parse

from graphql_schema.engine import METHODS, core_schema, graphql_view

ROUNDS = 15
CALLS = 200
TRIVIAL = "{ hello }"
PAGE = "query ($n: Int!) { desks(first: $n) { edges { cursor node { name number } } } }"


@strawberry.type
class Desk:
    """One desk."""

    name: str
    number: int


@strawberry.type
class DeskEdge:
    """A desk and its cursor."""

    cursor: str
    node: Desk


@strawberry.type
class DeskConnection:
    """A page of desks."""

    edges: list[DeskEdge]


@strawberry.type
class Query:
    """A trivial field and a page."""

    @strawberry.field
    def hello(self) -> str:
        """A word."""
        return "world"

    @strawberry.field
    def desks(self, first: int) -> DeskConnection:
        """So many desks."""
        return DeskConnection(
            edges=[DeskEdge(cursor=str(n), node=Desk(name="desk", number=n)) for n in range(first)]
        )


SCHEMA = strawberry.Schema(query=Query)


def main() -> None:
    """Measure both documents and print a table."""
    app = Flask(__name__)
    app.add_url_rule(
        "/graphql", view_func=graphql_view(SCHEMA, context=lambda _: None, production=False), methods=METHODS
    )
    app.add_url_rule("/bare", view_func=lambda: Response(b"{}"), endpoint="bare", methods=["POST"])
    for title, document, variables in (("trivial", TRIVIAL, {}), ("page of 25", PAGE, {"n": 25})):
        print(title)
        for name, microseconds in measure(contenders(app, document, variables)).items():
            print(f"  {name:36} {microseconds:8.1f} µs")


def contenders(app: Flask, document: str, variables: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """The ways to answer one request."""
    schema = core_schema(SCHEMA)
    parsed = parse(document)
    body = orjson.dumps({"query": document, "variables": variables})
    return {
        "graphql_sync": lambda: graphql_sync(schema, document, variable_values=variables),
        "execute_sync, document parsed before": lambda: execute_sync(
            schema, parsed, variable_values=variables
        ),
        "Flask route that returns bytes": lambda: call(app, "/bare", body),
        "the view, document cached": lambda: call(app, "/graphql", body),
    }


def call(app: Flask, path: str, body: bytes) -> bytes:
    """One POST over WSGI."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_ACCEPT": "application/graphql-response+json",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }
    return b"".join(app(environ, lambda *_: lambda _: None))


def measure(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median CPU time of a call of each, in microseconds; rounds take turns."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, answer in contenders.items():
            started = time.process_time()
            for _ in range(CALLS):
                answer()
            taken[name].append((time.process_time() - started) / CALLS * 1e6)
    return {name: median(times) for name, times in taken.items()}


if __name__ == "__main__":
    main()

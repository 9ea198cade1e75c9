"""A Graphene schema is served by the same engine, where Graphene is installed."""

from typing import Any

import pytest

from backend.core.errors import Refusal
from tests.graphql.engine.sample import Caller

graphene = pytest.importorskip("graphene", reason="Graphene comes with the admin schema")


@pytest.fixture
def caller() -> Caller:
    class Query(graphene.ObjectType):  # type: ignore[misc,name-defined]  # Graphene is untyped.
        hello = graphene.String(name=graphene.String(default_value="世界"))
        refused = graphene.String()
        days = graphene.List(graphene.Date)

        def resolve_hello(self, info: Any, name: str) -> str:
            info.context.calls.append("hello")
            return f"你好，{name}"

        def resolve_refused(self, _info: Any) -> str:
            raise Refusal("FORBIDDEN")

    return Caller(schema=graphene.Schema(query=Query))


def test_queries_and_refusals(caller: Caller) -> None:
    assert caller.data('{ hello(name: "湘潭") days }') == {"hello": "你好，湘潭", "days": None}
    assert caller.context.calls == ["hello"]
    assert caller.codes("{ refused }") == ["FORBIDDEN"]

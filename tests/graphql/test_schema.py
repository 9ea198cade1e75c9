"""The residents' schema as a whole: access declared everywhere, snapshot up to date, shapes as agreed."""

from datetime import UTC, datetime

import pytest
import strawberry
from graphql import GraphQLEnumType, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLUnionType

from backend.core.errors import Refusal
from backend.identity.models import Assurance
from backend.identity.viewer import ResidentViewer, StaffViewer
from graphql_schema.engine import has_drifted
from graphql_schema.resident.base import ANYONE, query, resident, staff
from graphql_schema.resident.scalars import DATE_TIME, parse_instant
from graphql_schema.resident.schema import Mutation, Query, schema
from graphql_schema.snapshots import SNAPSHOTS

CORE = schema._schema
BOUNDED_LISTS = {"consents": "one entry per purpose and resource of the consent texts, which are data"}
RESIDENT = ResidentViewer("r", "s", None, Assurance.L1, datetime(2026, 1, 1, tzinfo=UTC))
VERIFIER = StaffViewer("s", "t", frozenset({"verifier"}), "430300", None, None, frozenset())


def unguarded(*roots: type) -> list[str]:
    """Root fields that declare no access rule."""
    return [
        f"{root.__name__}.{field.python_name}"
        for root in roots
        for field in root.__strawberry_definition__.fields
        if "access" not in field.metadata
    ]


def test_every_root_field_declares_who_may_use_it():
    assert unguarded(Query, Mutation) == []


def test_a_planted_field_without_access_is_found():
    @strawberry.type
    class Planted:
        @query(ANYONE)
        def guarded(self) -> int:
            return 1

        @strawberry.field
        def bare(self) -> int:
            return 1

    assert unguarded(Planted) == ["Planted.bare"]


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.name)
def test_the_snapshot_is_the_schema(path):
    assert not has_drifted(SNAPSHOTS[path], path), "run `make schema` and read the difference"


def test_every_mutation_takes_an_idempotency_key_and_says_what_may_go_wrong():
    for name, field in CORE.mutation_type.fields.items():
        assert "idempotencyKey" in field.args or "requestId" in field.args, name
        union = field.type.of_type
        assert isinstance(union, GraphQLUnionType), name
        assert {"Refused", "CodeRejected"} & {member.name for member in union.types}, name


def test_every_list_of_the_root_is_a_bounded_connection():
    for name, field in CORE.query_type.fields.items():
        bare = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
        if isinstance(bare, GraphQLObjectType) and bare.name.endswith("Connection"):
            assert isinstance(field.args["first"].type, GraphQLNonNull), name
        assert not isinstance(bare, GraphQLList) or name in BOUNDED_LISTS, name


def test_every_type_and_enum_is_described():
    described = (GraphQLObjectType, GraphQLEnumType)
    own = [t for name, t in CORE.type_map.items() if isinstance(t, described) and not name.startswith("__")]
    bare = [
        t.name for t in own if not t.description and not t.name.endswith(("Connection", "Edge", "PageInfo"))
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("access", "viewer", "code"),
    [
        (resident(), None, "UNAUTHENTICATED"),
        (resident(), VERIFIER, "FORBIDDEN"),
        (resident(Assurance.L2), RESIDENT, "STEP_UP_REQUIRED"),
        (staff(), None, "UNAUTHENTICATED"),
        (staff(), RESIDENT, "FORBIDDEN"),
        (staff("auditor"), VERIFIER, "FORBIDDEN"),
    ],
)
def test_who_may_not_is_told_why(access, viewer, code):
    with pytest.raises(Refusal) as refused:
        access.check(viewer)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("access", "viewer"),
    [
        (ANYONE, None),
        (resident(), RESIDENT),
        (staff(), VERIFIER),
        (staff("auditor", "verifier"), VERIFIER),
    ],
)
def test_who_may_may(access, viewer):
    access.check(viewer)


def test_times_are_shown_in_china_and_read_as_utc():
    moment = datetime(2026, 1, 31, 1, 30, tzinfo=UTC)
    assert DATE_TIME.serialize(moment) == "2026-01-31T09:30:00+08:00"
    assert parse_instant("2026-01-31T09:30:00+08:00") == moment


@pytest.mark.parametrize("value", ["2026-01-31", "2026-01-31T09:30:00", "yesterday", 5, None])
def test_a_time_without_its_offset_is_refused_unquoted(value):
    with pytest.raises(ValueError, match="offset is needed") as refused:
        parse_instant(value)
    assert "yesterday" not in str(refused.value)

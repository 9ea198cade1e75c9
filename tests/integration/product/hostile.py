"""Hostile values for every text argument of every root field, made from the schema itself."""

import base64
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_union_type,
)

from backend.core.paging import encode_cursor
from graphql_schema.resident.schema import schema

P256: Final = 0x036B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
"""The generator of P-256 (FIPS 186-5), compressed: a well-formed public key."""

MARK: Final = "私密marker-7F3A"
"""Stands in most hostile texts: whatever answers must not hold it."""

TEXTS: Final = {
    "empty": "",
    "blank": " \t\n",
    "nul": f"{MARK}\0",
    "only nul": "\0" * 24,
    "right to left": f"\u202e\u2066{MARK}\u2069",
    "family emoji": "👨‍👩‍👧‍👦" * 20 + MARK,
    "noncharacters": f"\ufffe\uffff\U0010ffff{MARK}",
    "combining": "Z" + "\u0301" * 500 + MARK,
    "byte order mark": f"\ufeff{MARK}",
    "full width": "ａ" * 24,
    "arabic digits": "٣" * 24,
    "long": MARK * 1_000,
    "line break": f"{MARK}\r\nX-Injected: 1",
    "operator": '{"$gt": ""}',
    "dollar": f"$where {MARK}",
    "dots": f"a.b.$[].{MARK}",
    "path": f"../../{MARK}",
    "format": f"{{0.__class__}}%s%n{MARK}",
    "markup": f"<svg onload=alert(1)>{MARK}",
    "number": "-9223372036854775809",
    "infinity": "1e309",
    "hex": "f" * 32,
    "base64url": base64.urlsafe_b64encode(b"\xff" * 32).decode().rstrip("="),
    "point at infinity": base64.urlsafe_b64encode(b"\0").decode().rstrip("="),
    "code": "YM1:" + "0" * 400,
    "digits": "0" * 18,
    "earliest": encode_cursor(f"0001-01-01T00:00:00+23:59 {MARK}"),
    "latest": encode_cursor(f"9999-12-31T23:59:59.999999-23:59 {MARK}"),
    "cursor of nul": encode_cursor("\0"),
    "cursor of number": encode_cursor("99999999999999999999"),
    "id": "01m82a2djyе5g9kp6zzcm5ttj0",
    "well-formed key": "A" * 32,
}
OTHERS: Final[dict[str, Any]] = {
    "operator object": {"$gt": ""},
    "type object": {"$type": 2},
    "list": [[MARK]],
    "number": 430302198811053022,
    "boolean": True,
}
FITTING: Final[dict[str, str | None]] = {
    # The number is proven by challenge and code, without what would take their place.
    "ticket": None,
    "wechatTicket": None,
    "faceCheck": None,
    "name": "周晓雯",
    "idNumber": "430302198811053022",
    "domain": "medical",
    "purpose": "treatment",
    "publicKeys": base64.urlsafe_b64encode(P256.to_bytes(33, "big")).decode(),
    "totp": "123456",
    "code": "123456",
    "division": "430302",
    "note": "Seen at the desk",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One text argument: its root field, kind of operation, and the path to it in the arguments."""

    operation: str
    field: str
    path: tuple[str, ...]

    def document(self) -> str:
        """An operation with every argument of the field as a variable."""
        field = _fields(self.operation)[self.field]
        declared = ", ".join(f"${name}: {each.type}" for name, each in field.args.items())
        given = ", ".join(f"{name}: ${name}" for name in field.args)
        return f"{self.operation} ({declared}) {{ result: {self.field}({given}) {{ {_selection(field)} }} }}"

    def variables(self, value: object) -> dict[str, Any]:
        """Fitting values for all arguments, and this one here."""
        field = _fields(self.operation)[self.field]
        made = {name: _fitting(name, each.type) for name, each in field.args.items()}
        return {name: _placed(one, self.path[1:], value) if name == self.path[0] else one
                for name, one in made.items()}  # fmt: skip

    @property
    def access(self) -> str:
        """Who may use the field, such as `resident:L1`."""
        of = schema.get_type_by_name(self.operation.capitalize())
        assert of is not None
        field = next(
            one for one in of.fields if schema.config.name_converter.get_graphql_name(one) == self.field
        )
        return str(field.metadata["access"])

    def __str__(self) -> str:
        return f"{self.field}.{'.'.join(self.path)}"


def leaves() -> list[Leaf]:
    """Every text argument of every root field, those of new fields too."""
    return [
        Leaf(operation, name, path)
        for operation in ("query", "mutation")
        for name, field in _fields(operation).items()
        for argument, each in field.args.items()
        for path in _paths(argument, each.type)
    ]


def _fields(operation: str) -> dict[str, GraphQLField]:
    core = schema._schema  # Strawberry offers no other way to it.
    root = core.query_type if operation == "query" else core.mutation_type
    assert root is not None
    return root.fields


def _paths(name: str, of: GraphQLInputType) -> Iterator[tuple[str, ...]]:
    named = get_named_type(of)
    if isinstance(named, GraphQLInputObjectType):
        for inner, field in named.fields.items():
            yield from ((name, *path) for path in _paths(inner, field.type))
    elif named.name in {"String", "ID", "DateTime"}:
        yield (name,)


def _fitting(name: str, of: GraphQLInputType) -> Any:
    bare = of.of_type if isinstance(of, GraphQLNonNull) else of
    if isinstance(bare, GraphQLList):
        return [_fitting(name, bare.of_type)]
    if isinstance(bare, GraphQLInputObjectType):
        return {inner: _fitting(inner, field.type) for inner, field in bare.fields.items()}
    if isinstance(bare, GraphQLEnumType):
        return next(iter(bare.values))
    return {"Int": 10, "Float": 1.5, "Boolean": True}.get(
        bare.name, FITTING.get(name) or secrets.token_urlsafe(18)
    )


def _placed(made: Any, path: tuple[str, ...], value: object) -> Any:
    if isinstance(made, list):
        return [value]
    if not path:
        return value
    return {**made, path[0]: _placed(made[path[0]], path[1:], value)}


def _selection(field: GraphQLField) -> str:
    named = get_named_type(field.type)
    if not is_union_type(named):
        return "__typename"
    coded = [each.name for each in named.types if "code" in each.fields]
    return " ".join(["__typename", *(f"... on {name} {{ code message }}" for name in coded)])

"""Node-product cost: how many objects an operation may return, page sizes of nested connections multiplied.

A connection with `first: n` costs n, and all below it is counted n times; a plain list is taken to hold
`Limits.assumed_list_size` objects; any other object costs 1; leaves, edges and introspection cost nothing.
Selections on several types of a union or interface are added up, so the cost is an upper bound.

The cost is a polynomial in the page sizes. It is worked out once for a document; where page sizes are
variables only its value is worked out anew for each request.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
)

from backend.core.errors import Refusal
from graphql_schema.engine.limits import Limits

PAGE_ARGUMENTS: Final = ("first", "last")


@dataclass(frozen=True, slots=True)
class Page:
    """The page size of one connection: what its `first` and `last` say, as numbers or variable names."""

    sizes: tuple[int | str, ...]
    fallback: int | None
    node: FieldNode = field(compare=False)

    def size(self, variables: Mapping[str, Any], maximum: int) -> int:
        """The larger of the given sizes; a GraphQLError where none is given or one is out of range."""
        given = [variables.get(size) if isinstance(size, str) else size for size in self.sizes]
        numbers = [size for size in given if size is not None] or self._default(variables)
        name = self.node.name.value
        if not numbers:
            raise refused(self.node, Refusal("GRAPHQL_PAGE_SIZE_REQUIRED", field=name))
        if not all(1 <= size <= maximum for size in numbers):
            out_of_range = Refusal("GRAPHQL_PAGE_SIZE_OUT_OF_RANGE", field=name, maximum=maximum)
            raise refused(self.node, out_of_range)
        return max(numbers)

    def _default(self, variables: Mapping[str, Any]) -> list[int]:
        """The schema's default, which takes the place of an absent variable but not of a null."""
        present = any(size in variables for size in self.sizes)
        return [] if self.fallback is None or present else [self.fallback]


Terms = dict[tuple[Page, ...], int]
"""A polynomial: for each product of page sizes, its coefficient."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one operation as a polynomial of the page sizes that are variables."""

    constant: int
    terms: tuple[tuple[tuple[Page, ...], int], ...]
    pages: tuple[Page, ...]
    limits: Limits

    def check(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """The cost with these coerced variables; a GraphQLError where a page or the whole is too large."""
        sizes = {page: page.size(variables, self.limits.page_size) for page in self.pages}
        cost = self.constant
        for pages, coefficient in self.terms:
            cost += coefficient * math.prod(sizes[page] for page in pages)
        if cost > self.limits.nodes:
            raise refused(operation, Refusal("GRAPHQL_COST_EXCEEDED", cost=cost, maximum=self.limits.nodes))
        return cost


@dataclass(slots=True)
class _Unit:
    """What one object of a selection set's type costs: `each` once, `paged` for every item of its page."""

    each: Terms = field(default_factory=dict)
    paged: Terms = field(default_factory=dict)

    def add(self, other: "_Unit") -> None:
        _accumulate(self.each, other.each.items())
        _accumulate(self.paged, other.paged.items())


class CostModel:
    """Works out the cost of the valid operations of one document; each fragment is visited once."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._limits = limits
        self._known: dict[str, _Unit] = {}

    def cost(self, operation: OperationDefinitionNode) -> Cost:
        """The cost of `operation`; a GraphQLError where a page size that is a literal is not permitted."""
        root = self._schema.get_root_type(operation.operation)
        terms = self._selections(operation.selection_set, root).each
        constant = terms.pop((), 0)
        pages = tuple({page: None for product in terms for page in product})
        return Cost(constant, tuple(terms.items()), pages, self._limits)

    def _selections(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> _Unit:
        unit = _Unit()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                self._field(unit, selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                unit.add(self._fragment(selection.name.value))
            elif isinstance(selection, InlineFragmentNode):
                unit.add(self._selections(selection.selection_set, self._narrowed(selection, parent)))
        return unit

    def _narrowed(
        self, selection: InlineFragmentNode, parent: GraphQLNamedType | None
    ) -> GraphQLNamedType | None:
        condition: NamedTypeNode | None = selection.type_condition
        return parent if condition is None else self._schema.get_type(condition.name.value)

    def _fragment(self, name: str) -> _Unit:
        if name not in self._known:
            fragment = self._fragments[name]
            on = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, on)
        return self._known[name]

    def _field(self, unit: _Unit, node: FieldNode, parent: GraphQLNamedType | None) -> None:
        definition = _definition(parent, node.name.value)
        if definition is None or node.selection_set is None:
            return
        returned = get_named_type(definition.type)
        below = self._selections(node.selection_set, returned)
        in_connection = _is_named(parent, "Connection")
        if _is_named(returned, "Connection") and _has_pages(definition):
            self._connection(unit, node, definition, below)
        elif _is_list(definition):
            self._list(unit, below, in_connection=in_connection)
        else:
            if not _is_named(parent, "Edge"):
                _accumulate(unit.each, [((), 1)])
            _accumulate(unit.each, below.each.items())

    def _connection(self, unit: _Unit, node: FieldNode, definition: GraphQLField, below: _Unit) -> None:
        page = Page(tuple(_sizes(node)), _default_size(definition), node)
        symbolic = any(isinstance(size, str) for size in page.sizes)
        factor: tuple[Page, ...] = (page,) if symbolic else ()
        times = 1 if symbolic else page.size({}, self._limits.page_size)
        _accumulate(unit.each, [(factor, times)])
        _accumulate(unit.each, below.each.items())
        _accumulate(unit.each, ((factor + pages, times * count) for pages, count in below.paged.items()))

    def _list(self, unit: _Unit, below: _Unit, *, in_connection: bool) -> None:
        """The `edges` or `nodes` of a connection hold its page, which the connection has already counted."""
        if in_connection:
            _accumulate(unit.paged, below.each.items())
            return
        times = self._limits.assumed_list_size
        _accumulate(unit.each, [((), times)])
        _accumulate(unit.each, ((pages, times * count) for pages, count in below.each.items()))


def refused(node: FieldNode | OperationDefinitionNode, refusal: Refusal) -> GraphQLError:
    """A Refusal as an error at a place in the document."""
    return GraphQLError(refusal.code, node, original_error=refusal)


def _accumulate(into: Terms, terms: Iterable[tuple[tuple[Page, ...], int]]) -> None:
    for pages, count in terms:
        into[pages] = into.get(pages, 0) + count


def _definition(parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    """The definition of a field that returns objects; None for leaves and for introspection."""
    if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        return None
    definition = parent.fields.get(name)
    composite = definition is not None and is_composite_type(get_named_type(definition.type))
    return definition if composite else None


def _is_named(type_: GraphQLNamedType | None, suffix: str) -> bool:
    """Relay's Cursor Connections, §2 and §3: connection and edge types are known by how their names end."""
    return type_ is not None and type_.name.endswith(suffix)


def _is_list(definition: GraphQLField) -> bool:
    type_ = definition.type
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def _has_pages(definition: GraphQLField) -> bool:
    return any(name in definition.args for name in PAGE_ARGUMENTS)


def _sizes(node: FieldNode) -> Iterable[int | str]:
    for argument in node.arguments:
        if argument.name.value not in PAGE_ARGUMENTS:
            continue
        if isinstance(argument.value, VariableNode):
            yield argument.value.name.value
        elif isinstance(argument.value, IntValueNode):
            yield int(argument.value.value)


def _default_size(definition: GraphQLField) -> int | None:
    defaults = [definition.args[name].default_value for name in PAGE_ARGUMENTS if name in definition.args]
    return next((size for size in defaults if isinstance(size, int)), None)

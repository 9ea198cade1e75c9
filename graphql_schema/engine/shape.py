"""The shape of an operation, measured on its syntax alone and in time linear in its length."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from backend.core.errors import Refusal
from graphql_schema.engine.limits import Limits

NESTING_PER_LEVEL = 4
"""Selection sets that may be open for each permitted level of fields, as inline fragments add no level."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a selection set asks for once every fragment is spread out; `breadth` counts its own fields."""

    depth: int = 0
    fields: int = 0
    breadth: int = 0
    aliases: int = 0
    directives: int = 0

    def __add__(self, other: "Shape") -> "Shape":
        """The shape of both, side by side."""
        return Shape(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.breadth + other.breadth,
            self.aliases + other.aliases,
            self.directives + other.directives,
        )


class Ruler:
    """Measures operations of one document; each fragment is visited once, however often it is spread.

    `visited` counts the selections that were looked at: it never exceeds those written in the document.
    """

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], limits: Limits) -> None:
        self.visited = 0
        self._fragments = fragments
        self._known: dict[str, Shape] = {}
        self._limits = limits

    def measure(self, operation: OperationDefinitionNode) -> Shape:
        """The shape of `operation`; Refusal GRAPHQL_DOCUMENT_TOO_DEEP when it nests beyond measuring."""
        written = sum(len(variable.directives) for variable in operation.variable_definitions)
        own = Shape(directives=len(operation.directives) + written)
        return own + self._selections(operation.selection_set, 1)

    def _selections(self, selection_set: SelectionSetNode, level: int) -> Shape:
        if level > self._limits.depth * NESTING_PER_LEVEL:
            raise Refusal("GRAPHQL_DOCUMENT_TOO_DEEP", maximum=self._limits.depth)
        shape = Shape()
        for selection in selection_set.selections:
            self.visited += 1
            shape += self._selection(selection, level)
        return shape

    def _selection(self, selection: SelectionNode, level: int) -> Shape:
        own = Shape(directives=len(selection.directives))
        if isinstance(selection, FieldNode):
            return own + self._field(selection, level)
        if isinstance(selection, FragmentSpreadNode):
            return own + self._spread(selection.name.value, level)
        if isinstance(selection, InlineFragmentNode):
            return own + self._selections(selection.selection_set, level + 1)
        raise TypeError(selection.kind)

    def _field(self, field: FieldNode, level: int) -> Shape:
        below = self._selections(field.selection_set, level + 1) if field.selection_set else Shape()
        aliases = below.aliases + (field.alias is not None)
        return Shape(below.depth + 1, below.fields + 1, 1, aliases, below.directives)

    def _spread(self, name: str, level: int) -> Shape:
        """The shape of a fragment; one that spreads itself counts once here and fails validation later."""
        if name not in self._known:
            self._known[name] = Shape()
            fragment = self._fragments.get(name)
            if fragment is not None:
                own = Shape(directives=len(fragment.directives))
                self._known[name] = own + self._selections(fragment.selection_set, level + 1)
        return self._known[name]


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The fragments of a document by name."""
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }


def check_shape(document: DocumentNode, limits: Limits) -> None:
    """Refuse a document whose size, fragments spread out, is beyond `limits`, before it is validated."""
    ruler = Ruler(fragments_of(document), limits)
    total = Shape()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            shape = ruler.measure(definition)
            _within("GRAPHQL_TOO_MANY_ROOT_FIELDS", shape.breadth, limits.root_fields)
            _within("GRAPHQL_TOO_MANY_ALIASES", shape.aliases, limits.aliases)
            total += shape
    _within("GRAPHQL_DOCUMENT_TOO_DEEP", total.depth, limits.depth)
    _within("GRAPHQL_TOO_MANY_FIELDS", total.fields, limits.fields)
    _within("GRAPHQL_TOO_MANY_DIRECTIVES", total.directives, limits.directives)


def _within(code: str, found: int, maximum: int) -> None:
    if found > maximum:
        raise Refusal(code, maximum=maximum)

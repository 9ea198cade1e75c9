"""From the text of a document to operations that are parsed, measured, validated and priced."""

from dataclasses import dataclass
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    Source,
    ValidationRule,
    get_variable_values,
    parse,
    specified_rules,
    validate,
)
from graphql.language import Lexer, TokenKind

from backend.core.errors import Refusal
from graphql_schema.engine.cost import Cost, CostModel, refused
from graphql_schema.engine.errors import Rejected
from graphql_schema.engine.limits import Limits
from graphql_schema.engine.shape import check_shape, fragments_of

INTROSPECTION_FIELDS: Final = frozenset({"__schema", "__type"})


class NoIntrospection(ValidationRule):
    """Refuses `__schema` and `__type`; `__typename` tells nothing of the schema that the client lacks."""

    def enter_field(self, node: FieldNode, *_: object) -> None:
        """Report a root introspection field."""
        if node.name.value in INTROSPECTION_FIELDS:
            self.report_error(refused(node, Refusal("GRAPHQL_INTROSPECTION_DISABLED")))


@dataclass(frozen=True, slots=True)
class Operation:
    """One executable operation of a document; it is shared between threads and never changed."""

    schema: GraphQLSchema
    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    cost: Cost

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    def coerce(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The variables' values as resolvers get them (GraphQL specification §6.1.2), priced.

        Raises Rejected with BAD_USER_INPUT, or with the limit that the values break.
        """
        definitions = self.node.variable_definitions
        maximum = self.cost.limits.errors
        values = get_variable_values(self.schema, definitions, raw, max_errors=maximum, hide_suggestions=True)
        if isinstance(values, list):
            raise Rejected("BAD_USER_INPUT", values)
        try:
            self.cost.check(self.node, values)
        except GraphQLError as error:
            raise Rejected("GRAPHQL_COST_EXCEEDED", [error]) from None
        return values


@dataclass(frozen=True, slots=True)
class Plan:
    """A document ready to be executed: its operations by name, the anonymous one under None."""

    operations: dict[str | None, Operation]

    def operation(self, name: str | None) -> Operation:
        """The operation to execute (GraphQL specification §6.1.1); Rejected when it can't be determined."""
        found = self.operations.get(name)
        if found is None and name is None and len(self.operations) == 1:
            found = next(iter(self.operations.values()))
        if found is None:
            raise unexecutable(Refusal("GRAPHQL_OPERATION_UNRESOLVED"))
        if found.kind is OperationType.SUBSCRIPTION:
            raise unexecutable(Refusal("GRAPHQL_SUBSCRIPTIONS_NOT_SUPPORTED"))
        return found


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans for one schema. Each step is cheap enough to be safe for the next one's input."""

    schema: GraphQLSchema
    limits: Limits
    introspection: bool

    def plan(self, text: str) -> Plan:
        """The plan of a document; Rejected when it doesn't parse, breaks a limit, or isn't valid."""
        document = self._parse(text)
        try:
            check_shape(document, self.limits)
        except Refusal as refusal:
            raise unexecutable(refusal) from None
        self._validate(document)
        return self._priced(document)

    def _parse(self, text: str) -> DocumentNode:
        maximum = self.limits.tokens
        try:
            if longer_than(text, maximum):
                raise unexecutable(Refusal("GRAPHQL_DOCUMENT_TOO_LONG", maximum=maximum))
            return parse(text)
        except GraphQLSyntaxError as error:
            raise Rejected("GRAPHQL_PARSE_FAILED", [error.with_traceback(None)]) from None

    def _validate(self, document: DocumentNode) -> None:
        rules = specified_rules if self.introspection else [*specified_rules, NoIntrospection]
        errors = validate(self.schema, document, rules, max_errors=self.limits.errors, hide_suggestions=True)
        if errors:
            raise Rejected("GRAPHQL_VALIDATION_FAILED", errors)

    def _priced(self, document: DocumentNode) -> Plan:
        fragments = fragments_of(document)
        model = CostModel(self.schema, fragments, self.limits)
        operations: dict[str | None, Operation] = {}
        try:
            for node in document.definitions:
                if isinstance(node, OperationDefinitionNode):
                    name = node.name.value if node.name else None
                    operations[name] = Operation(self.schema, node, fragments, model.cost(node))
        except GraphQLError as error:
            raise Rejected("GRAPHQL_COST_EXCEEDED", [error]) from None
        return Plan(operations)


def longer_than(text: str, maximum: int) -> bool:
    """Whether a document has more than `maximum` tokens, reading no more of it than that.

    Comments, which the grammar ignores, have the same bound of their own.
    """
    if len(text) <= maximum:
        return False
    lexer = Lexer(Source(text))
    lexical = comments = 0
    token = lexer.token
    while token.kind is not TokenKind.EOF and max(lexical, comments) <= maximum:
        token = lexer.read_next_token(token.end)
        comments += token.kind is TokenKind.COMMENT
        lexical += token.kind not in {TokenKind.COMMENT, TokenKind.EOF}
    return max(lexical, comments) > maximum


def unexecutable(refusal: Refusal) -> Rejected:
    """A Rejected with one Refusal as its only error."""
    return Rejected(refusal.code, [GraphQLError(refusal.code, original_error=refusal)])

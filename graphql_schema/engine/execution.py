"""Running one operation, synchronously and within a deadline."""

from collections.abc import AsyncIterable, Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import structlog
from graphql import (
    ExecutionContext,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    default_field_resolver,
    default_type_resolver,
    located_error,
)
from graphql.execution.execute import CollectedErrors, get_field_def
from graphql.pyutils import AwaitableOrValue, Path

from backend.core.errors import Refusal
from graphql_schema.engine.limits import Limits
from graphql_schema.engine.plans import Operation

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment from which no further resolver is called, on a monotonic clock in seconds."""

    at: float
    monotonic: Callable[[], float]


class Execution(ExecutionContext):
    """graphql-core's execution, which also stops at a deadline and refuses lists without end.

    The deadline is looked at before each field: a resolver that runs is not interrupted, so whatever it
    waits for needs a time-out of its own. Fields not reached are errors with their own paths, and what
    was resolved before them is still answered.
    """

    monotonic: Callable[[], float]
    expires: float
    limits: Limits

    def execute_field(
        self, parent_type: GraphQLObjectType, source: object, field_nodes: list[FieldNode], path: Path
    ) -> AwaitableOrValue[object]:
        """Resolve one field, unless the deadline has passed."""
        if self.monotonic() < self.expires:
            return super().execute_field(parent_type, source, field_nodes, path)
        # A field that isn't in the schema does not pass validation.
        definition = get_field_def(self.schema, parent_type, field_nodes[0])
        error = located_error(Refusal("GRAPHQL_DEADLINE_EXCEEDED"), field_nodes, path.as_list())
        self.handle_field_error(error, definition.type, path)
        return None

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_nodes: list[FieldNode],
        info: GraphQLResolveInfo,
        path: Path,
        result: AsyncIterable[Any] | Iterable[Any],
    ) -> AwaitableOrValue[list[Any]]:
        """Complete a list of at most `Limits.list_items` items; a longer one is refused, and reported."""
        items = self._bounded(result, info) if isinstance(result, Iterable) else result
        return super().complete_list_value(return_type, field_nodes, info, path, items)

    def _bounded(self, result: Iterable[Any], info: GraphQLResolveInfo) -> Collection[Any]:
        maximum = self.limits.list_items
        items = result if isinstance(result, Collection) else list(islice(result, maximum + 1))
        if len(items) > maximum:
            _log.warning("graphql.list_too_long", field=f"{info.parent_type.name}.{info.field_name}")
            raise Refusal("GRAPHQL_LIST_TOO_LONG", maximum=maximum)
        return items


def execute(
    operation: Operation, variables: dict[str, Any], context: object, *, limits: Limits, deadline: Deadline
) -> ExecutionResult:
    """Execute an operation with coerced variables (GraphQL specification §6.2); resolvers are synchronous."""
    execution = Execution(
        operation.schema,
        operation.fragments,
        None,
        context,
        operation.node,
        variables,
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
        CollectedErrors(),
        None,
        _never,
    )
    execution.monotonic, execution.expires = deadline.monotonic, deadline.at
    execution.limits = limits
    errors = execution.collected_errors
    try:
        data = cast("dict[str, Any]", execution.execute_operation(operation.node, None))
    except GraphQLError as error:
        errors.add(error, None)
        return execution.build_response(None, errors.errors)
    return execution.build_response(data, errors.errors)


def _never(_value: object) -> bool:
    return False

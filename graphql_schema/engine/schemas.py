"""The graphql-core schema inside a Strawberry or Graphene schema."""

from inspect import iscoroutinefunction

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, assert_valid_schema


def core_schema(schema: object) -> GraphQLSchema:
    """The schema that graphql-core executes; ValueError when it isn't valid or a resolver is asynchronous.

    Graphene has it as `graphql_schema`. Strawberry has no public name for it: this is the only place that
    reads its `_schema`. What Strawberry does around execution is not run: schema extensions and operation
    directives have no effect here; field extensions and permission classes, which are part of the
    resolvers, do.
    """
    found = schema
    for name in ("graphql_schema", "_schema"):
        found = getattr(found, name, found)
    if not isinstance(found, GraphQLSchema):
        raise TypeError(f"{type(schema).__name__} holds no GraphQLSchema")
    assert_valid_schema(found)
    _require_synchronous(found)
    return found


def _require_synchronous(schema: GraphQLSchema) -> None:
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for name, definition in type_.fields.items():
            if iscoroutinefunction(definition.resolve):
                raise ValueError(f"{type_.name}.{name} is asynchronous")

"""Our own GraphQL-over-HTTP engine: documents, limits, execution, errors and the Flask view."""

from graphql_schema.engine.documents import CacheStats, Documents, digest_of, read_manifests
from graphql_schema.engine.limits import Limits
from graphql_schema.engine.schemas import core_schema
from graphql_schema.engine.snapshot import has_drifted, schema_sdl, write_snapshot
from graphql_schema.engine.view import METHODS, GraphQLView, graphql_view

__all__ = [
    "METHODS",
    "CacheStats",
    "Documents",
    "GraphQLView",
    "Limits",
    "core_schema",
    "digest_of",
    "graphql_view",
    "has_drifted",
    "read_manifests",
    "schema_sdl",
    "write_snapshot",
]

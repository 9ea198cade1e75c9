"""Asking a schema as one viewer or another."""

from typing import Any

from strawberry import Schema

from backend.core.errors import Locale, Refusal
from backend.services import Services
from graphql_schema.resident.base import Context, Viewer
from graphql_schema.resident.schema import schema as composed


class Api:
    """A schema, the composed one unless told, on real services."""

    def __init__(self, services: Services, schema: Schema = composed) -> None:
        self.services = services
        self._schema = schema

    def ask(
        self, viewer: Viewer | None, document: str, locale: Locale = "en", **variables: Any
    ) -> tuple[Any, str | None]:
        """The field `result`, and the code of the denial when there is one."""
        context = Context(self.services, viewer, locale, "request-1", "203.0.113.7", "test")
        done = self._schema.execute_sync(document, variable_values=variables, context_value=context)
        if done.errors:
            denial = done.errors[0].original_error
            assert isinstance(denial, Refusal), done.errors
            return None, denial.code
        assert done.data is not None
        return done.data["result"], None

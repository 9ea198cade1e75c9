"""Operations of a department, each with validators of its request and its answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final, Protocol

import jsonschema_rs
import orjson

_VARIABLE: Final = re.compile(r"\{(\w+)\}")


class Kind(StrEnum):
    """Kinds of departments; each has one document."""

    MEDICAL_INSURANCE = "medical-insurance"  # 医疗保障
    SOCIAL_SECURITY = "social-security"  # 人力资源和社会保障
    EDUCATION = "education"  # 教育
    PUBLIC_SECURITY = "public-security"  # 公安


class Validator(Protocol):
    """Judges a JSON value by a schema."""

    def is_valid(self, instance: Any) -> bool:  # noqa: ANN401 - any JSON value.
        """Whether `instance` is as the schema says."""
        ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One POST of a department's interface.

    `path` is below `/v1` and may hold `{variables}`; `writes` means that it needs an Idempotency-Key;
    `status` is that of its success.
    """

    id: str
    path: str
    writes: bool
    status: int
    request: Validator = field(repr=False)
    answer: Validator = field(repr=False)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables in the path."""
        return tuple(_VARIABLE.findall(self.path))


@cache
def operations(kind: Kind) -> Mapping[str, Operation]:
    """All operations of a kind of department, by operationId."""
    document = load(kind)
    found = (_operation(document, path, item["post"]) for path, item in document["paths"].items())
    return {operation.id: operation for operation in found}


@cache
def load(kind: Kind) -> dict[str, Any]:
    """The document of a kind of department."""
    content: dict[str, Any] = orjson.loads(
        (files("backend.exchange.department_api") / f"{kind}.json").read_bytes()
    )
    return content


@cache
def header_patterns(kind: Kind) -> Mapping[str, re.Pattern[str]]:
    """What each header of the interface must look like as a whole, by its name."""
    return {
        parameter["name"]: re.compile(parameter["schema"]["pattern"].removeprefix("^").removesuffix("$"))
        for parameter in load(kind)["components"]["parameters"].values()
    }


def _operation(document: dict[str, Any], path: str, post: dict[str, Any]) -> Operation:
    success = next(status for status in post["responses"] if status.startswith("2"))
    answer = post["responses"][success]["content"]["application/json"]["schema"]
    request = post["requestBody"]["content"]["application/json"]["schema"]
    return Operation(
        post["operationId"],
        path,
        post["x-effect"] == "write",
        int(success),
        _validator(document, request),
        _validator(document, answer),
    )


def _validator(document: dict[str, Any], schema: dict[str, Any]) -> Validator:
    """OpenAPI 3.1 schemas are JSON Schema 2020-12; formats are asserted, references are local."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": {"schemas": document["components"]["schemas"]},
        **schema,
    }
    return jsonschema_rs.validator_for(whole, validate_formats=True)

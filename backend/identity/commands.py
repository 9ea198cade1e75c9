"""Idempotent use cases with typed answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter

from backend.core.idempotency import Idempotency
from backend.core.mongo.client import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command:
    """One call of a mutation: who calls, under which idempotency key, what, with which arguments."""

    actor: str
    key: str
    operation: str
    request: Mapping[str, object]


class Commands:
    """Runs commands once and gives a repeat the first answer, as the dataclass that it was."""

    def __init__(self, idempotency: Idempotency) -> None:
        self._idempotency = idempotency

    def answered(self, command: Command, answer: TypeAdapter[T]) -> T | None:
        """The answer that this command got earlier; None when it is new."""
        stored = self._idempotency.answered(command.actor, command.key, command.operation, command.request)
        return None if stored is None else answer.validate_json(stored)

    def once(self, command: Command, answer: TypeAdapter[T], work: Callable[[Session], T]) -> T:
        """Runs `work` and stores its answer in one transaction, or gives the first answer."""
        stored = self._idempotency.once(
            command.actor,
            command.key,
            command.operation,
            command.request,
            lambda session: answer.dump_json(work(session)),
        )
        return answer.validate_json(stored)

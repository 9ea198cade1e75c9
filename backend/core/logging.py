"""Structured logs: an event name with fields, a request id, and no personal data."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

from backend.core.settings import Settings

# A last line of defence: what looks like an ID number, a mobile number or a code never reaches the log.
_PERSONAL = re.compile(r"\b\d{17}[\dXx]\b|\b1[3-9]\d{9}\b|\b[A-Za-z]{3}\d{12}\b|YM1:[0-9A-Z $%*+\-./:]{16,}")

Event = MutableMapping[str, Any]


def configure_logging(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Sends structlog and the standard library's logging to `stream` in the shape that settings name."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, _renderer(settings.log_format)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(settings.log_format),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)


def redact(_logger: object, _method: str, event: Event) -> Event:
    """Masks anything in a log event that has the shape of personal data."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _PERSONAL.sub("[redacted]", value)
    return event


def _renderer(log_format: Literal["json", "console"]) -> structlog.typing.Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=False)

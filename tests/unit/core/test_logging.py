"""Logs are events with fields, and nothing personal gets through."""

import io
import json
import logging

import pytest
import structlog

from backend.core.logging import configure_logging
from backend.core.settings import Settings


@pytest.fixture
def log():
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)
    yield stream
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """The events that were written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_a_json_object_with_its_fields(log):
    structlog.get_logger().info("scan_accepted", domain="medical", milliseconds=3.5)
    (event,) = lines(log)
    assert event.items() >= {"event": "scan_accepted", "domain": "medical", "level": "info"}.items()


@pytest.mark.parametrize(
    "personal",
    [
        "430102199003074515",
        "43010219900307451x",
        "13800138000",
        "ABC123456789012",
        "YM1:6BF+70790T9WJWG.FKY*4",
    ],
)
def test_what_looks_personal_is_masked_even_in_an_exception(log, personal):
    structlog.get_logger().error("fault", text=f"for {personal} only")
    try:
        raise ValueError(personal)
    except ValueError:
        structlog.get_logger().exception("fault")
    logging.getLogger("library").warning("said %s", personal)
    assert len(lines(log)) == 3
    assert personal not in log.getvalue()
    assert "[redacted]" in log.getvalue()


def test_less_severe_events_than_asked_for_are_left_out(log):
    structlog.get_logger().debug("noise")
    assert lines(log) == []

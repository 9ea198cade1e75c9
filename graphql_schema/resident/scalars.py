"""The schema's own scalars: times as people in China read them."""

from datetime import UTC, datetime

from strawberry.types.scalar import ScalarDefinition

from backend.core.clock import local_iso


def parse_instant(value: object) -> datetime:
    """An aware UTC time from ISO 8601 text with an offset; ValueError for anything else, never quoting it."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("a date and time with its offset is needed, as in 2026-01-31T09:30:00+08:00")
    return moment.astimezone(UTC)


DATE_TIME = ScalarDefinition(
    name="DateTime",
    description="A moment in ISO 8601, to the second, given in UTC+8: `2026-01-31T09:30:00+08:00`.",
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    serialize=local_iso,
    parse_value=parse_instant,
    parse_literal=None,
    origin=datetime,
)

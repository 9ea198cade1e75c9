"""Who is asking: what a verified access token says about its bearer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StaffViewer:
    """A signed-in member of staff and the scope that limits what they may do.

    `city` is a six-digit division code (GB/T 2260); `None` for city, department or desk means that the
    scope isn't limited by it. `domains` names the service domains that they may act for; empty means none.
    """

    staff: str
    session: str
    roles: frozenset[str]
    city: str | None
    department: str | None
    desk: str | None
    domains: frozenset[str]

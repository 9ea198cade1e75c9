"""The services that resolvers and pages call: one frozen dataclass, one field and one line per feature.

A feature folder offers `build_<feature>(foundation, …ports) -> <Feature>` in its `service.py`.
"""

from dataclasses import dataclass

from backend.core.foundation import Foundation


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that an entry point may call. Nothing else reaches the database."""

    foundation: Foundation


def build_services(foundation: Foundation) -> Services:
    """Wires every feature on the foundation."""
    return Services(foundation=foundation)

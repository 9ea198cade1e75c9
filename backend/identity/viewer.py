"""Who is asking: what a verified access token says about its bearer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.core.errors import Refusal
from backend.identity.models import Assurance

_WAY_TO: Final = {
    Assurance.L1: "signInWithPhone",
    Assurance.L2: "stepUpWithDevice",
    Assurance.L3: "startFaceCheck",
}


@dataclass(frozen=True, slots=True)
class ResidentViewer:
    """A resident's verified access token, as it stands at the moment of the request.

    `assurance` is what still holds now (a face check counts for 5 minutes), and `auth_time` when it was
    proven; `device` is the registered device that the session is bound to; `acting_for` is the resident
    represented, None when acting for oneself.
    """

    resident: str
    session: str
    device: str | None
    assurance: Assurance
    auth_time: datetime
    acting_for: None = None

    def require(self, level: Assurance) -> None:
        """Refuses with STEP_UP_REQUIRED, naming the operation that leads there, when below `level`."""
        if self.assurance < level:
            raise Refusal("STEP_UP_REQUIRED", level=level.name, how=_WAY_TO[level])


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

"""What every file of the residents' schema uses: the context, access rules, refusals, connections.

A root field is made with `query` or `mutation`, and both want its access rule first, so that a review sees
it and a test can ask for it:

    @strawberry.type
    class SessionQuery:
        @query(resident())
        def sessions(self, info: Info, first: int, after: str | None = None) -> Connection[Session]: ...

        @mutation(resident(Assurance.L2), description="…")
        def revoke_session(self, info: Info, session: strawberry.ID, idempotency_key: str) -> Result: ...

A mutation's result is a union of what it makes and `Refused`: a Refusal that its service raises becomes
`Refused`. A denial (not signed in, not allowed, level too low) is an error of the response, with its code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension

from backend.core.errors import Locale, Refusal
from backend.core.paging import Page
from backend.identity.models import Assurance
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.services import Services

Viewer = ResidentViewer | StaffViewer
RootField = Callable[[Callable[..., Any]], Any]


@dataclass(frozen=True, slots=True)
class Context:
    """One request: the services, who asks, in which language, from which address and device."""

    services: Services
    viewer: Viewer | None
    locale: Locale
    request_id: str
    address: str
    user_agent: str

    @property
    def resident(self) -> ResidentViewer:
        """The resident who asks; for fields whose access rule is `resident(…)`."""
        if not isinstance(self.viewer, ResidentViewer):
            raise Refusal("UNAUTHENTICATED")
        return self.viewer

    @property
    def staff(self) -> StaffViewer:
        """The member of staff who asks; for fields whose access rule is `staff(…)`."""
        if not isinstance(self.viewer, StaffViewer):
            raise Refusal("UNAUTHENTICATED")
        return self.viewer


Info = strawberry.Info[Context, None]


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a root field. `check` raises UNAUTHENTICATED, FORBIDDEN or STEP_UP_REQUIRED."""

    name: str
    check: Callable[[Viewer | None], None]


ANYONE = Access("anyone", lambda _viewer: None)


def resident(level: Assurance = Assurance.L1) -> Access:
    """A signed-in resident at this level of assurance or above."""

    def check(viewer: Viewer | None) -> None:
        if viewer is None:
            raise Refusal("UNAUTHENTICATED")
        if not isinstance(viewer, ResidentViewer):
            raise Refusal("FORBIDDEN")
        viewer.require(level)

    return Access(f"resident:{level.name}", check)


def staff(*roles: str) -> Access:
    """A signed-in member of staff who has one of `roles`, or any when none is named."""

    def check(viewer: Viewer | None) -> None:
        if viewer is None:
            raise Refusal("UNAUTHENTICATED")
        if not isinstance(viewer, StaffViewer) or (roles and not viewer.roles.intersection(roles)):
            raise Refusal("FORBIDDEN")

    return Access(f"staff:{','.join(sorted(roles)) or 'any'}", check)


class AccessExtension(FieldExtension):
    """Checks a field's access rule before anything of it runs."""

    def __init__(self, access: Access) -> None:
        self.access = access

    def resolve(self, next_: Callable[..., Any], source: object, info: Info, **kwargs: object) -> object:
        """Checks, then resolves."""
        self.access.check(info.context.viewer)
        return next_(source, info, **kwargs)


class PaceExtension(FieldExtension):
    """Bounds how fast one resident changes things; what is costly or secret has rules of its own as well."""

    def resolve(self, next_: Callable[..., Any], source: object, info: Info, **kwargs: object) -> object:
        """Counts the attempt, then resolves; raises Refusal RATE_LIMITED."""
        context = info.context
        if isinstance(context.viewer, ResidentViewer):
            context.services.foundation.limits.hit("mutation.resident", context.viewer.resident)
        return next_(source, info, **kwargs)


class RefusalExtension(FieldExtension):
    """Turns a service's Refusal into the `Refused` member of the mutation's union."""

    def resolve(self, next_: Callable[..., Any], source: object, info: Info, **kwargs: object) -> object:
        """Resolves, or says in the caller's language why not."""
        try:
            return next_(source, info, **kwargs)
        except Refusal as refusal:
            return Refused.of(refusal, info.context.locale)


def query(access: Access, *, description: str | None = None) -> RootField:
    """A root query field with its access rule."""
    return _root_field(access, description, [AccessExtension(access)])


def mutation(access: Access, *, description: str | None = None) -> RootField:
    """A root mutation field with its access rule; what its service refuses becomes `Refused`."""
    # The last extension is the outermost: a denial must pass by the one that catches refusals.
    return _root_field(access, description, [PaceExtension(), RefusalExtension(), AccessExtension(access)])


def _root_field(access: Access, description: str | None, extensions: list[FieldExtension]) -> RootField:
    made = strawberry.field(description=description, extensions=extensions, metadata={"access": access.name})
    return cast("RootField", made)


@strawberry.type(description="An expected outcome that is not success. `code` is stable.")
class Refused:
    """A business refusal as clients see it."""

    code: str
    message: str
    retry_after: int | None = strawberry.field(description="Seconds after which a new try makes sense.")

    @classmethod
    def of(cls, refusal: Refusal, locale: Locale) -> "Refused":
        """The refusal with its sentence in the caller's language."""
        return cls(code=refusal.code, message=refusal.message(locale), retry_after=refusal.retry_after)


@strawberry.type
class PageInfo:
    """Where a page ends (Relay Cursor Connections Specification)."""

    has_next_page: bool
    end_cursor: str | None


Node = TypeVar("Node")


@strawberry.type
class Edge(Generic[Node]):
    """One item of a connection and its cursor."""

    cursor: str
    node: Node


@strawberry.type
class Connection(Generic[Node]):
    """A page of a list; `first` is required, from 1 to 100."""

    edges: list[Edge[Node]]
    page_info: PageInfo

    @classmethod
    def of(cls, page: Page[Node]) -> "Connection[Node]":
        """The connection for a page that a service returned."""
        edges = [
            Edge(cursor=cursor, node=item) for item, cursor in zip(page.items, page.cursors, strict=True)
        ]
        last = page.cursors[-1] if page.cursors else None
        return cls(edges=edges, page_info=PageInfo(has_next_page=page.has_next, end_cursor=last))

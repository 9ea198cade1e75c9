"""Identity in the residents' schema: who somebody is, their sessions and devices."""

import strawberry

from backend.core.errors import Refusal
from backend.core.paging import PageRequest
from graphql_schema.resident.base import Connection, Info, query, resident
from graphql_schema.resident.identity_assurance import AssuranceMutation
from graphql_schema.resident.identity_sign_in import SignInMutation
from graphql_schema.resident.identity_suspension import SuspensionMutation
from graphql_schema.resident.identity_types import Device, Resident, Session


@strawberry.type
class IdentityQuery:
    """What residents ask about themselves."""

    @query(resident(), description="The signed-in resident.")
    def me(self, info: Info) -> Resident:
        """The viewer."""
        viewer, residents = info.context.resident, info.context.services.identity.residents
        found = residents.find(viewer.resident)
        if found is None:
            raise Refusal("UNAUTHENTICATED")
        return Resident.of(found, residents.person(found), viewer.assurance)

    @query(resident(), description="The viewer's live sessions, newest first.")
    def sessions(self, info: Info, first: int, after: str | None = None) -> Connection[Session]:
        """A page of sessions."""
        viewer = info.context.resident
        page = info.context.services.identity.sessions.list(viewer, PageRequest.of(first, after))
        return Connection.of(page.map(lambda one: Session.of(one, viewer.session)))

    @query(resident(), description="The viewer's registered devices, newest first.")
    def devices(self, info: Info, first: int, after: str | None = None) -> Connection[Device]:
        """A page of devices."""
        viewer = info.context.resident
        page = info.context.services.identity.devices.list(viewer, PageRequest.of(first, after))
        return Connection.of(page.map(lambda one: Device.of(one, viewer.device)))


@strawberry.type
class IdentityMutation(SignInMutation, AssuranceMutation, SuspensionMutation):
    """Everything that changes an identity."""

"""A page of 100 costs the same commands as a page of one, for every connection of the schema."""

import secrets
from collections.abc import Callable
from datetime import timedelta

import pytest

from backend.core.ids import new_id
from backend.core.mongo.client import Session, transact
from backend.identity.consent.models import ConsentState, Decision, consent_texts
from backend.identity.consent.repository import ConsentRepository
from backend.identity.devices.models import Device
from backend.identity.devices.repository import DeviceRepository
from backend.identity.models import Entry
from backend.identity.sessions.models import RefreshState, ResidentSession
from backend.identity.sessions.repository import SessionRepository
from backend.onecode.cards.models import KeptCard
from backend.onecode.cards.repository import CardRepository
from backend.onecode.policies import Attribute, Withheld
from backend.onecode.scan_repository import ScanRepository
from backend.onecode.scans import Medium, Scan, ScanPlace
from graphql_schema.resident.schema import schema
from tests.graphql.test_onecode import Api, api  # noqa: F401 - a fixture.

MANY = 100
CORE = schema._schema


def add_scan(api: Api, session: Session) -> None:  # noqa: F811 - the fixture above.
    scan = Scan(
        id=new_id(),
        resident=api.world.resident,
        at=api.world.core.clock.now(),
        staff=new_id(),
        place=ScanPlace("430100", "medical-insurance", "3"),
        medium=Medium.CODE,
        domain="medical",
        purpose="treatment",
        refusal=None,
        level=None,
        disclosed=(Attribute.NAME,),
        withheld=((Attribute.MOBILE, Withheld.CONSENT_NEEDED),),
    )
    ScanRepository(api.world.core.db).record(scan, None, lambda _session: new_id())


def add_card(api: Api, session: Session) -> None:  # noqa: F811 - as above.
    now = api.world.core.clock.now()
    handle = secrets.token_bytes(16)
    card = KeptCard(handle, new_id(), api.world.resident, 0, 0, now, now + timedelta(days=365))
    CardRepository(api.world.core.db).insert(card, "staff-1", session)


def add_session(api: Api, session: Session) -> None:  # noqa: F811 - as above.
    now = api.world.core.clock.now()
    opened = ResidentSession(
        id=new_id(),
        resident=api.world.resident,
        entry=Entry.APP,
        installation=secrets.token_bytes(32),
        label="Phone",
        device=None,
        auth_time=now,
        opened_at=now,
        last_used_at=now,
        idle_until=now + timedelta(days=30),
        absolute_until=now + timedelta(days=90),
        refresh=RefreshState(secrets.token_bytes(32), None, None, now),
    )
    SessionRepository(api.world.core.db).insert(opened, session)


def add_device(api: Api, session: Session) -> None:  # noqa: F811 - as above.
    jwk = {"kty": "EC", "crv": "P-256", "x": new_id(), "y": new_id()}
    device = Device(new_id(), api.world.resident, "Phone", jwk, new_id(), api.world.core.clock.now())
    DeviceRepository(api.world.core.db).insert(device, session)


def add_decision(api: Api, session: Session) -> None:  # noqa: F811 - as above.
    text = next(iter(consent_texts().values()))
    decision = Decision(
        purpose=text.purpose,
        resource=text.resources[0],
        state=ConsentState.GIVEN,
        version=text.version,
        at=api.world.core.clock.now(),
        by=api.world.resident,
        by_kind="self",
    )
    ConsentRepository(api.world.core.db).record(api.world.resident, decision, session)


CONNECTIONS: dict[str, tuple[Callable[[Api, Session], None], str]] = {
    "codeScans": (add_scan, "id disclosed withheld { title message } purposeTitle auditEntry"),
    "myCards": (add_card, "serial expiresAt"),
    "sessions": (add_session, "id label device current"),
    "devices": (add_device, "id name current"),
    "consentHistory": (add_decision, "purpose state at"),
}


def test_every_connection_of_the_schema_is_counted_here():
    connections = {
        name
        for name, field in CORE.query_type.fields.items()
        if str(field.type).rstrip("!").endswith("Connection")
    }
    assert connections == set(CONNECTIONS)


@pytest.mark.parametrize("field", CONNECTIONS)
def test_a_long_page_costs_the_commands_of_a_short_one(api: Api, field: str):  # noqa: F811 - as above.
    add, shown = CONNECTIONS[field]

    def fill(session: Session) -> None:
        for _ in range(MANY):
            add(api, session)

    transact(api.world.core.db, fill)
    document = f"""query ($first: Int!) {{ result: {field}(first: $first) {{
      edges {{ cursor node {{ {shown} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""

    sent = {}
    for first in (1, 25, MANY):
        api.commands.names.clear()
        page, denial = api.ask(api.world.viewer, document, first=first)
        assert denial is None
        assert len(page["edges"]) == first
        sent[first] = list(api.commands.names)

    assert sent == {1: ["find"], 25: ["find"], MANY: ["find"]}

"""Issuing cards at a desk that has seen the person's document, and revoking them."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.clock import CHINA
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.keyring import Purpose
from backend.core.mongo.client import Session
from backend.core.paging import Page, PageRequest
from backend.core.resident_id import IdNumber, Sex, parse_id_number, parse_name
from backend.identity.commands import Command, Commands
from backend.identity.models import Resident
from backend.identity.repository import ResidentRepository
from backend.identity.residents import Residents
from backend.identity.viewer import ResidentViewer, StaffViewer
from backend.onecode.cards.models import LIFETIME, KeptCard, PrintedCard, masked
from backend.onecode.cards.repository import CardRepository
from backend.onecode.indices import IndexAllocator
from backend.onecode.models import ISSUER
from backend.onecode.scans import ScanPlace
from backend.onecode.trust import IssuerKeys, whole_second
from backend.onecode.wire.card import Card, encode_card
from backend.onecode.wire.credential import HANDLE_BYTES

_PRINTED: Final = TypeAdapter(PrintedCard)
_COUNT: Final = TypeAdapter(int)
_SERIAL: Final = TypeAdapter(str)
_VERSION: Final = "1"
_LANGUAGE: Final = "zh"
_GENDERS: Final[Mapping[Sex, int]] = {Sex.MALE: 1, Sex.FEMALE: 2}  # Claim 169's numbers.


class CardIssuing:
    """The life of a printed card."""

    def __init__(
        self,
        core: Foundation,
        cards: CardRepository,
        indices: IndexAllocator,
        keys: IssuerKeys,
    ) -> None:
        residents = ResidentRepository(core.db)
        self._core = core
        self._cards = cards
        self._indices = indices
        self._keys = keys
        self._repository = residents
        self._residents = Residents(residents, core.sealer)
        self._commands = Commands(core.idempotency)

    def issue(
        self, viewer: StaffViewer, name: str, id_number: str, *, document_seen: bool, key: str
    ) -> PrintedCard:
        """A card for the person at the desk, whose identity document the member of staff has in hand.

        It takes the place of any card that the resident has. `key` is the idempotency key. Refuses:
        CARD_DOCUMENT_NOT_SEEN, CARD_IDENTITY_MISMATCH (no such resident, or another name),
        IDENTITY_SUSPENDED, RATE_LIMITED, and what parsing name and number refuses.
        """
        if not document_seen:
            raise Refusal("CARD_DOCUMENT_NOT_SEEN")
        given = parse_name(name)
        resident, number = self._known(viewer, given, id_number)

        def work(session: Session) -> PrintedCard:
            now = self._core.clock.now()
            if not self._repository.hold_active(resident.id, session):
                raise Refusal("IDENTITY_SUSPENDED")
            self._cards.revoke_all(resident.id, now, session)
            kept, text = self._signed(resident, given, now)
            self._cards.insert(kept, viewer.staff, session)
            self._audit("issued", _staff(viewer), resident.id, kept.serial, session, _place(viewer))
            return PrintedCard(kept.serial, kept.expires_at, given, masked(number.number), text)

        command = Command(viewer.staff, key, "issueCard", {"resident": resident.id})
        return self._commands.once(command, _PRINTED, work)

    def revoke_at_desk(self, viewer: StaffViewer, name: str, id_number: str, key: str) -> int:
        """Revokes all cards of the person at the desk, who has lost one; how many were live.

        Refuses CARD_IDENTITY_MISMATCH, and what parsing name and number refuses.
        """
        resident, _number = self._known(viewer, parse_name(name), id_number)

        def work(session: Session) -> int:
            revoked = self._cards.revoke_all(resident.id, self._core.clock.now(), session)
            self._audit("revoked", _staff(viewer), resident.id, None, session, _place(viewer))
            return revoked

        command = Command(viewer.staff, key, "revokeCardsAtDesk", {"resident": resident.id})
        return self._commands.once(command, _COUNT, work)

    def revoke(self, viewer: ResidentViewer, serial: str, key: str) -> str:
        """Revokes one card of the viewer's own; returns its serial. Refuses NOT_FOUND for anything else."""

        def work(session: Session) -> str:
            self._cards.revoke(viewer.resident, serial, self._core.clock.now(), session)
            actor = Actor("resident", viewer.resident)
            self._audit("revoked", actor, viewer.resident, serial, session, {})
            return serial

        command = Command(viewer.resident, key, "revokeCard", {"serial": serial})
        return self._commands.once(command, _SERIAL, work)

    def page(self, viewer: ResidentViewer, page: PageRequest) -> Page[KeptCard]:
        """The viewer's own cards, newest first: one find."""
        return self._cards.page(viewer.resident, page)

    def _known(self, viewer: StaffViewer, name: str, id_number: str) -> tuple[Resident, IdNumber]:
        self._core.limits.hit("card.desk", viewer.staff)
        today = self._core.clock.now().astimezone(CHINA).date()
        number = parse_id_number(id_number, today=today)
        resident = self._repository.find_by_id_number(self._residents.id_index(number))
        if resident is None or self._residents.person(resident).name != name:
            raise Refusal("CARD_IDENTITY_MISMATCH")
        return resident, number

    def _signed(self, resident: Resident, name: str, now: datetime) -> tuple[KeptCard, str]:
        signer, _since = self._keys.signer(Purpose.CARD)
        (place,) = self._indices.take(1)
        issued_at = whole_second(now)
        kept = KeptCard(
            handle=secrets.token_bytes(HANDLE_BYTES),
            serial=new_id().upper(),
            resident=resident.id,
            status_list=place.number,
            status_index=place.index,
            issued_at=issued_at,
            expires_at=issued_at + LIFETIME,
        )
        attributes: dict[int, object] = {1: kept.serial, 2: _VERSION, 3: _LANGUAGE, 4: name}
        if resident.sex is not None:
            attributes[9] = _GENDERS[resident.sex]
        card = Card(
            issuer=ISSUER,
            attributes=attributes,
            issued_at=issued_at,
            expires_at=kept.expires_at,
            subject=kept.handle.hex(),
            not_before=issued_at,
            status=(self._keys.card_status_uri(place.number), place.index),
        )
        return kept, encode_card(card, signer)

    def _audit(
        self,
        what: str,
        actor: Actor,
        resident: str,
        serial: str | None,
        session: Session,
        place: Mapping[str, str],
    ) -> None:
        entry = Entry(
            action=f"onecode.card.{what}", actor=actor, subject=resident, reference=serial, place=place
        )
        self._core.audit.append(entry, session)


def _staff(viewer: StaffViewer) -> Actor:
    return Actor("staff", viewer.staff)


def _place(viewer: StaffViewer) -> Mapping[str, str]:
    return ScanPlace.of(viewer).known()

"""The printed card in the residents' schema: issued and verified at desks, seen and revoked by its holder."""

from datetime import datetime
from typing import Annotated

import strawberry

from backend.core.paging import PageRequest
from backend.onecode import scans
from backend.onecode.cards import models
from backend.onecode.cards.printing import draw_card, draw_sheet
from graphql_schema.resident.base import Connection, Info, Refused, mutation, query, resident, staff
from graphql_schema.resident.onecode import CodeAccepted, CodeRejected, scan_result


@strawberry.type(description="A printed card that the resident has or had.")
class PrintedCard:
    """A card as its holder sees it; the symbol itself is on paper only."""

    serial: strawberry.ID
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, card: models.KeptCard) -> "PrintedCard":
        """The card without what is of no use to its holder."""
        return cls(
            serial=strawberry.ID(card.serial),
            issued_at=card.issued_at,
            expires_at=card.expires_at,
            revoked_at=card.revoked_at,
        )


def _card(root: "IssuedCard") -> str:
    return draw_card(root.printed)


def _sheet(root: "IssuedCard") -> str:
    return draw_sheet(root.printed)


@strawberry.type(description="A card to print and hand over; earlier cards of the person no longer count.")
class IssuedCard:
    """What the desk prints."""

    printed: strawberry.Private[models.PrintedCard]
    serial: strawberry.ID
    expires_at: datetime
    card_svg: str = strawberry.field(resolver=_card, description="85.6 × 54 mm, for a card printer.")
    sheet_svg: str = strawberry.field(resolver=_sheet, description="A4 in large type, for any printer.")

    @classmethod
    def of(cls, printed: models.PrintedCard) -> "IssuedCard":
        """The card, drawn when asked for."""
        return cls(printed=printed, serial=strawberry.ID(printed.serial), expires_at=printed.expires_at)


@strawberry.type(description="A card that no longer counts.")
class CardRevoked:
    """What a revocation gives the resident."""

    serial: strawberry.ID


@strawberry.type(description="The person's cards no longer count.")
class CardsRevoked:
    """What a revocation gives the desk."""

    count: int = strawberry.field(description="How many of them were live.")


IssueCardResult = Annotated[IssuedCard | Refused, strawberry.union("IssueCardResult")]
RevokeCardResult = Annotated[CardRevoked | Refused, strawberry.union("RevokeCardResult")]
RevokeCardsAtDeskResult = Annotated[CardsRevoked | Refused, strawberry.union("RevokeCardsAtDeskResult")]
VerifyCardResult = Annotated[CodeAccepted | CodeRejected | Refused, strawberry.union("VerifyCardResult")]


@strawberry.type
class CardQuery:
    """What residents ask about their cards."""

    @query(resident(), description="The resident's printed cards, newest first.")
    def my_cards(self, info: Info, first: int, after: str | None = None) -> Connection[PrintedCard]:
        """A page of cards, revoked and expired ones too."""
        cards = info.context.services.onecode.cards
        page = cards.page(info.context.resident, PageRequest.of(first, after))
        return Connection.of(page.map(PrintedCard.of))


@strawberry.type
class CardMutation:
    """Issuing, verifying and revoking cards."""

    @mutation(
        staff("card_issuer"),
        description="Issues a card to the person at the desk, whose identity document was seen.",
    )
    def issue_card(
        self,
        info: Info,
        name: str,
        id_number: str,
        document_seen: bool,  # noqa: FBT001 - an argument of the schema.
        idempotency_key: str,
    ) -> IssueCardResult:
        """The card to print."""
        cards = info.context.services.onecode.cards
        return IssuedCard.of(
            cards.issue(info.context.staff, name, id_number, document_seen=document_seen, key=idempotency_key)
        )

    @mutation(
        staff("card_issuer"), description="Revokes all cards of the person at the desk, who has lost one."
    )
    def revoke_cards_at_desk(
        self, info: Info, name: str, id_number: str, idempotency_key: str
    ) -> RevokeCardsAtDeskResult:
        """How many there were."""
        cards = info.context.services.onecode.cards
        return CardsRevoked(count=cards.revoke_at_desk(info.context.staff, name, id_number, idempotency_key))

    @mutation(resident(), description="Revokes one of the resident's own cards, for good.")
    def revoke_card(self, info: Info, serial: strawberry.ID, idempotency_key: str) -> RevokeCardResult:
        """The card that no longer counts."""
        cards = info.context.services.onecode.cards
        return CardRevoked(serial=strawberry.ID(cards.revoke(info.context.resident, serial, idempotency_key)))

    @mutation(
        staff("verifier"),
        description="Verifies a printed card. It proves less than a code, and discloses less.",
    )
    def verify_card(
        self, info: Info, card: str, domain: str, purpose: str, request_id: str
    ) -> VerifyCardResult:
        """What the desk learns, or why it learns nothing."""
        request = scans.ScanRequest(card, domain, purpose, request_id)
        answer = info.context.services.onecode.card_scanning.verify(info.context.staff, request)
        return scan_result(answer, info.context.locale)

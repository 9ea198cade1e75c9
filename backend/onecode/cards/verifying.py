"""Verifying a card: online for a desk, with the same record and disclosure as a code, and offline."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from backend.core.foundation import Foundation
from backend.identity.viewer import StaffViewer
from backend.onecode.cards.repository import CARDS
from backend.onecode.deciding import Attempt, Deciding
from backend.onecode.requirements import requirements
from backend.onecode.scan_repository import ScanRepository
from backend.onecode.scans import Medium, ScanAnswer, ScanRequest
from backend.onecode.trust import IssuerKeys
from backend.onecode.wire.card import Card, read_card, verify_card
from backend.onecode.wire.credential import HANDLE_BYTES
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.status import StatusList
from backend.onecode.wire.trust import TrustList


class CardScanning:
    """Verifies printed cards for desks. A card isn't single-use, so that it is tried less and tells less."""

    def __init__(self, core: Foundation, scans: ScanRepository, keys: IssuerKeys, deciding: Deciding) -> None:
        self._core = core
        self._scans = scans
        self._keys = keys
        self._deciding = deciding

    def verify(self, viewer: StaffViewer, request: ScanRequest) -> ScanAnswer:
        """What the desk learns from a card, at L1 and no more than a card may disclose, or why nothing.

        The desk compares the person with a document. A retry with the same request id is no second scan.
        Raises Refusal: BAD_INPUT, PURPOSE_UNKNOWN, RATE_LIMITED, IDEMPOTENCY_KEY_REUSED.
        """
        self._core.limits.hit("card.verify.staff", viewer.staff)
        attempt = Attempt.of(viewer, request, Medium.CARD, self._core.clock.now())
        try:
            handle = self._read(attempt)
        except CodeRejected as refusal:
            return self._deciding.refuse(attempt, refusal, None)
        self._core.limits.hit("card.verify.card", handle.hex())
        claim = attempt.claim(_guard(viewer.staff, request.request))
        found = self._scans.look(handle, claim.guard, attempt.fields(), source=CARDS)
        return self._deciding.decide(attempt, claim, found)

    def _read(self, attempt: Attempt) -> bytes:
        request = attempt.request
        attempt.require_scope()
        if requirements().needs_challenge(request.domain, request.purpose):
            raise CodeRejected("CARD_NOT_ALLOWED")
        key = self._keys.card_key(read_card(request.text).kid)
        if key is None:
            raise CodeRejected("CODE_ISSUER_UNKNOWN")
        return _handle(verify_card(request.text, key, now=attempt.at))


def verify_card_offline(
    text: str, trust_list: TrustList, status_lists: Iterable[StatusList], *, now: datetime
) -> Card:
    """The content of a genuine card, without any network.

    Raises CodeRejected: what `verify_card` raises, CODE_ISSUER_UNKNOWN, CODE_KEY_RETIRED, CODE_REVOKED; and
    TrustRejected: TRUST_LIST_STALE, STATUS_LIST_MISSING, STATUS_LIST_STALE.
    """
    trust_list.require_usable(now)
    trusted = trust_list.by_kid(read_card(text).kid)
    if trusted is None or trusted.domains:
        raise CodeRejected("CODE_ISSUER_UNKNOWN")
    card = verify_card(text, trusted.key, now=now)
    if card.issuer != trusted.issuer:
        raise CodeRejected("CODE_ISSUER_UNKNOWN", detail="the key is another issuer's")
    if card.issued_at is None or not trusted.not_before <= card.issued_at <= trusted.retire_at:
        raise CodeRejected("CODE_KEY_RETIRED")
    _require_standing(card, status_lists, now)
    return card


def _require_standing(card: Card, status_lists: Iterable[StatusList], now: datetime) -> None:
    if card.status is None:
        raise CodeRejected("CARD_MALFORMED", detail="no status reference")
    uri, index = card.status
    status_list = next((one for one in status_lists if (one.issuer, one.uri) == (card.issuer, uri)), None)
    if status_list is None or status_list.is_stale(now):
        raise TrustRejected("STATUS_LIST_MISSING" if status_list is None else "STATUS_LIST_STALE")
    if status_list.is_revoked(index):
        raise CodeRejected("CODE_REVOKED")


def _handle(card: Card) -> bytes:
    try:
        handle = bytes.fromhex(card.subject or "")
    except ValueError:
        handle = b""
    if len(handle) != HANDLE_BYTES:
        raise CodeRejected("CARD_MALFORMED", detail="no handle in sub")
    return handle


def _guard(staff: str, request: str) -> str:
    """The `_id` of a card's scan: one for each request, however often the card is shown."""
    return "card:" + hashlib.sha256(f"{staff}\0{request}".encode()).hexdigest()

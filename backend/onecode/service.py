"""The one code (一码): issuing, showing, scanning, and what is published of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.core.foundation import Foundation
from backend.core.keyring import Purpose
from backend.core.mongo.schema import Index
from backend.identity.holding import Hold
from backend.onecode import repository, scan_repository
from backend.onecode.cards import repository as card_repository
from backend.onecode.cards.issuing import CardIssuing
from backend.onecode.cards.repository import CardRepository
from backend.onecode.cards.verifying import CardScanning
from backend.onecode.challenges import Challenges
from backend.onecode.deciding import Deciding
from backend.onecode.history import ScanHistory
from backend.onecode.indices import IndexAllocator
from backend.onecode.issuing import Issuing
from backend.onecode.publication import StatusFamily, StatusPublication, TrustPublication
from backend.onecode.repository import CredentialRepository, StatusCounters, TrustSequences
from backend.onecode.scan_repository import ScanRepository
from backend.onecode.scanning import Scanning
from backend.onecode.showing import Showing
from backend.onecode.suspension import CredentialRevocation
from backend.onecode.trust import IssuerKeys

INDEXES: Final[Sequence[Index]] = (
    *repository.INDEXES,
    *scan_repository.INDEXES,
    *card_repository.INDEXES,
)
_CODES: Final = "codes"
_CARDS: Final = "cards"


@dataclass(frozen=True, slots=True)
class OneCode:
    """The use cases of the one code."""

    issuing: Issuing
    showing: Showing
    scanning: Scanning
    challenges: Challenges
    history: ScanHistory
    revocation: CredentialRevocation
    trust: TrustPublication
    status: StatusPublication
    cards: CardIssuing
    card_scanning: CardScanning
    card_status: StatusPublication


def build_onecode(core: Foundation, hold: Hold) -> OneCode:
    """Wires the one code on the foundation; makes its secrets when they aren't there yet.

    `hold` says whether the viewer may be given a code, in the transaction that gives it.
    """
    credentials, cards, scans = (
        CredentialRepository(core.db),
        CardRepository(core.db),
        ScanRepository(core.db),
    )
    keys = IssuerKeys(core.keyring, core.clock, core.settings.public_url)
    indices = core.keyring.secret("onecode-status-indices")
    counters = StatusCounters(core.db)
    issuing = Issuing(core, credentials, IndexAllocator(counters, indices, _CODES), keys, hold)
    deciding = Deciding(core, scans)
    return OneCode(
        issuing=issuing,
        showing=Showing(issuing, credentials, scans, core.clock, core.keyring.secret("onecode-proof-nonces")),
        scanning=Scanning(core, scans, keys, deciding),
        challenges=Challenges(core, scans),
        history=ScanHistory(scans),
        revocation=CredentialRevocation(credentials, cards, core.clock),
        trust=TrustPublication(keys, TrustSequences(core.db), core.clock),
        status=StatusPublication(
            StatusFamily(
                Purpose.CODE, keys.code_status_uri, credentials.revoked_in, lambda: counters.reserved(_CODES)
            ),
            keys,
            core.clock,
        ),
        cards=CardIssuing(core, cards, IndexAllocator(counters, indices, _CARDS), keys),
        card_scanning=CardScanning(core, scans, keys, deciding),
        card_status=StatusPublication(
            StatusFamily(
                Purpose.CARD, keys.card_status_uri, cards.revoked_in, lambda: counters.reserved(_CARDS)
            ),
            keys,
            core.clock,
        ),
    )

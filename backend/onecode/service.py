"""The one code (一码): issuing, showing, scanning, and what is published of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backend.core.foundation import Foundation
from backend.core.keyring import Purpose
from backend.core.mongo.schema import Index
from backend.onecode import repository, scan_repository
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

INDEXES: Final[Sequence[Index]] = (*repository.INDEXES, *scan_repository.INDEXES)
_CODES: Final = "codes"


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


def build_onecode(core: Foundation) -> OneCode:
    """Wires the one code on the foundation; makes its secrets when they aren't there yet."""
    credentials, scans, counters = (
        CredentialRepository(core.db),
        ScanRepository(core.db),
        StatusCounters(core.db),
    )
    keys = IssuerKeys(core.keyring, core.clock, core.settings.public_url)
    indices = IndexAllocator(counters, core.keyring.secret("onecode-status-indices"), _CODES)
    issuing = Issuing(core, credentials, indices, keys)
    codes = StatusFamily(
        Purpose.CODE, keys.code_status_uri, credentials.revoked_in, lambda: counters.reserved(_CODES)
    )
    return OneCode(
        issuing=issuing,
        showing=Showing(issuing, credentials, scans, core.clock, core.keyring.secret("onecode-proof-nonces")),
        scanning=Scanning(core, scans, keys, Deciding(core, scans)),
        challenges=Challenges(core, scans),
        history=ScanHistory(scans),
        revocation=CredentialRevocation(credentials, core.clock),
        trust=TrustPublication(keys, TrustSequences(core.db), core.clock),
        status=StatusPublication(codes, keys, core.clock),
    )

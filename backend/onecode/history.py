"""Who scanned me: the resident's own view of every attempt at their code or card."""

from backend.core.errors import Refusal
from backend.core.paging import Page, PageRequest
from backend.identity.viewer import ResidentViewer
from backend.onecode.scan_repository import ScanRepository
from backend.onecode.scans import Scan


class ScanHistory:
    """Lists a resident's scans, accepted and refused."""

    def __init__(self, scans: ScanRepository) -> None:
        self._scans = scans

    def page(self, viewer: ResidentViewer, page: PageRequest) -> Page[Scan]:
        """Who scanned the viewer's codes and cards, newest first: one find, whatever the page's size."""
        return self._scans.page(viewer.resident, page)

    def one(self, viewer: ResidentViewer, scan: str) -> Scan:
        """One of the viewer's scans; Refusal NOT_FOUND for anything else: one find."""
        found = self._scans.find(viewer.resident, scan)
        if found is None:
            raise Refusal("NOT_FOUND")
        return found

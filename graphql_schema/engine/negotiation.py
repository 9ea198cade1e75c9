"""Which media type a response has (GraphQL over HTTP, Body; RFC 9110 §12.5.1)."""

from enum import StrEnum
from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_options_header

from backend.core.errors import Refusal


class MediaType(StrEnum):
    """The two media types of a GraphQL response; the value is the whole Content-Type."""

    GRAPHQL = "application/graphql-response+json; charset=utf-8"
    JSON = "application/json; charset=utf-8"

    @property
    def essence(self) -> str:
        """The media type without its parameters."""
        return self.value.partition(";")[0]


@lru_cache(maxsize=64)
def negotiate(accept: str | None) -> MediaType:
    """The media type to answer an Accept header with; Refusal GRAPHQL_NOT_ACCEPTABLE when it permits none.

    The higher weight wins. Of equal weights a type named in full wins over a range, and of two named in
    full application/graphql-response+json does. A range alone, or no header, gets application/json, as
    the audit suite of GraphQL over HTTP asks for the sake of older clients.
    """
    if accept is None or not accept.strip():
        return MediaType.JSON
    ranges = [(*parse_options_header(value), q) for value, q in parse_accept_header(accept, MIMEAccept)]
    spoken = [(name.lower(), q) for name, options, q in ranges if _is_utf8(options.get("charset"))]
    best = max((_preference(media, spoken), media) for media in MediaType)
    if best[0][0] <= 0:
        offered = ", ".join(media.essence for media in MediaType)
        raise Refusal("GRAPHQL_NOT_ACCEPTABLE", offered=offered)
    return best[1]


def _is_utf8(charset: str | None) -> bool:
    return charset is None or charset.lower() in {"utf-8", "utf8", "*"}


def _preference(media: MediaType, ranges: list[tuple[str, float]]) -> tuple[float, int, bool]:
    """Weight, precision of the most precise range that matches, and our own choice between equals."""
    for precision, pattern in ((2, media.essence), (1, "application/*"), (0, "*/*")):
        weights = [q for name, q in ranges if name == pattern]
        if weights:
            return max(weights), precision, (media is MediaType.GRAPHQL) == (precision == 2)
    return 0.0, 0, False

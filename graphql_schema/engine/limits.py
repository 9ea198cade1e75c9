"""How much one request may ask for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one request; each is checked before the work that it bounds.

    The defaults leave room for the introspection query of graphql-core and for the largest screen of the
    clients, three times over.
    """

    body_bytes: int = 100_000
    """Bytes of a POST body, checked against Content-Length and while a body without one is read."""
    url_bytes: int = 8_000
    """Bytes of the query string of a GET request."""
    input_depth: int = 32
    """Levels of objects and lists in `variables`."""
    input_items: int = 500
    """Items of any one list in `variables`."""
    tokens: int = 1_000
    """Lexical tokens of a document; comments have the same bound of their own."""
    depth: int = 15
    """Levels of fields; fragments add none."""
    fields: int = 400
    """Selected fields of all operations of a document, with every fragment spread out."""
    aliases: int = 30
    """Aliased fields of an operation, with every fragment spread out."""
    root_fields: int = 20
    """Fields of the root type that an operation selects."""
    directives: int = 40
    """Directives of a document, with every fragment spread out."""
    page_size: int = 100
    """The largest `first` or `last` of a connection; the smallest is 1."""
    assumed_list_size: int = 10
    """What a list that is no connection is taken to hold when nodes are counted."""
    nodes: int = 10_000
    """Objects that an operation may return, page sizes of nested connections multiplied."""
    list_items: int = 1_000
    """Items of any one list that a resolver returns."""
    errors: int = 20
    """Errors in one response; the rest are left out."""
    seconds: float = 10.0
    """Time from the start of the request after which no further resolver is called."""

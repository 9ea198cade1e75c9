"""Making a document once, whoever comes first."""

from pymongo import ReturnDocument
from pymongo.collection import Collection

from backend.core.mongo.client import Document, Session


def insert_or_read(
    rows: Collection[Document], document: Document, session: Session | None = None
) -> Document:
    """Inserts `document` unless its `_id` is taken; returns what is stored then. One atomic command."""
    rest = {name: value for name, value in document.items() if name != "_id"}
    stored = rows.find_one_and_update(
        {"_id": document["_id"]},
        {"$setOnInsert": rest},
        upsert=True,
        return_document=ReturnDocument.AFTER,
        session=session,
    )
    return stored or document  # An upsert that returns the document after it never returns None.

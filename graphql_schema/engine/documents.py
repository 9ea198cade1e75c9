"""Documents by id: a bounded cache of plans, and the allow-list that production serves alone."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final

import orjson

from backend.core.errors import Refusal
from graphql_schema.engine.errors import Rejected
from graphql_schema.engine.plans import Plan, Planner, unexecutable

ID_PREFIX: Final = "sha256:"
"""The prefix of a SHA256 hex document identifier (GraphQL over HTTP, Appendix A)."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Which documents an endpoint serves, and how many plans it keeps.

    `listed` maps the lower-case hex SHA-256 of a document's UTF-8 text to that text; `listed_only` serves
    these and no other. The cache of other documents is bounded by entries and by bytes of their text; the
    plan of a document takes about 150 times the memory of its text.
    """

    listed: Mapping[str, str] = field(default_factory=dict)
    listed_only: bool = False
    cache_entries: int = 500
    cache_bytes: int = 200_000

    def __post_init__(self) -> None:
        """Refuse a manifest whose ids aren't the hashes of its documents: ValueError with the first id."""
        for digest, text in self.listed.items():
            if digest != digest_of(text):
                raise ValueError(f"document {digest} of the manifest does not have that SHA-256")


def read_manifests(*paths: Path) -> dict[str, str]:
    """The documents of the clients' manifests, JSON objects of `{sha256: document}`, by digest.

    A digest may carry the prefix `sha256:`. Raises ValueError for a file of another shape.
    """
    listed: dict[str, str] = {}
    for path in paths:
        manifest = orjson.loads(path.read_bytes())
        if not isinstance(manifest, dict) or not all(isinstance(text, str) for text in manifest.values()):
            raise ValueError(f"{path.name} is no object of documents by id")
        listed.update((digest.removeprefix(ID_PREFIX), text) for digest, text in manifest.items())
    return listed


def digest_of(text: str) -> str:
    """The lower-case hex SHA-256 of a document's source text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a cache holds now, and how often it was asked since it was made."""

    entries: int
    text_bytes: int
    hits: int
    misses: int
    evictions: int


class PlanCache:
    """The most recently used plans by digest, at most so many and of so much text; safe between threads."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._plans: OrderedDict[str, tuple[Plan, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = self._evictions = 0
        self._lock = Lock()

    def get(self, digest: str) -> Plan | None:
        """The plan of the document with this digest, now the most recently used; counted as hit or miss."""
        with self._lock:
            found = self._plans.get(digest)
            if found is None:
                self._misses += 1
                return None
            self._hits += 1
            self._plans.move_to_end(digest)
            return found[0]

    def put(self, digest: str, plan: Plan, text_bytes: int) -> None:
        """Keep a plan, in place of the least recently used ones; one larger than the cache is not kept."""
        if text_bytes > self._max_bytes:
            return
        with self._lock:
            _, replaced = self._plans.pop(digest, (None, 0))
            self._plans[digest] = (plan, text_bytes)
            self._bytes += text_bytes - replaced
            while len(self._plans) > self._max_entries or self._bytes > self._max_bytes:
                _, (_, evicted) = self._plans.popitem(last=False)
                self._bytes -= evicted
                self._evictions += 1

    def stats(self) -> CacheStats:
        """What the cache holds and how often it was asked."""
        with self._lock:
            return CacheStats(len(self._plans), self._bytes, self._hits, self._misses, self._evictions)


class DocumentStore:
    """Finds the plan of the document that a request names, or brings along.

    Every listed document is planned when the store is made: ValueError names one that the schema or the
    limits refuse, so that a client that is out of step is found at the start.
    """

    def __init__(self, documents: Documents, planner: Planner) -> None:
        self._planner = planner
        self._listed_only = documents.listed_only
        self._cache = PlanCache(documents.cache_entries, documents.cache_bytes)
        self._listed = {digest: self._plan_listed(digest, text) for digest, text in documents.listed.items()}

    def find(self, text: str | None, document_id: str | None) -> Plan:
        """The plan for a request with a document, an id or both; Rejected or Refusal when there is none."""
        if text is None:
            return self._by_id(document_id or "")
        digest = _digest(text)
        if document_id is not None and document_id != ID_PREFIX + digest:
            raise Refusal("GRAPHQL_DOCUMENT_ID_MISMATCH")
        return self._listed.get(digest) or self._unlisted(digest, text)

    def stats(self) -> CacheStats:
        """The state of the cache of documents that aren't listed."""
        return self._cache.stats()

    def _by_id(self, document_id: str) -> Plan:
        digest = document_id.removeprefix(ID_PREFIX)
        plan = self._listed.get(digest) if document_id.startswith(ID_PREFIX) else None
        if plan is None:
            raise unexecutable(Refusal("PERSISTED_DOCUMENT_NOT_FOUND"))
        return plan

    def _unlisted(self, digest: str, text: str) -> Plan:
        if self._listed_only:
            raise unexecutable(Refusal("GRAPHQL_DOCUMENT_NOT_ALLOWED"))
        plan = self._cache.get(digest)
        if plan is None:
            plan = self._planner.plan(text)
            self._cache.put(digest, plan, len(text.encode()))
        return plan

    def _plan_listed(self, digest: str, text: str) -> Plan:
        try:
            return self._planner.plan(text)
        except Rejected as rejected:
            raise ValueError(f"document {digest}: {rejected.errors[0].message}") from rejected


def _digest(text: str) -> str:
    try:
        return digest_of(text)
    except UnicodeEncodeError:  # A lone surrogate, which a query string can carry but UTF-8 can't.
        raise Refusal("GRAPHQL_BAD_REQUEST", reason="query") from None

"""Idempotent commands: the same key with the same request gets the first answer again.

The header's draft standard is draft-ietf-httpapi-idempotency-key-header; here the key is an argument of
every mutation.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

import orjson
from pymongo.errors import DuplicateKeyError

from backend.core.clock import Clock
from backend.core.errors import Refusal
from backend.core.mongo.client import Db, Document, Session, transact
from backend.core.mongo.schema import Index, index
from backend.core.sealing import Sealer

KEEP: Final = timedelta(hours=24)
INDEXES: Final[tuple[Index, ...]] = (index("idempotency", "expires_at", expire_after_seconds=0),)

_KEY = re.compile(r"[A-Za-z0-9_-]{16,128}")


class Idempotency:
    """Keeps the answer of each command for 24 h, sealed, under the actor and their key."""

    def __init__(self, db: Db, sealer: Sealer, clock: Clock) -> None:
        self._db = db
        self._answers = sealer.system("idempotency")
        self._clock = clock

    def once(
        self,
        actor: str,
        key: str,
        operation: str,
        request: Mapping[str, object],
        work: Callable[[Session], bytes],
    ) -> bytes:
        """Runs `work` and stores its answer in one transaction, or gives the stored answer.

        `key` is 16–128 characters of `[A-Za-z0-9_-]`. Raises Refusal: BAD_INPUT for another key,
        IDEMPOTENCY_KEY_REUSED when the key stands for another request, and whatever `work` raises
        (then nothing is stored, and the key can be used again).
        """
        row_id = _row_id(actor, key)
        request_hash = _digest(operation, request)

        def command(session: Session) -> bytes:
            stored = self._db["idempotency"].find_one({"_id": row_id}, session=session)
            if stored is not None:
                return self._replay(stored, request_hash)
            answer = work(session)
            self._db["idempotency"].insert_one(self._row(row_id, request_hash, answer), session=session)
            return answer

        try:
            return transact(self._db, command)
        except DuplicateKeyError:
            # A twin of this request committed first; any other duplicate is the caller's to explain.
            stored = self._db["idempotency"].find_one({"_id": row_id})
            if stored is None:
                raise
            return self._replay(stored, request_hash)

    def answered(self, actor: str, key: str, operation: str, request: Mapping[str, object]) -> bytes | None:
        """The stored answer of this command, None when it hasn't been given yet.

        For commands that ask another system before their transaction: a repeat needn't ask again.
        Raises the Refusals of `once`.
        """
        stored = self._db["idempotency"].find_one({"_id": _row_id(actor, key)})
        return None if stored is None else self._replay(stored, _digest(operation, request))

    def _row(self, row_id: str, request_hash: bytes, answer: bytes) -> Document:
        return {
            "_id": row_id,
            "request": request_hash,
            "answer": self._answers.seal(answer),
            "expires_at": self._clock.now() + KEEP,
        }

    def _replay(self, stored: Document, request_hash: bytes) -> bytes:
        if stored["request"] != request_hash:
            raise Refusal("IDEMPOTENCY_KEY_REUSED")
        return self._answers.open(stored["answer"])


def _row_id(actor: str, key: str) -> str:
    if not _KEY.fullmatch(key):
        raise Refusal("BAD_INPUT", field="idempotencyKey")
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest()


def _digest(operation: str, request: Mapping[str, object]) -> bytes:
    body = orjson.dumps([operation, dict(request)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).digest()

"""How a MongoClient is made and a transaction is run: one place, so that options are the same everywhere."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient, ReadPreference
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]
Client = MongoClient[Document]
Db = Database[Document]
Session = ClientSession
T = TypeVar("T")

TRANSACTION_SECONDS = 5.0
ORPHAN_SECONDS = 6
"""What mongod's `transactionLifetimeLimitSeconds` should be: longer than any transaction of ours.

A killed process leaves its transaction open, and whoever retries the same scan waits for its locks; at
mongod's own default that is a minute.
"""


def connect(uri: str, *, listeners: Sequence[CommandListener] = ()) -> Client:
    """A client with journalled majority writes, majority reads and a deadline of 5 s a call.

    Dates come back as aware UTC datetimes. Connecting happens on first use.
    """
    return MongoClient(
        uri,
        tz_aware=True,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        retryWrites=True,
        retryReads=True,
        timeoutMS=5000,
        serverSelectionTimeoutMS=5000,
        connectTimeoutMS=2000,
        heartbeatFrequencyMS=2000,
        waitQueueTimeoutMS=1000,
        maxPoolSize=64,
        event_listeners=list(listeners),
    )


def transact(db: Db, work: Callable[[Session], T]) -> T:
    """Runs `work(session)` in one snapshot transaction and commits it; retried whole on a transient conflict.

    `work` may run more than once, so it must have no effect outside the session. Everything it does must
    pass `session=`. Any exception aborts the transaction and is raised on.
    """
    with db.client.start_session() as session:
        return transact_in(session, work)


def transact_in(session: Session, work: Callable[[Session], T]) -> T:
    """As `transact`, in a session of the caller's, whose id others may need to know."""
    with pymongo.timeout(TRANSACTION_SECONDS):
        return session.with_transaction(
            work,
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority", j=True),
            read_preference=ReadPreference.PRIMARY,
        )

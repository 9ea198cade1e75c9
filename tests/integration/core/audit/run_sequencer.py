"""A sequencer as a process of its own, for tests that kill it: URI, database, owner; the KEK on stdin."""

import sys
import threading

from backend.core.audit.sequencer import Sequencer
from backend.core.clock import SystemClock
from backend.core.keyring import Keyring
from backend.core.mongo.client import connect
from backend.core.sealing import Kek
from tests.integration.core.audit.conftest import ORIGIN


def main() -> None:
    uri, name, owner = sys.argv[1:]
    kek, clock = Kek.parse(sys.stdin.read()), SystemClock()
    with connect(uri) as client:
        db = client[name]
        sequencer = Sequencer(
            db,
            Keyring(db, kek, clock),
            clock,
            owner,
            origin=ORIGIN,
            batch=50,
            lease_seconds=0.3,
            checkpoint_seconds=0.1,
        )
        sequencer.run(threading.Event())


if __name__ == "__main__":
    main()

"""What sealing and the keyring cost: microseconds an operation, one thread, best of five rounds.

    python -m bench.sealing [MONGODB_URI]

Without a URI an embedded mongod is started in a temporary folder.
"""

import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from backend.core.clock import SystemClock
from backend.core.keyring import Keyring, Purpose
from backend.core.mongo.client import Db, connect
from backend.core.mongo.embedded import embedded_mongo
from backend.core.sealing import Kek, Sealer, rewrap

ROUNDS, CALLS, ROWS = 5, 2000, 20_000
NAME = "欧阳娜娜"


def main() -> None:
    """Print one line an operation."""
    with _database(sys.argv[1] if len(sys.argv) > 1 else None) as db:
        _sealing(db)
        _keyring(db)
        _bulk(db)


def _sealing(db: Db) -> None:
    kek, clock = Kek.parse(Kek.generate()), SystemClock()
    sealer, cold = Sealer(db, kek, clock), Sealer(db, kek, clock, cached_keys=1)
    key = sealer.create("a")
    sealer.create("b")
    sealed, wrapped = key.seal("residents", "name", NAME), db["data_keys"].find_one({"_id": "a"})["wrapped"]
    system = sealer.system("bench")
    answer = system.seal(bytes(500))
    print(f"sealed field: +{len(sealed) - len(NAME.encode())} octets; wrapped key: {len(wrapped)} octets")
    _line("make a data key and wrap it", lambda: sealer.mint("r"))
    _line("seal a name", lambda: key.seal("residents", "name", NAME))
    _line("open a name", lambda: key.open("residents", "name", sealed))
    _line("unwrap a data key, not cached", lambda: kek.unwrap(wrapped, b"data_keys|a"))
    _line("unwrap a data key, cached", lambda: sealer.unwrap("a", wrapped))
    _line("key of a resident, cached", lambda: sealer.key("a"))
    _line("key of a resident, from MongoDB", lambda: (cold.key("a"), cold.key("b")), per_call=2, calls=200)
    _line("create in MongoDB, one by one", lambda: sealer.create(uuid4().hex), calls=200)
    _line("blind index", lambda: sealer.blind("id-number", "430102199001011234"))
    _line("seal 500 octets, system key", lambda: system.seal(bytes(500)))
    _line("open 500 octets, system key", lambda: system.open(answer))


def _keyring(db: Db) -> None:
    keyring = Keyring(db, Kek.parse(Kek.generate()), SystemClock())
    keyring.ensure([Purpose.TOKEN])
    keyring.rotate(Purpose.TOKEN, publish_ahead=timedelta(0), verify_for=timedelta(hours=1))
    kid = keyring.published(Purpose.TOKEN)[0].kid
    _line("active signing key", lambda: keyring.active(Purpose.TOKEN))
    _line("find a verification key", lambda: keyring.find(Purpose.TOKEN, kid))
    db["signing_keys"].drop()


def _bulk(db: Db) -> None:
    """Seeding and rewrapping: seconds for many rows, by wall clock, with the inserts."""
    text = Kek.generate()
    db["data_keys"].drop()
    db["secrets"].drop()
    sealer = Sealer(db, Kek.parse(text), SystemClock())
    begun = time.perf_counter()
    for start in range(0, ROWS, 1000):
        db["data_keys"].insert_many([sealer.mint(f"r{n:09}")[1] for n in range(start, start + 1000)])
    print(f"{'seed data keys, in thousands':<36}{(time.perf_counter() - begun) / ROWS * 1e6:8.1f} µs each")
    promoted = Kek.parse(Kek.with_newest_primary(Kek.with_new_key(text)))
    begun = time.perf_counter()
    done = rewrap(db, promoted)
    print(f"{'rewrap under a new KEK':<36}{(time.perf_counter() - begun) / done * 1e6:8.1f} µs each")


def _line(what: str, work: Callable[[], object], *, per_call: int = 1, calls: int = CALLS) -> None:
    work()
    best = min(timeit.repeat(work, number=calls, repeat=ROUNDS)) / calls / per_call
    print(f"{what:<36}{best * 1e6:8.1f} µs")


@contextmanager
def _database(uri: str | None) -> Iterator[Db]:
    if uri is not None:
        with connect(uri) as client:
            name = f"bench_sealing_{uuid4().hex}"
            yield client[name]
            client.drop_database(name)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_mongo(Path(folder)) as mongo,
        connect(mongo.uri) as client,
    ):
        yield client["bench"]


if __name__ == "__main__":
    main()

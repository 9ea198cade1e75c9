"""Verification finds every kind of tampering, and says where."""

import random
import threading
from collections.abc import Callable

import pytest

from backend.core.audit.checkpoint import (
    CHECKPOINTS,
    Checkpoint,
    Checkpoints,
    read_checkpoint,
    sign_checkpoint,
)
from backend.core.audit.findings import Kind
from backend.core.audit.head import STATE, link
from backend.core.audit.log import ENTRIES, AuditLog, _document
from backend.core.audit.merkle import leaf_hash
from backend.core.audit.models import digest
from backend.core.audit.sequencer import Sequencer
from backend.core.audit.tiles import NODES, Edge
from backend.core.audit.verify import Report, verify
from backend.core.ids import new_id
from backend.core.keyring import Keyring, Purpose
from backend.core.mongo.client import Db, Document, transact
from tests.fakes import StandingClock
from tests.integration.core.audit.conftest import ORIGIN, scan

SIZE = 300
EARLY = 100

Kinds = list[tuple[Kind, int, int]]


@pytest.fixture
def full(db: Db, log: AuditLog, sequencer: Sequencer, checkpoints: Checkpoints, clock: StandingClock) -> Db:
    """A log of 300 entries with checkpoints at 100 and 300."""
    for start, end in ((0, EARLY), (EARLY, SIZE)):
        transact(db, lambda session, n=range(start, end): [log.append(scan(i), session) for i in n])
        clock.advance(1)
        assert sequencer.step() == end - start
        assert checkpoints.publish() is not None
    return db


def entry(db: Db, seq: int) -> Document:
    found = db[ENTRIES].find_one({"seq": seq})
    assert found is not None
    return found


def kinds(report: Report) -> Kinds:
    return [(finding.kind, finding.seq, finding.last) for finding in report.findings]


def first(report: Report) -> tuple[Kind, int]:
    return report.findings[0].kind, report.findings[0].seq


def test_an_untouched_log_verifies(full: Db, checkpoints: Checkpoints) -> None:
    seen: list[tuple[int, int]] = []

    report = verify(full, checkpoints, progress=lambda done, total: seen.append((done, total)))

    assert report.findings == ()
    assert (report.size, report.checkpoints, report.sound) == (SIZE, 2, True)
    assert report.root == checkpoints.latest().root
    assert seen[-1] == (SIZE, SIZE)


def test_an_empty_log_verifies(db: Db, checkpoints: Checkpoints) -> None:
    report = verify(db, checkpoints)

    assert (report.size, report.sound) == (0, True)


@pytest.mark.parametrize("start", [1, 99, 100, 101, 255, 256, 257, 299, 300])
def test_an_untouched_log_verifies_from_anywhere(full: Db, checkpoints: Checkpoints, start: int) -> None:
    report = verify(full, checkpoints, start=start)

    assert (report.findings, report.size) == ((), SIZE)
    assert report.root == checkpoints.latest().root


def test_there_is_nothing_to_verify_beyond_the_end(full: Db, checkpoints: Checkpoints) -> None:
    with pytest.raises(ValueError, match="no entry 301"):
        verify(full, checkpoints, start=SIZE + 1)


def test_a_log_that_grows_meanwhile_verifies(
    full: Db, log: AuditLog, sequencer: Sequencer, checkpoints: Checkpoints
) -> None:
    def grow(_done: int, _total: int) -> None:
        log.append(scan(), None)
        sequencer.step()
        checkpoints.publish()

    log.append(scan(), None)

    assert verify(full, checkpoints, progress=grow).findings == ()
    assert verify(full, checkpoints).size == SIZE + 2


def test_a_log_that_is_written_all_the_while_verifies(
    db: Db, log: AuditLog, keyring: Keyring, clock: StandingClock, checkpoints: Checkpoints
) -> None:
    # With more checkpoints than one batch of a cursor holds, and batches that end anywhere.
    sequencer = Sequencer(db, keyring, clock, "live", origin=ORIGIN, batch=3, checkpoint_seconds=0)
    for number in range(360):
        log.append(scan(number), None)
    stop = threading.Event()
    thread = threading.Thread(target=sequencer.run, args=(stop,))
    thread.start()
    try:
        reports = [verify(db, checkpoints)]
        while reports[-1].size < 360:
            reports.append(verify(db, checkpoints))
    finally:
        stop.set()
        thread.join()

    assert [finding for report in reports for finding in report.findings] == []
    assert reports[-1].checkpoints > 101


def change(row: Document) -> Document:
    content = row["content"].replace(b'"outcome":"ok"', b'"outcome":"no"')
    assert content != row["content"]
    return {"content": content}


def set_entry(seq: int, fields: Callable[[Document], Document]) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        row = entry(db, seq)
        assert db[ENTRIES].update_one({"_id": row["_id"]}, {"$set": fields(row)}).modified_count == 1

    return tamper


def changed_with_digest(row: Document) -> Document:
    content = change(row)["content"]
    return {"content": content, "digest": digest(content)}


def changed_with_chain(row: Document) -> Document:
    fields = changed_with_digest(row)
    return fields | {"chain": link(row["previous"], row["seq"], fields["digest"])}


def remove(*seqs: int) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        assert db[ENTRIES].delete_many({"seq": {"$in": list(seqs)}}).deleted_count == len(seqs)

    return tamper


def swap(one: int, other: int) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        a, b = entry(db, one), entry(db, other)
        db[ENTRIES].update_one({"_id": a["_id"]}, {"$set": {"seq": -1}})
        db[ENTRIES].update_one({"_id": b["_id"]}, {"$set": {"seq": one}})
        db[ENTRIES].update_one({"_id": a["_id"]}, {"$set": {"seq": other}})

    return tamper


def swap_with_links(one: int, other: int) -> Callable[[Db], None]:
    """As `swap`, and the two take each other's chain hashes too."""

    def tamper(db: Db) -> None:
        a, b = entry(db, one), entry(db, other)
        swap(one, other)(db)
        for row, place in ((a, b), (b, a)):
            links = {"previous": place["previous"], "chain": place["chain"]}
            db[ENTRIES].update_one({"_id": row["_id"]}, {"$set": links})

    return tamper


def forged(seq: int, previous: bytes) -> Document:
    row = _document(new_id(), StandingClock().now(), scan(4711))
    return row | {"seq": seq, "previous": previous, "chain": link(previous, seq, row["digest"])}


def insert_twin(seq: int) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        db[ENTRIES].drop_index("seq_1")
        db[ENTRIES].insert_one(forged(seq, entry(db, seq)["previous"]))

    return tamper


def shift(db: Db, start: int, by: int) -> None:
    rows = list(db[ENTRIES].find({"seq": {"$gte": start}}).sort("seq", -by))
    for row in rows:
        db[ENTRIES].update_one({"_id": row["_id"]}, {"$set": {"seq": row["seq"] + by}})


def insert_and_renumber(seq: int) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        previous = entry(db, seq)["previous"]
        shift(db, seq, 1)
        db[ENTRIES].insert_one(forged(seq, previous))

    return tamper


def remove_and_renumber(seq: int) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        remove(seq)(db)
        shift(db, seq + 1, -1)

    return tamper


def insert_stray(seq: float) -> Callable[[Db], None]:
    return lambda db: db[ENTRIES].insert_one(forged(20, entry(db, 20)["previous"]) | {"seq": seq})


def append_beyond(db: Db) -> None:
    db[ENTRIES].insert_one(forged(SIZE, entry(db, SIZE - 1)["chain"]))


def set_tile(tile: str, hash_number: int) -> Callable[[Db], None]:
    def tamper(db: Db) -> None:
        stored = db[NODES].find_one({"_id": tile})["hashes"]
        at = hash_number * 32
        db[NODES].update_one({"_id": tile}, {"$set": {"hashes": stored[:at] + bytes(32) + stored[at + 32 :]}})

    return tamper


def set_head(**fields) -> Callable[[Db], None]:
    return lambda db: db[STATE].update_one({"_id": "head"}, {"$set": fields})


TAMPERINGS = {
    "content changed": (set_entry(7, change), [(Kind.CHANGED, 7, 7)]),
    "content and digest changed": (set_entry(7, changed_with_digest), [(Kind.CHANGED, 7, 7)]),
    "content, digest and chain hash changed": (
        set_entry(7, changed_with_chain),
        [(Kind.CHANGED, 7, 7), (Kind.CHAIN, 8, 8)],
    ),
    "first entry changed": (set_entry(0, changed_with_chain), [(Kind.CHANGED, 0, 0), (Kind.CHAIN, 1, 1)]),
    "last entry changed": (set_entry(299, changed_with_digest), [(Kind.CHANGED, 299, 299)]),
    "content taken away": (set_entry(7, lambda _: {"content": None}), [(Kind.CHANGED, 7, 7)]),
    "digest changed": (set_entry(7, lambda _: {"digest": bytes(32)}), [(Kind.CHANGED, 7, 7)]),
    "subject changed": (set_entry(7, lambda _: {"subject": "resident-2"}), [(Kind.CHANGED, 7, 7)]),
    "reference added": (set_entry(7, lambda _: {"reference": "case-1"}), [(Kind.CHANGED, 7, 7)]),
    "time changed": (set_entry(7, lambda r: {"at": r["at"].replace(year=2025)}), [(Kind.CHANGED, 7, 7)]),
    "chain hash changed": (
        set_entry(7, lambda _: {"chain": bytes(32)}),
        [(Kind.CHAIN, 7, 7)],
    ),
    "previous hash changed": (set_entry(7, lambda _: {"previous": bytes(32)}), [(Kind.CHAIN, 7, 7)]),
    "one removed": (remove(50), [(Kind.REMOVED, 50, 50)]),
    "some removed": (remove(50, 51, 52, 90), [(Kind.REMOVED, 50, 52), (Kind.REMOVED, 90, 90)]),
    "first removed": (remove(0), [(Kind.REMOVED, 0, 0)]),
    "last removed": (remove(298, 299), [(Kind.REMOVED, 298, 299)]),
    "place taken away": (set_entry(50, lambda _: {"seq": None}), [(Kind.REMOVED, 50, 50)]),
    "place made a text": (
        set_entry(50, lambda _: {"seq": "50"}),
        [(Kind.REMOVED, 50, 50), (Kind.STRAY, 300, 300)],
    ),
    "inserted between two places": (insert_stray(20.5), [(Kind.STRAY, 300, 300)]),
    "inserted before the first": (insert_stray(-1), [(Kind.STRAY, 300, 300)]),
    "removed, the rest renumbered": (
        remove_and_renumber(50),
        [(Kind.REMOVED, 50, 50), (Kind.MOVED, 50, 298), (Kind.REMOVED, 299, 299)],
    ),
    "neighbours swapped": (swap(60, 61), [(Kind.MOVED, 60, 60), (Kind.MOVED, 61, 61)]),
    "two far apart swapped": (swap(3, 290), [(Kind.MOVED, 3, 3), (Kind.MOVED, 290, 290)]),
    "two swapped with their links": (
        swap_with_links(3, 290),
        [(Kind.MOVED, 3, 3), (Kind.MOVED, 290, 290)],
    ),
    "a second one inserted at a place": (insert_twin(20), [(Kind.INSERTED, 20, 20)]),
    "inserted, the rest renumbered": (
        insert_and_renumber(20),
        [(Kind.INSERTED, 20, 20), (Kind.MOVED, 21, 299), (Kind.INSERTED, 300, 300)],
    ),
    "inserted behind the head": (append_beyond, [(Kind.INSERTED, 300, 300)]),
    "leaf hash changed": (set_tile("0/0", 9), [(Kind.TREE, 9, 9)]),
    "leaf hash of the unfinished tile changed": (set_tile("0/1", 3), [(Kind.TREE, 259, 259)]),
    "upper hash changed": (set_tile("1/0", 0), [(Kind.TREE, 0, 255)]),
    "head behind": (set_head(size=299), [(Kind.HEAD, 299, 299)]),
    "head ahead": (set_head(size=301), [(Kind.HEAD, 300, 300)]),
    "head's chain hash forged": (set_head(chain=bytes(32)), [(Kind.HEAD, 300, 300)]),
    "head's root forged": (set_head(root=bytes(32)), [(Kind.HEAD, 300, 300)]),
    "head made nonsense": (set_head(size="many"), [(Kind.HEAD, 300, 300)]),
    "head removed": (lambda db: db[STATE].delete_one({"_id": "head"}), [(Kind.HEAD, 300, 300)]),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_and_located(full: Db, checkpoints: Checkpoints, name: str) -> None:
    tamper, wanted = TAMPERINGS[name]
    tamper(full)

    report = verify(full, checkpoints)

    assert kinds(report) == wanted
    assert not report.sound
    for finding in report.findings:
        shown = str(finding.size if finding.kind is Kind.STRAY else finding.seq)
        assert shown in finding.text("en")
        assert shown in finding.text("zh-CN")


def test_a_moved_entry_is_traced_to_its_place(full: Db, checkpoints: Checkpoints) -> None:
    swap(3, 290)(full)

    assert [finding.placed for finding in verify(full, checkpoints).findings] == [290, 3]


def test_a_rewritten_tail_contradicts_the_checkpoints_and_lies_between_two(
    full: Db, checkpoints: Checkpoints
) -> None:
    rewrite(full, 150)

    assert kinds(verify(full, checkpoints)) == [(Kind.REWRITTEN, EARLY, SIZE - 1)]


def rewrite(db: Db, start: int) -> None:
    """What who may write everywhere can do: change an entry, and make everything after it fit."""
    row = entry(db, start)
    content = row["content"].replace(b'"desk-1"', b'"desk-9"')
    db[ENTRIES].update_one({"_id": row["_id"]}, {"$set": {"content": content, "digest": digest(content)}})
    rows = list(db[ENTRIES].find({"seq": {"$gte": 0}}).sort("seq", 1))
    chain = row["previous"]
    for later in rows[start:]:
        links = {"previous": chain, "chain": link(chain, later["seq"], later["digest"])}
        db[ENTRIES].update_one({"_id": later["_id"]}, {"$set": links})
        chain = links["chain"]
    edge, tiles = Edge().extended(leaf_hash(row["content"]) for row in rows)
    for (level, number), hashes in tiles.items():
        db[NODES].update_one({"_id": f"{level}/{number}"}, {"$set": {"hashes": hashes}})
    db[STATE].update_one({"_id": "head"}, {"$set": {"chain": chain, "root": edge.root()}})


def resign(db: Db, keyring: Keyring) -> None:
    """What an operator who has the keys as well can do: sign the new history."""
    rows = list(db[ENTRIES].find({"seq": {"$gte": 0}}).sort("seq", 1))
    leaves = [leaf_hash(row["content"]) for row in rows]
    for stored in list(db[CHECKPOINTS].find()):
        edge, _ = Edge().extended(leaves[: stored["_id"]])
        again = sign_checkpoint(ORIGIN, stored["_id"], edge.root(), keyring)
        fields = {"note": again.note, "root": again.root}
        db[CHECKPOINTS].update_one({"_id": stored["_id"]}, {"$set": fields})


def test_a_wholesale_rewrite_by_the_operator_fails_only_against_a_kept_checkpoint(
    full: Db, checkpoints: Checkpoints, keyring: Keyring
) -> None:
    kept = checkpoints.latest()
    early = read_checkpoint(full[CHECKPOINTS].find_one({"_id": EARLY})["note"])
    rewrite(full, 150)
    resign(full, keyring)

    assert verify(full, checkpoints).sound  # Nobody can tell who has only the database.
    assert kinds(verify(full, checkpoints, kept=[kept])) == [(Kind.REWRITTEN, 0, SIZE - 1)]
    assert kinds(verify(full, checkpoints, kept=[kept, early])) == [(Kind.REWRITTEN, EARLY, SIZE - 1)]


def test_a_kept_checkpoint_confirms_an_untouched_log_that_has_grown(
    full: Db, checkpoints: Checkpoints, log: AuditLog, sequencer: Sequencer
) -> None:
    kept = checkpoints.latest()
    log.append(scan(), None)
    sequencer.step()

    report = verify(full, checkpoints, kept=[kept])

    assert (report.findings, report.checkpoints) == ((), 3)


def truncate(db: Db, size: int) -> None:
    db[ENTRIES].delete_many({"seq": {"$gte": size}})
    rows = list(db[ENTRIES].find({"seq": {"$gte": 0}}).sort("seq", 1))
    edge, tiles = Edge().extended(leaf_hash(row["content"]) for row in rows)
    db[NODES].delete_many({})
    db[NODES].insert_many({"_id": f"{level}/{n}", "hashes": hashes} for (level, n), hashes in tiles.items())
    head = {"size": size, "chain": rows[-1]["chain"], "root": edge.root()}
    db[STATE].update_one({"_id": "head"}, {"$set": head})


def test_a_tail_cut_off_cleanly_contradicts_the_checkpoint(full: Db, checkpoints: Checkpoints) -> None:
    truncate(full, 200)

    assert kinds(verify(full, checkpoints)) == [(Kind.TRUNCATED, 200, 299)]


def test_a_tail_cut_off_with_its_checkpoint_is_found_by_a_kept_one(
    full: Db, checkpoints: Checkpoints
) -> None:
    kept = checkpoints.latest()
    truncate(full, 200)
    full[CHECKPOINTS].delete_one({"_id": SIZE})

    assert verify(full, checkpoints).sound
    assert kinds(verify(full, checkpoints, kept=[kept])) == [(Kind.TRUNCATED, 200, 299)]


def test_a_checkpoint_signed_by_a_stranger_is_found(
    full: Db, checkpoints: Checkpoints, keyring: Keyring
) -> None:
    note = checkpoints.latest().note
    flipped = note[:-3] + ("A" if note[-3] != "A" else "B") + note[-2:]
    full[CHECKPOINTS].update_one({"_id": SIZE}, {"$set": {"note": flipped}})

    assert kinds(verify(full, checkpoints)) == [(Kind.SIGNATURE, SIZE, SIZE)]


@pytest.mark.parametrize("note", ["", "nonsense", None, 5])
def test_a_checkpoint_that_isnt_one_is_found(full: Db, checkpoints: Checkpoints, note: object) -> None:
    full[CHECKPOINTS].update_one({"_id": EARLY}, {"$set": {"note": note}})

    assert kinds(verify(full, checkpoints)) == [(Kind.SIGNATURE, EARLY, EARLY)]


def test_a_checkpoint_filed_under_another_size_is_found(full: Db, checkpoints: Checkpoints) -> None:
    row = full[CHECKPOINTS].find_one({"_id": EARLY})
    full[CHECKPOINTS].insert_one(row | {"_id": 150})

    assert kinds(verify(full, checkpoints)) == [(Kind.SIGNATURE, 150, 150)]


def test_a_forged_kept_checkpoint_is_told_from_a_true_one(full: Db, checkpoints: Checkpoints) -> None:
    kept = checkpoints.latest()
    forged_one = Checkpoint(kept.origin, 250, bytes(32), kept.note.replace("\n300\n", "\n250\n"))

    found = {finding.kind for finding in verify(full, checkpoints, kept=[forged_one]).findings}

    assert found == {Kind.SIGNATURE, Kind.REWRITTEN}


def test_history_stays_valid_when_keys_change(
    full: Db, checkpoints: Checkpoints, keyring: Keyring, clock: StandingClock
) -> None:
    keyring.retire(Purpose.AUDIT, keyring.active(Purpose.AUDIT).kid)
    assert kinds(verify(full, checkpoints)) == [(Kind.SIGNATURE, SIZE, SIZE)]  # Nothing of today vouches.

    checkpoints.publish()

    assert verify(full, checkpoints).sound


def test_tampering_before_the_start_is_found_by_the_next_checkpoint(
    full: Db, checkpoints: Checkpoints
) -> None:
    set_tile("0/0", 9)(full)

    wanted = [(Kind.TREE, 0, 255), (Kind.REWRITTEN, 150, 299), (Kind.HEAD, 300, 300)]
    assert kinds(verify(full, checkpoints, start=150)) == wanted


def test_no_single_change_of_a_stored_field_goes_unnoticed(full: Db, checkpoints: Checkpoints) -> None:
    dice = random.Random(6962)
    for _ in range(40):
        row = entry(full, dice.randrange(SIZE))
        field = dice.choice(["content", "digest", "previous", "chain"])
        octets = bytearray(row[field])
        octets[dice.randrange(len(octets))] ^= 1 << dice.randrange(8)
        full[ENTRIES].update_one({"_id": row["_id"]}, {"$set": {field: bytes(octets)}})

        report = verify(full, checkpoints)

        assert report.findings[0].seq == row["seq"], field
        full[ENTRIES].replace_one({"_id": row["_id"]}, row)
    assert verify(full, checkpoints).sound


def test_a_ruined_log_gives_a_short_report(full: Db, checkpoints: Checkpoints) -> None:
    for seq in range(0, SIZE, 2):
        set_entry(seq, change)(full)

    report = verify(full, checkpoints)

    assert first(report) == (Kind.CHANGED, 0)
    assert len(report.findings) == SIZE // 2

"""Appending audit entries and reading them back, against a real mongod."""

import pytest

from backend.core.audit.log import ENTRIES, INDEXES, AuditLog
from backend.core.audit.models import Actor, Entry, digest
from backend.core.errors import Refusal
from backend.core.mongo.client import Db, Session, transact
from backend.core.mongo.schema import ensure_indexes
from backend.core.paging import PageRequest, encode_cursor
from tests.fakes import StandingClock

DESK = Actor("staff", "desk-1")


@pytest.fixture
def log(db: Db, clock: StandingClock) -> AuditLog:
    ensure_indexes(db, INDEXES)
    return AuditLog(db, clock)


def scan(subject: str | None = "resident-1", **changes) -> Entry:
    return Entry(action="onecode.scan.accepted", actor=DESK, subject=subject, **changes)


def test_an_entry_reads_back_as_it_was_written(log: AuditLog, clock: StandingClock) -> None:
    entry = scan(
        purpose="registration",
        domain="medical",
        place={"city": "430200", "desk": "窗口 3"},
        reference="scan-1",
        detail={"disclosed": ["name", "birth_year"], "withheld": 2},
    )

    record = log.find(log.append(entry, None))

    assert record is not None
    assert record.entry == entry
    assert record.at == clock.now()
    assert record.seq is None


def test_the_digest_is_of_the_stored_bytes(db: Db, log: AuditLog) -> None:
    entry_id = log.append(scan(), None)

    row = db[ENTRIES].find_one({"_id": entry_id})

    assert row is not None
    assert row["digest"] == digest(row["content"])


def test_an_aborted_transaction_leaves_no_entry(db: Db, log: AuditLog) -> None:
    def work(session: Session) -> None:
        log.append(scan(), session)
        raise Refusal("FORBIDDEN")

    with pytest.raises(Refusal):
        transact(db, work)

    assert db[ENTRIES].count_documents({}) == 0


def test_a_committed_transaction_leaves_one(db: Db, log: AuditLog) -> None:
    entry_id = transact(db, lambda session: log.append(scan(), session))

    assert [row["_id"] for row in db[ENTRIES].find()] == [entry_id]


def test_a_resident_sees_only_entries_about_them_newest_first(log: AuditLog, clock: StandingClock) -> None:
    mine = []
    for _ in range(5):
        mine.append(log.append(scan("resident-1"), None))
        log.append(scan("resident-2"), None)
        log.append(scan(None), None)
        clock.advance(1)

    first = log.for_subject("resident-1", PageRequest.of(3))
    rest = log.for_subject("resident-1", PageRequest.of(3, first.cursors[-1]))

    assert [r.id for r in (*first.items, *rest.items)] == mine[::-1]
    assert (first.has_next, rest.has_next) == (True, False)


def test_paging_loses_nothing_among_entries_of_one_instant(log: AuditLog) -> None:
    ids = {log.append(scan(), None) for _ in range(7)}

    seen, after = [], None
    while True:
        page = log.for_subject("resident-1", PageRequest.of(2, after))
        seen += [record.id for record in page.items]
        if not page.has_next:
            break
        after = page.cursors[-1]

    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize("key", ["", "yesterday x", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00 x"])
def test_a_cursor_of_another_list_is_refused(log: AuditLog, key: str) -> None:
    with pytest.raises(Refusal, match="BAD_INPUT"):
        log.for_subject("resident-1", PageRequest.of(2, encode_cursor(key)))


def test_by_reference_finds_what_belongs_together_in_order(log: AuditLog, clock: StandingClock) -> None:
    wanted = []
    for number in range(3):
        wanted.append(log.append(scan(reference="case-1"), None))
        log.append(scan(reference=f"other-{number}"), None)
        clock.advance(1)

    assert [record.id for record in log.by_reference("case-1")] == wanted
    assert [record.id for record in log.by_reference("case-1", limit=2)] == wanted[:2]


@pytest.mark.parametrize(
    ("query", "order", "wanted"),
    [
        ({"seq": None}, [("at", 1), ("_id", 1)], "at_1__id_1"),
        ({"seq": {"$gte": 5}}, [("seq", 1)], "seq_1"),
        ({"subject": "resident-1"}, [("at", -1), ("_id", -1)], "subject_1_at_-1__id_-1"),
        ({"reference": "case-1"}, [("at", 1), ("_id", 1)], "reference_1_at_1__id_1"),
    ],
)
def test_every_query_walks_its_index_and_sorts_nothing(db: Db, log: AuditLog, query, order, wanted) -> None:
    log.append(scan(reference="case-1"), None)

    plan = str(db[ENTRIES].find(query).sort(order).explain()["queryPlanner"]["winningPlan"])

    assert f"'indexName': '{wanted}'" in plan
    assert "'stage': 'SORT'" not in plan
    assert "COLLSCAN" not in plan

"""Status indices: every entry of a list is used once, and a batch's entries look unrelated."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.onecode.indices import LIST_SIZE, IndexAllocator, StatusIndex, permute, scattered

SECRET = bytes(32)


class Tally:
    """A counter in memory that notes how often it was asked."""

    def __init__(self, start: int = 0) -> None:
        self.next = start
        self.asked = 0
        self._lock = threading.Lock()

    def reserve(self, _name: str, count: int) -> int:
        with self._lock:
            self.asked += 1
            first, self.next = self.next, self.next + count
            return first


def test_a_full_list_uses_every_entry_exactly_once():
    found = {scattered(number, SECRET).index for number in range(LIST_SIZE)}

    assert found == set(range(LIST_SIZE))


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_whatever_the_round_functions_the_network_is_a_bijection(rounds: int):
    tables = tuple(tuple((turn * 77 + n * n) % 1024 for n in range(1024)) for turn in range(rounds))

    assert len({permute(position, tables) for position in range(LIST_SIZE)}) == LIST_SIZE


def test_the_next_list_begins_when_one_is_full_and_is_scattered_differently():
    last, first = scattered(LIST_SIZE - 1, SECRET), scattered(LIST_SIZE, SECRET)
    here = [scattered(number, SECRET).index for number in range(64)]
    there = [scattered(LIST_SIZE + number, SECRET).index for number in range(64)]

    assert (last.number, first.number) == (0, 1)
    assert here != there


def test_another_secret_scatters_differently():
    assert [scattered(n, SECRET) for n in range(16)] != [scattered(n, bytes([1] * 32)) for n in range(16)]


def test_the_entries_of_batches_are_no_nearer_to_each_other_than_chance():
    """Of 120 pairs in each of 1000 batches, chance puts 120,000 · 32 / 1,048,576 = 3.7 within 16."""
    near = 0
    for batch in range(1000):
        entries = sorted(scattered(16 * batch + n, SECRET).index for n in range(16))
        near += sum(after - before <= 16 for before, after in itertools.pairwise(entries))

    assert near < 20


def test_every_thread_gets_entries_of_its_own_and_the_counter_is_rarely_asked():
    tally = Tally()
    allocator = IndexAllocator(tally, SECRET, "codes")

    with ThreadPoolExecutor(16) as pool:
        taken = [one for batch in pool.map(lambda _: allocator.take(1), range(640)) for one in batch]

    assert len(set(taken)) == 640
    assert tally.asked == 10


@pytest.mark.parametrize("count", [1, 16, 63, 64, 65, 200])
def test_a_batch_has_as_many_entries_as_it_asked_for(count: int):
    allocator = IndexAllocator(Tally(), SECRET, "codes")
    allocator.take(3)

    assert len(set(allocator.take(count))) == count


def test_two_processes_never_share_an_entry():
    tally = Tally()
    one, other = IndexAllocator(tally, SECRET, "codes"), IndexAllocator(tally, SECRET, "codes")

    taken = [entry for _ in range(100) for entry in (*one.take(1), *other.take(1))]

    assert len(set(taken)) == 200
    assert all(isinstance(entry, StatusIndex) for entry in taken)

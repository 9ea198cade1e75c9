"""The cache of unwrapped data keys: bounded in number and in age."""

from datetime import timedelta

from backend.core.sealing.cache import CachedKey, KeyCache


class NoCipher:
    """A cipher that is only looked at, never used."""

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        raise NotImplementedError

    def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        raise NotImplementedError


def key(clock) -> CachedKey:
    return CachedKey(NoCipher(), b"w", clock.now())


def test_the_least_recently_confirmed_key_leaves_a_full_cache(clock):
    cache = KeyCache(limit=2)
    cache.put("a", key(clock))
    cache.put("b", key(clock))
    cache.put("a", key(clock))
    cache.put("c", key(clock))
    assert len(cache) == 2
    assert cache.get("b") is None
    assert cache.get("a") is not None


def test_a_key_unconfirmed_for_a_minute_leaves_memory(clock):
    cache = KeyCache(limit=100)
    cache.put("a", key(clock))
    clock.advance(61)
    cache.put("b", key(clock))
    assert cache.get("a") is None
    assert len(cache) == 1


def test_a_key_is_trusted_for_one_second_and_not_by_a_clock_that_ran_backwards(clock):
    cached = key(clock)
    assert cached.is_trusted(clock.now() + timedelta(seconds=1))
    assert not cached.is_trusted(clock.now() + timedelta(seconds=1, milliseconds=1))
    assert not cached.is_trusted(clock.now() - timedelta(milliseconds=1))


def test_a_dropped_key_is_forgotten_and_dropping_it_again_is_harmless(clock):
    cache = KeyCache(limit=2)
    cache.put("a", key(clock))
    cache.drop("a")
    cache.drop("a")
    assert cache.get("a") is None

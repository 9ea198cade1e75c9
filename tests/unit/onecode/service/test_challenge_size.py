"""A code that answers a challenge is no larger a symbol than any other."""

from backend.onecode.challenges import CHALLENGE_BYTES
from backend.onecode.showing import _NONCE_BYTES


def test_a_challenge_is_as_long_as_a_nonce():
    assert CHALLENGE_BYTES == _NONCE_BYTES

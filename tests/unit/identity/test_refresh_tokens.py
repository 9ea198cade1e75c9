"""Refresh tokens are known as ours by their tag, and by nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from backend.identity.sessions.refresh_tokens import RefreshTokens, token_hash

TOKENS = RefreshTokens(bytes(32))


def test_a_token_names_its_session_and_no_two_are_equal() -> None:
    one, other = TOKENS.make("session-1"), TOKENS.make("session-1")
    assert TOKENS.session_of(one) == TOKENS.session_of(other) == "session-1"
    assert one != other
    assert token_hash(one) != token_hash(other)


def test_a_token_of_another_key_is_not_ours() -> None:
    assert RefreshTokens(b"k" * 32).session_of(TOKENS.make("session-1")) is None


@given(at=st.integers(0, 70), character=st.sampled_from("aZ09-_."))
def test_a_changed_token_is_not_ours(at: int, character: str) -> None:
    token = TOKENS.make("session-1")
    changed = token[:at] + character + token[at + 1 :]
    if changed != token:
        assert TOKENS.session_of(changed) is None


@given(st.text())
def test_arbitrary_text_is_not_ours(text: str) -> None:
    assert TOKENS.session_of(text) is None

"""Fixtures for the tests of the code's format."""

import pytest

from tests.unit.onecode.wire.support import Office


@pytest.fixture
def office() -> Office:
    """A new issuing side with its own keys."""
    return Office()

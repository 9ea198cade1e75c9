"""What tests of refusals say again and again."""

import pytest

from backend.core.errors import Refusal


def refused(code: str) -> "pytest.RaisesExc[Refusal]":
    """Expects a Refusal with exactly this code."""
    return pytest.raises(Refusal, match=f"^{code}$")

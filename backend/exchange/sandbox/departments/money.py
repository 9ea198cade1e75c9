"""Money as the interface writes it."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")


def cents(amount: Decimal) -> Decimal:
    """Rounded half-up to the cent."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def yuan(amount: Decimal) -> str:
    """Two decimals, rounded half-up; zero has no sign."""
    return f"{cents(amount) + 0:.2f}"

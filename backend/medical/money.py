"""Money is a Decimal with exactly two places, numeric(16,2); a ratio is numeric(5,4) from 0 to 1.

Products and quotients are exact in `EXACT`; only `half_up` rounds, once for each named amount.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation
from typing import Final

from backend.core.errors import Refusal

CENT: Final = Decimal("0.01")
ZERO: Final = Decimal("0.00")
ONE: Final = Decimal("1.0000")

# Wide enough for price × quantity × ratio × ratio without a rounding that nobody asked for.
EXACT: Final = Context(prec=64, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero])

_LIMIT: Final = Decimal(10) ** 14
_DECIMAL: Final = re.compile(r"[0-9]{1,14}(?:\.([0-9]{1,6}))?", re.ASCII)


def half_up(value: Decimal) -> Decimal:
    """`value` in yuan, rounded half-up to the cent."""
    return value.quantize(CENT, context=EXACT)


def product(left: Decimal, right: Decimal) -> Decimal:
    """left × right, rounded half-up to the cent."""
    return half_up(EXACT.multiply(left, right))


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, with two places even when there is nothing to add."""
    return sum(amounts, ZERO)


def room(cap: Decimal | None, used: Decimal) -> Decimal | None:
    """What is left below a yearly cap, never under zero; None when there is no cap."""
    return None if cap is None else max(cap - used, ZERO)


def at_most(amount: Decimal, limit: Decimal | None) -> Decimal:
    """The smaller of the two; None is no limit."""
    return amount if limit is None else min(amount, limit)


def is_money(value: object) -> bool:
    """Whether this is a finite Decimal with two places that fits numeric(16,2); it may be negative."""
    return _has_places(value, 2) and abs(value) < _LIMIT  # type: ignore[arg-type]  # _has_places knows.


def is_ratio(value: object) -> bool:
    """Whether this is a Decimal with four places from 0 to 1."""
    return _has_places(value, 4) and 0 <= value <= 1  # type: ignore[operator]  # _has_places knows.


def is_quantity(value: object, places: int) -> bool:
    """Whether this is a finite Decimal of zero or more, below 10^14, with at most so many places."""
    if not isinstance(value, Decimal) or not value.is_finite() or value.is_signed():
        return False
    return value < _LIMIT and -places <= _exponent(value) <= 0


def parse_decimal(text: str, *, places: int = 2) -> Decimal:
    """A number of zero or more as plain ASCII digits, brought to so many places.

    MEDICAL_AMOUNT_INVALID for anything else: a sign, an exponent, other digits, more places, over 14 digits.
    """
    found = _DECIMAL.fullmatch(text)
    if found is None or len(found[1] or "") > places:
        raise Refusal("MEDICAL_AMOUNT_INVALID")
    return Decimal(text).quantize(Decimal(1).scaleb(-places), context=EXACT)


def _has_places(value: object, places: int) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and _exponent(value) == -places


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 1

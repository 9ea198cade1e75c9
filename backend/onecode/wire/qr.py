"""Drawing: QR symbols of codes and cards (ISO/IEC 18004), as SVG or PNG."""

import io
from typing import Final, Literal

import segno

QUIET_ZONE: Final = 4
"""Modules of white on each side (ISO/IEC 18004 §6.3.8)."""
MAX_CODE_VERSION: Final = 12

Level = Literal["L", "M", "Q", "H"]


def symbol(text: str, *, level: Level = "M") -> segno.QRCode:
    """The smallest symbol for `text` at the error-correction level, in alphanumeric mode.

    ValueError when a character is outside the mode or the text is too long for version 40.
    """
    try:
        return segno.make_qr(text, error=level, mode="alphanumeric", boost_error=False)
    except segno.DataOverflowError as too_long:
        raise ValueError("too long for a QR symbol") from too_long


def svg(text: str, *, level: Level = "M", scale: int = 4) -> str:
    """The symbol as an SVG element with a view box, black on white, for pages and print."""
    out = io.BytesIO()
    symbol(text, level=level).save(
        out, kind="svg", border=QUIET_ZONE, scale=scale, light="white", omitsize=True, xmldecl=False, nl=False
    )
    return out.getvalue().decode("utf-8")


def png(text: str, *, level: Level = "M", scale: int = 8) -> bytes:
    """The symbol as a PNG of `scale` pixels a module, black on white.

    From 8 on, readers that look at a smaller copy too get through 5 % of wrong pixels.
    """
    out = io.BytesIO()
    symbol(text, level=level).save(out, kind="png", border=QUIET_ZONE, scale=scale, light="white")
    return out.getvalue()

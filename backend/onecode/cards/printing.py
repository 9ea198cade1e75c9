"""The card on paper, as SVG in millimetres: an ID-1 card (ISO/IEC 7810) and an A4 sheet in large type."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from backend.core.clock import CHINA
from backend.onecode.cards.models import PrintedCard
from backend.onecode.wire.qr import svg as draw

_FONTS: Final = "'Noto Sans SC','Source Han Sans SC','Microsoft YaHei','SimHei',sans-serif"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of text: its place, its size in millimetres, how it looks."""

    text: str
    x: float
    y: float
    size: float
    bold: bool = False
    middle: bool = False

    def svg(self) -> str:
        anchor = ' text-anchor="middle"' if self.middle else ""
        weight = ' font-weight="bold"' if self.bold else ""
        at = f'x="{self.x}" y="{self.y}" font-size="{self.size}"'
        return f"<text {at}{anchor}{weight}>{escape(self.text)}</text>"


def draw_card(card: PrintedCard) -> str:
    """The card of 85.6 × 54 mm: the symbol on the left; name, masked number and validity on the right."""
    lines = (
        _Line("一码通域", 52, 9, 5.4, bold=True),
        _Line("长株潭 · 实体卡", 52, 14, 3),
        _Line(card.name, 52, 25, _fitting(card.name, 32, 7), bold=True),
        _Line(card.masked_number, 52, 32, 2.8),
        _Line(f"有效期至 {_day(card)}", 52, 38, 3),
        _Line("请出示身份证件核对本人", 52, 45, 2.8),
        _Line(card.serial, 52, 50.5, 1.9),
    )
    return _page(85.6, 54, lines, _symbol(card.text, 2, 3, 48))


def draw_sheet(card: PrintedCard) -> str:
    """The A4 sheet (210 × 297 mm) with all of it in large type, for those who see badly."""
    lines = (
        _Line("一码通域 实体卡", 105, 30, 16, bold=True, middle=True),
        _Line(card.name, 105, 60, _fitting(card.name, 180, 24), bold=True, middle=True),
        _Line(card.masked_number, 105, 76, 10, middle=True),
        _Line(f"有效期至 {_day(card)}", 105, 222, 12, bold=True, middle=True),
        _Line("办事时请出示本码，并携带身份证件核对本人。", 105, 240, 8, middle=True),
        _Line("遗失请尽快到任一窗口办理停用。", 105, 253, 8, middle=True),
        _Line(f"卡号 {card.serial}", 105, 270, 5, middle=True),
    )
    return _page(210, 297, lines, _symbol(card.text, 40, 82, 130))


def _page(width: float, height: float, lines: Iterable[_Line], symbol: str) -> str:
    texts = "".join(line.svg() for line in lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" '
        f'viewBox="0 0 {width} {height}"><rect width="100%" height="100%" fill="#fff"/>'
        f'<g font-family="{_FONTS}" fill="#000">{texts}</g>{symbol}</svg>'
    )


def _symbol(text: str, x: float, y: float, size: float) -> str:
    placed = f'<svg x="{x}" y="{y}" width="{size}" height="{size}" '
    return draw(text).replace("<svg ", placed, 1)


def _fitting(text: str, width: float, largest: float) -> float:
    """The size at which the text, of full-width characters, fits into `width`."""
    return round(min(largest, width / max(len(text), 1)), 2)


def _day(card: PrintedCard) -> str:
    return card.expires_at.astimezone(CHINA).date().isoformat()

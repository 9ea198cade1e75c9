"""QR symbols: alphanumeric, at most version 12, and read by zxing-cpp under what desks meet."""

import io
import random
import xml.etree.ElementTree as ET

import pytest
import zxingcpp
from PIL import Image

from backend.onecode.wire import qr
from backend.onecode.wire.card import Card, encode_card
from backend.onecode.wire.keys import SigningKey
from tests.unit.onecode.wire.support import DAY, NOW, Office


def scanned(image: Image.Image) -> list[str]:
    found = zxingcpp.read_barcodes(
        image, formats=zxingcpp.BarcodeFormat.QRCode, text_mode=zxingcpp.TextMode.Plain
    )
    return [one.text for one in found]


def picture(text: str) -> Image.Image:
    return Image.open(io.BytesIO(qr.png(text))).convert("L")


def with_noise(image: Image.Image, share: float) -> Image.Image:
    """The picture with `share` of its pixels turned black or white at random."""
    rng = random.Random(5)
    noisy = image.copy()
    for _ in range(int(share * image.width * image.height)):
        noisy.putpixel((rng.randrange(image.width), rng.randrange(image.height)), rng.choice((0, 255)))
    return noisy


@pytest.mark.parametrize("angle", [0, 15, 45, 90, 137, 180, 270])
def test_a_code_is_read_as_served_and_rotated(office: Office, angle: int) -> None:
    code = office.code()
    assert scanned(picture(code).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)) == [
        code
    ]


def test_a_code_is_read_at_half_its_size(office: Office) -> None:
    code = office.code()
    image = picture(code)
    assert scanned(image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)) == [code]


def test_a_code_is_read_with_five_percent_noise(office: Office) -> None:
    code = office.code()
    assert scanned(with_noise(picture(code), 0.05)) == [code]


def test_the_quiet_zone_is_four_modules_of_white(office: Office) -> None:
    image = picture(office.code())
    assert image.width == (17 + 4 * 12 + 8) * 8
    assert image.crop((0, 0, image.width, 32)).getextrema() == (255, 255)
    assert image.crop((0, 0, 32, image.height)).getextrema() == (255, 255)
    assert image.getpixel((32, 32)) == 0


def test_the_svg_draws_the_same_symbol(office: Office) -> None:
    code = office.code()
    root = ET.fromstring(qr.svg(code, scale=1))  # noqa: S314 - our own output.
    assert root.attrib["viewBox"] == "0 0 73 73"
    assert "width" not in root.attrib
    assert "script" not in qr.svg(code)


def test_a_card_with_a_photo_is_read_from_its_symbol() -> None:
    attributes: dict[int, object] = {1: "7", 4: "李长沙", 16: random.Random(1).randbytes(700), 17: 4}
    text = encode_card(Card("cs", attributes, NOW, NOW + DAY), SigningKey.generate())
    assert scanned(picture(text)) == [text]


@pytest.mark.parametrize("text", ["lower case", "A" * 5000])
def test_what_does_not_fit_the_mode_or_any_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        qr.symbol(text)

"""Reading a code or a card from a picture."""

import struct
import zlib
from pathlib import Path
from typing import Final

import zxingcpp
from PIL import Image

from backend.onecode.wire.errors import CodeRejected

MAX_PIXELS: Final = 50_000_000
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
# What Pillow raises for broken files of these formats.
_BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def read_image(path: Path) -> str:
    """The text of the one QR symbol in a picture (PNG, JPEG, WebP, BMP or GIF).

    Raises CodeRejected: IMAGE_UNREADABLE when it is no picture or larger than 50 megapixels,
    IMAGE_WITHOUT_CODE when it holds no QR symbol or more than one.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise CodeRejected("IMAGE_UNREADABLE")
            grey = image.convert("L")
    except _BROKEN:
        raise CodeRejected("IMAGE_UNREADABLE") from None
    found = zxingcpp.read_barcodes(
        grey,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        text_mode=zxingcpp.TextMode.Plain,
    )
    if len(found) != 1:
        raise CodeRejected("IMAGE_WITHOUT_CODE")
    return found[0].text

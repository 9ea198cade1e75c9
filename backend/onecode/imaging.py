"""Reading a code or a card from a picture."""

from pathlib import Path
from typing import Final

import zxingcpp
from PIL import Image, UnidentifiedImageError

from backend.onecode.wire.errors import CodeRejected

MAX_PIXELS: Final = 50_000_000


def read_image(path: Path) -> str:
    """The text of the one QR symbol in a picture.

    Raises CodeRejected: IMAGE_UNREADABLE when it is no picture or larger than 50 megapixels,
    IMAGE_WITHOUT_CODE when it holds no QR symbol or more than one.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise CodeRejected("IMAGE_UNREADABLE")
            grey = image.convert("L")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        raise CodeRejected("IMAGE_UNREADABLE") from None
    found = zxingcpp.read_barcodes(
        grey,
        formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode),
        text_mode=zxingcpp.TextMode.Plain,
    )
    if len(found) != 1:
        raise CodeRejected("IMAGE_WITHOUT_CODE")
    return found[0].text

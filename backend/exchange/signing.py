"""Signed requests to the sharing exchange: an HMAC over everything that matters, with a key of each pair."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from backend.core.clock import epoch, from_epoch

WINDOW: Final = timedelta(minutes=5)
"""How far a request's time may lie from the receiver's clock."""

SIGNATURE_HEADER: Final = "X-Exchange-Signature"
TIME_HEADER: Final = "X-Exchange-Time"
CALLER_HEADER: Final = "X-Exchange-Caller"


def signed_headers(
    caller: str, key: bytes, method: str, path: str, content: bytes, now: datetime
) -> dict[str, str]:
    """The three headers that prove who calls: caller's name, seconds since 1970, HMAC-SHA-256 in hex."""
    moment = str(epoch(now))
    return {
        CALLER_HEADER: caller,
        TIME_HEADER: moment,
        SIGNATURE_HEADER: _mac(key, caller, moment, method, path, content),
    }


def is_signed_by(
    caller: str,
    key: bytes,
    method: str,
    path: str,
    content: bytes,
    moment: str,
    signature: str,
    now: datetime,
) -> bool:
    """Whether `signature` was made with `key` for exactly this request, within the window around `now`."""
    expected = _mac(key, caller, moment, method, path, content)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        return False
    return moment.isascii() and moment.isdigit() and abs(now - from_epoch(int(moment))) <= WINDOW


def _mac(key: bytes, caller: str, moment: str, method: str, path: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    text = "\n".join((caller, moment, method, path, digest))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

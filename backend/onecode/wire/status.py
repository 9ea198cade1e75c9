"""Status lists: a bit a credential, in a Token Status List (draft-ietf-oauth-status-list-18) as a CWT."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backend.core.clock import epoch, from_epoch
from backend.onecode.wire import cbor, cose
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.keys import SigningKey
from backend.onecode.wire.trust import CLOCK_SKEW, TrustedKey, TrustList

TYPE: Final = "application/statuslist+cwt"
MAX_TOKEN_BYTES: Final = 1 << 20
MAX_LIST_BYTES: Final = 1 << 21
"""Two mebibytes are 16 million entries; a token that inflates to more is refused while inflating."""

_SUB, _EXP, _IAT, _STATUS_LIST, _TTL = 2, 4, 6, 65533, 65534


@dataclass(frozen=True, slots=True)
class StatusList:
    """A status list whose signature was checked; bit `index` (least significant first) set means revoked."""

    uri: str
    issuer: str
    issued_at: datetime
    expires_at: datetime
    ttl: timedelta
    bits: bytes

    def is_revoked(self, index: int) -> bool:
        """Whether the entry's bit is set; STATUS_LIST_INVALID when the list is too short for it."""
        if index >> 3 >= len(self.bits):
            raise invalid("no such index")
        return bool(self.bits[index >> 3] >> (index & 7) & 1)

    def is_stale(self, now: datetime) -> bool:
        """Whether the list has reached its `exp`, and says nothing any more."""
        return now >= self.expires_at

    def is_due(self, now: datetime) -> bool:
        """Whether a verifier with a network should fetch the list again: its `ttl` has passed."""
        return now >= self.issued_at + self.ttl


def invalid(detail: str) -> TrustRejected:
    """The refusal of a status list that is malformed, wrongly signed, or another one than asked for."""
    return TrustRejected("STATUS_LIST_INVALID", detail=detail)


def status_bits(size: int, revoked: Iterable[int]) -> bytes:
    """The bytes of a list of `size` entries with the bits of `revoked` set; IndexError for one beyond it."""
    bits = bytearray((size + 7) // 8)
    for index in revoked:
        bits[index >> 3] |= 1 << (index & 7)
    return bytes(bits)


def sign_status_list(
    bits: bytes,
    uri: str,
    key: SigningKey,
    *,
    issued_at: datetime,
    lifetime: timedelta,
    ttl: timedelta,
    deterministic: bool = False,
) -> bytes:
    """The Status List Token (§5.2) for `bits` at `uri`, zlib-compressed at the highest level."""
    claims = {
        _SUB: uri,
        _EXP: epoch(issued_at + lifetime),
        _IAT: epoch(issued_at),
        _STATUS_LIST: {"lst": zlib.compress(bits, 9), "bits": 1},
        _TTL: int(ttl.total_seconds()),
    }
    return cose.sign1(cbor.encode(claims), key, {cose.TYP: TYPE}, deterministic=deterministic)


def load_status_list(
    token: bytes, trust_list: TrustList, *, now: datetime, uri: str | None = None
) -> StatusList:
    """The list in `token`, once a key of the trust list whose addresses cover it has signed it.

    With `uri` it must be that list. Raises TrustRejected(STATUS_LIST_INVALID, or STATUS_LIST_STALE at `exp`).
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise invalid("too long")
    try:
        status_list = _loaded(token, trust_list)
    except TrustRejected:
        raise
    except CodeRejected as refusal:
        raise invalid(refusal.code) from None
    if uri not in (None, status_list.uri):
        raise invalid("another list than asked for")
    if status_list.is_stale(now):
        raise TrustRejected("STATUS_LIST_STALE")
    if status_list.issued_at > now + CLOCK_SKEW:
        raise invalid("issued in the future")
    return status_list


def _loaded(token: bytes, trust_list: TrustList) -> StatusList:
    message = cose.parse_sign1(token)
    trusted = trust_list.by_kid(message.header.get(cose.KID))
    if trusted is None or message.unprotected or message.header.get(cose.TYP) != TYPE:
        raise invalid("unknown key, or not a status list")
    claims = cbor.decode(message.verify(trusted.key))
    if not isinstance(claims, dict):
        raise invalid("the claims aren't a map")
    status_list = _from_claims(claims, trusted)
    prefix, _, suffix = trusted.status_uri.partition("{list}")
    number = status_list.uri.removeprefix(prefix).removesuffix(suffix)
    if not number.isdecimal() or trusted.status_uri_of(int(number)) != status_list.uri:
        raise invalid("not an address of its issuer")
    if not trusted.not_before <= status_list.issued_at <= trusted.retire_at:
        raise invalid("signed outside its key's time")
    return status_list


def _from_claims(claims: dict[object, object], trusted: TrustedKey) -> StatusList:
    uri, body = claims.get(_SUB), claims.get(_STATUS_LIST)
    if not isinstance(uri, str) or len(uri) > 512 or not isinstance(body, dict) or body.get("bits") != 1:
        raise invalid("no subject, or not one bit an entry")
    issued, expires, ttl = (_seconds(claims.get(claim)) for claim in (_IAT, _EXP, _TTL))
    bits = inflate(body.get("lst"), MAX_LIST_BYTES)
    return StatusList(
        uri, trusted.issuer, from_epoch(issued), from_epoch(expires), timedelta(seconds=ttl), bits
    )


def _seconds(value: object) -> int:
    if not isinstance(value, int) or not 0 < value < 1 << 32:
        raise invalid("iat, exp and ttl are needed")
    return value


def inflate(data: object, limit: int) -> bytes:
    """The zlib stream's content (RFC 1950), whole, `limit` bytes at most; else CODE_DECOMPRESSION_FAILED."""
    if not isinstance(data, bytes):
        raise CodeRejected("CODE_DECOMPRESSION_FAILED", detail="no zlib stream")
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(data, limit)
    except zlib.error:
        raise CodeRejected("CODE_DECOMPRESSION_FAILED", detail="not a zlib stream") from None
    if not stream.eof or stream.unused_data:
        raise CodeRejected(
            "CODE_DECOMPRESSION_FAILED", detail="too large, cut short, or followed by other bytes"
        )
    return content

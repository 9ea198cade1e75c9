"""The printed card (实体卡) for people without a phone: MOSIP Claim 169 in a CWT, zlib and base45.

Unlike the code it names its holder, lives for months and has no proof of possession: the desk compares the
person with the photo or another document, and asks the card's status.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.core.clock import epoch, from_epoch
from backend.onecode.wire import base45, cbor, cose
from backend.onecode.wire.algorithms import unsupported
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey, VerifyKey
from backend.onecode.wire.status import inflate

CLAIM: Final = 169
STATUS_CLAIM: Final = 65535
MAX_TEXT: Final = 8192
MAX_BYTES: Final = 1 << 16
"""A card that inflates to more than 64 KiB is refused while inflating; a QR symbol carries under 3 KiB."""

FIELDS: Final[Mapping[int, str]] = {
    1: "id",
    2: "version",
    3: "language",
    4: "fullName",
    5: "firstName",
    6: "middleName",
    7: "lastName",
    8: "dateOfBirth",
    9: "gender",
    10: "address",
    11: "email",
    12: "phone",
    13: "nationality",
    14: "maritalStatus",
    15: "guardian",
    16: "photo",
    17: "photoFormat",
    18: "bestQualityFingers",
    19: "secondaryFullName",
    20: "secondaryLanguage",
    21: "locationCode",
    22: "legalStatus",
    23: "countryOfIssuance",
    50: "rightThumb",
    51: "rightPointerFinger",
    52: "rightMiddleFinger",
    53: "rightRingFinger",
    54: "rightLittleFinger",
    55: "leftThumb",
    56: "leftPointerFinger",
    57: "leftMiddleFinger",
    58: "leftRingFinger",
    59: "leftLittleFinger",
    60: "rightIris",
    61: "leftIris",
    62: "face",
    63: "rightPalm",
    64: "leftPalm",
    65: "voice",
}
"""The names of Claim 169's attributes; others are kept by number."""

_ISS, _SUB, _EXP, _NBF, _IAT = 1, 2, 4, 5, 6
_ENCRYPT0, _A256GCM, _IV = 16, 3, 5


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says. `attributes` are Claim 169's, by number (`FIELDS`); times are aware UTC seconds.

    `status` is the card's place in a status list: its address and index.
    """

    issuer: str
    attributes: Mapping[int, object]
    issued_at: datetime | None
    expires_at: datetime | None
    subject: str | None = None
    not_before: datetime | None = None
    status: tuple[str, int] | None = None

    def named(self) -> dict[str, object]:
        """The attributes that have a name, by it."""
        return {FIELDS[number]: value for number, value in self.attributes.items() if number in FIELDS}


@dataclass(frozen=True, slots=True)
class ReadCard:
    """A card as it was read: its content, and the message whose signature is yet to be checked."""

    card: Card
    message: cose.Sign1

    @property
    def kid(self) -> bytes | None:
        """The identifier of the key that the card names, if it does."""
        kid = self.message.parameter(cose.KID)
        return kid if isinstance(kid, bytes) else None


def encode_card(card: Card, key: SigningKey, *, deterministic: bool = False) -> str:
    """The text of a signed card (ES256 or EdDSA, by the key), for a QR symbol in alphanumeric mode."""
    claims: dict[int, object] = {_ISS: card.issuer}
    for number, value in (
        (_SUB, card.subject),
        (_EXP, card.expires_at),
        (_NBF, card.not_before),
        (_IAT, card.issued_at),
    ):
        if value is not None:
            claims[number] = epoch(value) if isinstance(value, datetime) else value
    claims[CLAIM] = dict(sorted(card.attributes.items()))
    if card.status is not None:
        uri, index = card.status
        claims[STATUS_CLAIM] = {"status_list": {"idx": index, "uri": uri}}
    message = cose.sign1(cbor.encode(claims), key, {}, deterministic=deterministic)
    return base45.encode(zlib.compress(message, 9))


def read_card(text: str, *, decryption_key: bytes | None = None) -> ReadCard:
    """The card in `text`, its signature not checked yet.

    Raises CodeRejected: CARD_MALFORMED (base45, CBOR, COSE or CWT), CODE_DECOMPRESSION_FAILED,
    CARD_CLAIM_MISSING, CARD_ENCRYPTED (no key, or not this one). `decryption_key` is 32 bytes (A256GCM).
    """
    if len(text) > MAX_TEXT:
        raise CodeRejected("CODE_TOO_LONG")
    try:
        return _read(text, decryption_key)
    except CodeRejected as refusal:
        if refusal.code != "CODE_MALFORMED":
            raise
        raise CodeRejected("CARD_MALFORMED", detail=str(refusal.params.get("detail", ""))) from None


def verify_card(text: str, key: VerifyKey, *, now: datetime, decryption_key: bytes | None = None) -> Card:
    """The card's content, once `key` has signed it and it is within its time.

    Raises what `read_card` does, and CARD_SIGNATURE_INVALID, CARD_NOT_YET_VALID, CARD_EXPIRED.
    """
    read = read_card(text, decryption_key=decryption_key)
    try:
        read.message.verify(key)
    except CodeRejected as refusal:
        if refusal.code != "CODE_SIGNATURE_INVALID":
            raise
        raise CodeRejected("CARD_SIGNATURE_INVALID") from None
    require_current(read.card, now)
    return read.card


def require_current(card: Card, now: datetime) -> None:
    """CARD_NOT_YET_VALID before `nbf`, CARD_EXPIRED from `exp` on (RFC 8392 §3.1.4, §3.1.5)."""
    if card.not_before is not None and now < card.not_before:
        raise CodeRejected("CARD_NOT_YET_VALID")
    if card.expires_at is not None and now >= card.expires_at:
        raise CodeRejected("CARD_EXPIRED")


def _read(text: str, decryption_key: bytes | None) -> ReadCard:
    data = inflate(base45.decode(text), MAX_BYTES)
    if data[:1] == b"\xd0":  # tag 16, COSE_Encrypt0
        data = _decrypted(data, decryption_key)
        if data[:1] != b"\xd2":  # no tag 18: not signed
            return _claims_only(data)
    message = cose.parse_sign1(data)
    return ReadCard(_card(cbor.decode(message.payload or b"")), message)


def _claims_only(data: bytes) -> ReadCard:
    """An encrypted card may hold a bare claims set, which then is as good as unsigned."""
    unsigned = cose.Sign1(b"", {}, {}, data, b"", tagged=False)
    return ReadCard(_card(cbor.decode(data)), unsigned)


def _decrypted(data: bytes, key: bytes | None) -> bytes:
    """The plaintext of a COSE_Encrypt0 with A256GCM (RFC 9052 §5.2, §5.3)."""
    message = cbor.decode(data)
    content = message.content if isinstance(message, cbor.Tagged) else None
    if not isinstance(content, list) or len(content) != 3:
        raise CodeRejected("CARD_MALFORMED", detail="cose: not a COSE_Encrypt0")
    protected, unprotected, ciphertext = content
    header = cbor.decode(protected) if isinstance(protected, bytes) else None
    if not isinstance(header, dict) or not isinstance(unprotected, dict) or not isinstance(ciphertext, bytes):
        raise CodeRejected("CARD_MALFORMED", detail="cose: bad headers")
    if header.get(cose.ALG) != _A256GCM:
        raise unsupported(f"encryption {header.get(cose.ALG)!s:.16}")
    iv = unprotected.get(_IV, header.get(_IV))
    if not isinstance(iv, bytes) or len(iv) != 12:
        raise CodeRejected("CARD_MALFORMED", detail="cose: bad IV")
    if key is None:
        raise CodeRejected("CARD_ENCRYPTED", detail="no key given")
    try:
        return AESGCM(key).decrypt(iv, ciphertext, cbor.encode(["Encrypt0", protected, b""]))
    except InvalidTag:
        raise CodeRejected("CARD_ENCRYPTED", detail="not this key") from None


def _card(claims: object) -> Card:
    if not isinstance(claims, dict):
        raise CodeRejected("CARD_MALFORMED", detail="cwt: the claims aren't a map")
    attributes = claims.get(CLAIM)
    if CLAIM not in claims:
        raise CodeRejected("CARD_CLAIM_MISSING")
    if not isinstance(attributes, dict) or not all(isinstance(number, int) for number in attributes):
        raise CodeRejected("CARD_MALFORMED", detail="cwt: claim 169 isn't a map by number")
    issuer, subject = claims.get(_ISS, ""), claims.get(_SUB)
    if not isinstance(issuer, str) or not isinstance(subject, str | None):
        raise CodeRejected("CARD_MALFORMED", detail="cwt: iss or sub")
    return Card(
        issuer,
        attributes,
        _moment(claims.get(_IAT)),
        _moment(claims.get(_EXP)),
        subject,
        _moment(claims.get(_NBF)),
        _status(claims.get(STATUS_CLAIM)),
    )


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise CodeRejected("CARD_MALFORMED", detail="cwt: a time out of range")
    return from_epoch(value)


def _status(claim: object) -> tuple[str, int] | None:
    if claim is None:
        return None
    entry = claim.get("status_list") if isinstance(claim, dict) else None
    uri, index = (entry.get("uri"), entry.get("idx")) if isinstance(entry, dict) else (None, None)
    if not isinstance(uri, str) or not isinstance(index, int) or index < 0:
        raise CodeRejected("CARD_MALFORMED", detail="cwt: status")
    return uri, index

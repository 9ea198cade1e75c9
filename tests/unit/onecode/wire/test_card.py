"""The printed card: written and read by two implementations, and refused for the right reason."""

import zlib
from datetime import timedelta

import cbor2
import claim169
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.onecode.wire import base45, card, cose, qr
from backend.onecode.wire.card import Card, encode_card, read_card, verify_card
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey
from tests.unit.onecode.wire.support import DAY, NOW

ATTRIBUTES: dict[int, object] = {
    1: "4301-0007",
    4: "李长沙",
    8: "19510203",
    9: 2,
    16: b"\xff\xd8" * 150,
    17: 1,
}
CARD = Card(
    "cs.tongyu", ATTRIBUTES, NOW, NOW + 365 * DAY, "4301-0007", NOW, ("https://status.example/cs/9", 77)
)
SECOND = timedelta(seconds=1)


def refused(text: str, code: str, key: SigningKey | None = None) -> None:
    with pytest.raises(CodeRejected) as refusal:
        read_card(text) if key is None else verify_card(text, key.verify_key(), now=NOW)
    assert refusal.value.code == code


@pytest.mark.parametrize("algorithm", [-7, -8])
def test_a_card_reads_back(algorithm: int) -> None:
    key = SigningKey.generate(algorithm)
    text = encode_card(CARD, key)
    assert verify_card(text, key.verify_key(), now=NOW) == CARD
    assert read_card(text).kid == key.kid
    assert read_card(text).card.named()["fullName"] == "李长沙"


def test_the_reference_library_reads_our_card() -> None:
    key = SigningKey.generate(-8)
    public = key.verify_key().public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    found = claim169.decode_with_ed25519(encode_card(CARD, key), public)
    assert found.is_verified()
    assert found.claim169.full_name == "李长沙"
    assert found.cwt_meta.issuer == "cs.tongyu"
    key = SigningKey.generate(-7)
    point = key.verify_key().public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    assert claim169.decode_with_ecdsa_p256(encode_card(CARD, key), point).is_verified()


def test_we_read_the_reference_librarys_card() -> None:
    key = SigningKey.generate(-8)
    person = claim169.Claim169Input(id="7", full_name="Ann")
    meta = claim169.CwtMetaInput(issuer="https://x.example", expires_at=int((NOW + DAY).timestamp()))
    encoded = claim169.encode_with_ed25519(person, meta, key.private.private_bytes_raw())
    text = encoded if isinstance(encoded, str) else encoded.qr_data
    found = verify_card(text, key.verify_key(), now=NOW)
    assert (found.issuer, found.named()["fullName"]) == ("https://x.example", "Ann")


def test_a_card_has_its_time() -> None:
    key = SigningKey.generate()
    text = encode_card(CARD, key)
    verify_card(text, key.verify_key(), now=NOW + 365 * DAY - SECOND)
    for moment, code in ((NOW - SECOND, "CARD_NOT_YET_VALID"), (NOW + 365 * DAY, "CARD_EXPIRED")):
        with pytest.raises(CodeRejected, match=code):
            verify_card(text, key.verify_key(), now=moment)


def test_a_card_by_another_key_or_changed_is_refused() -> None:
    key = SigningKey.generate()
    text = encode_card(CARD, key)
    refused(text, "CARD_SIGNATURE_INVALID", SigningKey.generate())
    refused(text, "CODE_ALGORITHM_UNSUPPORTED", SigningKey.generate(-8))
    message = bytearray(zlib.decompress(base45.decode(text)))
    message[-1] ^= 1
    refused(base45.encode(zlib.compress(bytes(message))), "CARD_SIGNATURE_INVALID", key)


def test_a_card_without_signature_is_read_and_never_verified() -> None:
    payload = cbor2.dumps({1: "x", card.CLAIM: {1: "7"}})
    unsigned = cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -7}), {}, payload, b""]))
    text = base45.encode(zlib.compress(unsigned))
    assert read_card(text).card.attributes == {1: "7"}
    refused(text, "CARD_SIGNATURE_INVALID", SigningKey.generate())


def test_an_encrypted_card_opens_with_its_key_only() -> None:
    key, secret, iv = SigningKey.generate(), bytes(32), bytes(12)
    inner = zlib.decompress(base45.decode(encode_card(CARD, key)))
    protected = cbor2.dumps({1: 3})
    sealed = AESGCM(secret).encrypt(iv, inner, cbor2.dumps(["Encrypt0", protected, b""]))
    text = base45.encode(zlib.compress(cbor2.dumps(cbor2.CBORTag(16, [protected, {5: iv}, sealed]))))
    assert verify_card(text, key.verify_key(), now=NOW, decryption_key=secret) == CARD
    refused(text, "CARD_ENCRYPTED")
    with pytest.raises(CodeRejected, match="CARD_ENCRYPTED"):
        read_card(text, decryption_key=b"k" * 32)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ([1, 2], "CARD_MALFORMED"),
        ("text", "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, b"\xa0", b""]), "CARD_CLAIM_MISSING"),
        (cbor2.CBORTag(18, [b"", {}, cbor2.dumps({169: []}), b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, cbor2.dumps({169: {"id": 1}}), b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, cbor2.dumps({169: {}, 4: "soon"}), b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, cbor2.dumps({169: {}, 4: 2**40}), b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, cbor2.dumps({169: {}, 1: 7}), b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, cbor2.dumps({169: {}, 65535: {}}), b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(18, [b"", {}, b"", b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(16, [b"", {}]), "CARD_MALFORMED"),
        (cbor2.CBORTag(16, [7, {}, b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(16, [b"\xa1\x01\x03", {5: b"short"}, b""]), "CARD_MALFORMED"),
        (cbor2.CBORTag(16, [b"\xa1\x01\x01", {5: bytes(12)}, b""]), "CODE_ALGORITHM_UNSUPPORTED"),
        (cbor2.CBORTag(98, [b"", {}, b"", []]), "CODE_ALGORITHM_UNSUPPORTED"),
    ],
)
def test_what_is_no_card_is_refused(content: object, code: str) -> None:
    refused(base45.encode(zlib.compress(cbor2.dumps(content))), code)


def test_a_decompression_bomb_is_refused_within_its_bound() -> None:
    bomb = base45.encode(zlib.compress(bytes(4_000_000), 9))
    assert len(bomb) < card.MAX_TEXT
    refused(bomb, "CODE_DECOMPRESSION_FAILED")
    refused("0" * (card.MAX_TEXT + 1), "CODE_TOO_LONG")


def test_a_card_is_not_a_code_and_a_code_is_no_card() -> None:
    text = encode_card(CARD, SigningKey.generate())
    assert not text.startswith("YM1:")
    with pytest.raises(CodeRejected, match=r"CARD_MALFORMED|CODE_DECOMPRESSION_FAILED"):
        read_card("YM1:" + text)


def test_a_card_with_a_small_photo_fits_a_symbol_that_prints_well() -> None:
    symbol = qr.symbol(encode_card(CARD, SigningKey.generate()), level="M")
    assert symbol.mode == "alphanumeric"
    assert symbol.version <= 20


def test_the_status_reference_is_the_token_status_lists() -> None:
    message = cose.parse_sign1(zlib.decompress(base45.decode(encode_card(CARD, SigningKey.generate()))))
    claims = cbor2.loads(message.payload or b"")
    assert claims[65535] == {"status_list": {"idx": 77, "uri": "https://status.example/cs/9"}}

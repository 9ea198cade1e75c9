"""Signed notes (C2SP signed-note): a text and the signatures under it, as transparency logs exchange them."""

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from backend.core.keyring import PrivateKey, PublicKey

MAX_NOTE: Final = 64 * 1024
_ED25519: Final = b"\x01"
_ECDSA_TYPE: Final = b"\x02"
_DASH: Final = "— "
_ECDSA = ECDSA(SHA256())


class BadNote(ValueError):
    """The note is malformed, or no known key signed it rightly."""


def key_id(name: str, public: PublicKey) -> bytes:
    """The four bytes that name a key: for Ed25519 a hash of name, type and key, for ECDSA one of its SPKI."""
    encoded = _encoded(public)
    if isinstance(public, EllipticCurvePublicKey):
        return hashlib.sha256(encoded[1:]).digest()[:4]
    return hashlib.sha256(name.encode() + b"\n" + encoded).digest()[:4]


def verifier_key(name: str, public: PublicKey) -> str:
    """The key as others' tools take it: `name+key id+key`, in hexadecimal and in base 64 with its type."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(_encoded(public)).decode()}"


def _encoded(public: PublicKey) -> bytes:
    """The signature type's byte and the key: 32 bytes for Ed25519, a DER SPKI for ECDSA."""
    if isinstance(public, EllipticCurvePublicKey):
        return _ECDSA_TYPE + public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _ED25519 + public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(text: str, name: str, private: PrivateKey) -> str:
    """The note of `text`, which ends in a newline, with one signature under `name`."""
    if isinstance(private, Ed25519PrivateKey):
        signature = private.sign(text.encode())
    else:
        signature = private.sign(text.encode(), _ECDSA)
    line = base64.b64encode(key_id(name, private.public_key()) + signature).decode()
    return f"{text}\n{_DASH}{name} {line}\n"


def verify(note: str, name: str, keys: Iterable[PublicKey]) -> str:
    """The text of a note that at least one of `keys` signed under `name`.

    Signatures by others (witnesses, other keys) are ignored. Raises BadNote when none is by a known key, or
    one by a known key is wrong.
    """
    text, lines = _split(note)
    known = {key_id(name, key): key for key in keys}
    signed = False
    for line in lines:
        signer, identity, signature = _signature(line)
        key = known.get(identity) if signer == name else None
        if key is not None:
            _check(key, signature, text)
            signed = True
    if not signed:
        raise BadNote("no known key signed the note")
    return text


def _split(note: str) -> tuple[str, list[str]]:
    text, gap, signatures = note.rpartition("\n\n")
    if len(note) > MAX_NOTE or not gap or not signatures.endswith("\n"):
        raise BadNote("not a signed note")
    if any(character < " " and character != "\n" for character in note):
        raise BadNote("a signed note holds no control characters")
    return text + "\n", signatures[:-1].split("\n")


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise BadNote("a signature isn't base 64") from fault
    if not line.startswith(_DASH) or not name or len(blob) <= 4:
        raise BadNote("not a signature line")
    return name, blob[:4], blob[4:]


def _check(key: PublicKey, signature: bytes, text: str) -> None:
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, text.encode(), _ECDSA)
        else:
            key.verify(signature, text.encode())
    except InvalidSignature as fault:
        raise BadNote("the signature is wrong") from fault

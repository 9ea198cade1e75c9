"""COSE_Sign1 (RFC 9052 §4.2): signing, parsing and verifying.

General enough for the working group's public examples (tagged or not, external data, detached payload,
parameters in either header); `credential.py` then allows the one code far less.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cbor2

from backend.onecode.wire import cbor
from backend.onecode.wire.algorithms import named, unsupported
from backend.onecode.wire.errors import CodeRejected, malformed
from backend.onecode.wire.keys import SigningKey, VerifyKey

ALG: Final = 1
CRIT: Final = 2
KID: Final = 4
TYP: Final = 16

_TAG: Final = 18
_OTHER_MESSAGES: Final = {
    98: "COSE_Sign (multi-signer)",
    97: "COSE_Mac",
    17: "COSE_Mac0",
    96: "COSE_Encrypt",
    16: "COSE_Encrypt0",
}


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed COSE_Sign1; nothing in it is trusted before `verify`."""

    protected: bytes
    header: Mapping[object, object]
    unprotected: Mapping[object, object]
    payload: bytes | None
    signature: bytes
    tagged: bool

    def parameter(self, label: int) -> object:
        """A header parameter, the protected one first; None when there is none."""
        return self.header.get(label, self.unprotected.get(label))

    def verify(self, key: VerifyKey, *, external: bytes = b"", detached: bytes | None = None) -> bytes:
        """The payload, once its signature by `key` is good.

        Refuses an unknown algorithm by name, one that isn't the key's, and critical headers that we
        don't know; CODE_SIGNATURE_INVALID when the signature is wrong.
        """
        algorithm = named(self.parameter(ALG))
        if algorithm is not key.algorithm:
            raise unsupported(f"{algorithm.name} with a key for {key.algorithm.name}")
        if CRIT in self.header or CRIT in self.unprotected:
            raise malformed("cose: critical header parameters")
        payload = self.payload if detached is None else detached
        if payload is None:
            raise malformed("cose: no payload")
        if not key.verify(self.signature, signature_structure(self.protected, payload, external)):
            raise CodeRejected("CODE_SIGNATURE_INVALID")
        return payload


def sign1(
    payload: bytes, key: SigningKey, header: Mapping[int, object], *, deterministic: bool = False
) -> bytes:
    """A tagged COSE_Sign1 with `alg` and `kid` of `key`, and `header` besides, all protected."""
    protected = cbor.encode({ALG: key.algorithm.number, KID: key.kid, **header})
    signature = key.sign(signature_structure(protected, payload, b""), deterministic=deterministic)
    return cbor.encode(cbor2.CBORTag(_TAG, [protected, {}, payload, signature]))


def signature_structure(protected: bytes, payload: bytes, external: bytes) -> bytes:
    """The Sig_structure of RFC 9052 §4.4; an empty protected map counts as an empty byte string."""
    body = b"" if protected == b"\xa0" else protected
    return cbor.encode(["Signature1", body, external, payload])


def parse_sign1(data: bytes) -> Sign1:
    """The COSE_Sign1 in `data`, tagged or not; other COSE messages are refused by name."""
    value = cbor.decode(data)
    tagged = isinstance(value, cbor.Tagged)
    if isinstance(value, cbor.Tagged):
        if value.tag in _OTHER_MESSAGES:
            raise unsupported(_OTHER_MESSAGES[value.tag])
        if value.tag != _TAG:
            raise malformed("cose: not a COSE_Sign1 tag")
        value = value.content
    if not isinstance(value, list) or len(value) != 4:
        raise malformed("cose: not an array of four")
    return _sign1(value, tagged=tagged)


def _sign1(value: list[object], *, tagged: bool) -> Sign1:
    protected, unprotected, payload, signature = value
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict):
        raise malformed("cose: bad headers")
    if not isinstance(payload, bytes | None) or not isinstance(signature, bytes):
        raise malformed("cose: bad payload or signature")
    header = cbor.decode(protected) if protected else {}
    if not isinstance(header, dict):
        raise malformed("cose: the protected header isn't a map")
    if header.keys() & unprotected.keys():
        raise malformed("cose: a parameter in both headers")
    return Sign1(protected, header, unprotected, payload, signature, tagged)

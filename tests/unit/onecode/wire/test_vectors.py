"""The published vectors: they are what the generator writes, and two implementations agree with them.

The second one is straight-line code over `cwt`, cbor2 and cryptography: it shares nothing with ours but the
document, and follows the steps of `docs/one-code.md` §8 by itself.
"""

import base64
import hashlib
import json
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import cbor2
import cwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from backend.core.clock import from_epoch
from backend.core.errors import Refusal
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.keys import from_jwk
from backend.onecode.wire.status import StatusList, load_status_list
from backend.onecode.wire.trust import TrustList, load_trust_list
from backend.onecode.wire.vectors.document import document
from backend.onecode.wire.verifier import OfflineVerifier
from tests.fakes import StandingClock

PATH = Path(__file__).parents[4] / "docs" / "one-code-vectors.json"
DOCUMENT = json.loads(PATH.read_text("utf-8"))
VECTORS = DOCUMENT["vectors"]
P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def test_the_document_is_what_the_generator_writes() -> None:
    assert PATH.read_text("utf-8") == document()


def test_the_command_writes_the_document(tmp_path: Path) -> None:
    path = tmp_path / "vectors.json"
    command = [sys.executable, "-m", "backend.onecode.wire.vectors"]
    subprocess.run([*command, str(path)], check=True)
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert path.read_text("utf-8") == printed == PATH.read_text("utf-8")


def test_there_are_enough_vectors_and_each_outcome_of_the_specification_has_one() -> None:
    outcomes = Counter(vector["outcome"] for vector in VECTORS)
    assert outcomes["ACCEPTED"] >= 20
    assert sum(outcomes.values()) - outcomes["ACCEPTED"] >= 60
    assert (
        len({vector["id"] for vector in VECTORS})
        == len({vector["name"] for vector in VECTORS})
        == len(VECTORS)
    )
    text = (PATH.parent / "one-code.md").read_text("utf-8")
    codes = text.partition("## 10")[2].partition("## 11")[0]
    for code in outcomes.keys() - {"ACCEPTED"}:
        assert f"`{code}`" in codes


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_our_verifier_judges_as_the_vector_says(vector: dict[str, object]) -> None:
    assert _judge(vector) == vector["outcome"]


def _judge(vector: dict[str, object]) -> str:
    try:
        trust_list = _trust_list(vector)
        verifier = OfflineVerifier(
            trust_list,
            _status_lists(vector, trust_list),
            clock=StandingClock(from_epoch(_integer(vector, "now"))),
            require_status=bool(vector.get("require_status", True)),
        )
        challenge = vector.get("challenge")
        verifier.verify(
            str(vector["text"]),
            domain=Domain.named(str(vector["domain"])),
            challenge=bytes.fromhex(challenge) if isinstance(challenge, str) else None,
        )
    except Refusal as refusal:
        return refusal.code
    return "ACCEPTED"


def _trust_list(vector: dict[str, object]) -> TrustList:
    return load_trust_list(
        DOCUMENT["trust_lists"][vector["trust_list"]],
        [from_jwk(DOCUMENT["keys"][name]) for name in DOCUMENT["pinned_roots"]],
        now=from_epoch(_integer(vector, "now")),
        highest_sequence=_integer(vector, "highest_sequence"),
    )


def _status_lists(vector: dict[str, object], trust_list: TrustList) -> list[StatusList]:
    if vector["status_list"] is None:
        return []
    token = bytes.fromhex(DOCUMENT["status_lists"][vector["status_list"]])
    try:
        return [load_status_list(token, trust_list, now=from_epoch(_integer(vector, "now")))]
    except Refusal as refusal:
        if refusal.code == "STATUS_LIST_STALE" and not vector.get("require_status", True):
            return []
        raise


def _integer(vector: dict[str, object], member: str) -> int:
    value = vector.get(member, 0)
    assert isinstance(value, int)
    return value


# The second implementation.


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_a_second_implementation_agrees_whether_to_accept(vector: dict[str, object]) -> None:
    try:
        _second_opinion(vector)
    except (
        AssertionError,
        ValueError,
        KeyError,
        TypeError,
        cwt.CWTError,
        cbor2.CBORDecodeError,
        InvalidSignature,
    ) as reason:
        assert vector["outcome"] != "ACCEPTED", repr(reason)  # noqa: PT017 - both branches are judged.
    else:
        assert vector["outcome"] == "ACCEPTED"


def _second_opinion(vector: dict[str, object]) -> None:
    now = _integer(vector, "now")
    trust = _jws_payload(DOCUMENT["trust_lists"][vector["trust_list"]])
    assert trust["seq"] >= _integer(vector, "highest_sequence")
    assert trust["iat"] - 30 <= now < min(trust["exp"], trust["iat"] + 7 * 86400)
    binary = _base45(str(vector["text"]))
    credential, proof, signature = _only_array(binary, 3)
    assert all(isinstance(part, bytes) for part in (credential, proof, signature))
    claims, key = _claims(credential, trust)
    assert claims[1] == key["iss"]
    assert key["nbf"] <= claims[6] <= key["retire"]
    assert claims[6] < claims[4]
    domains, number, index = claims[-65537]
    assert claims[4] - claims[6] <= (4 if domains & 0b1011 else 24) * 3600
    assert claims[6] <= now + 30
    assert now < claims[4]
    names = [
        "medical",
        "social_security",
        "education",
        "household",
        "school_gate",
        "transport",
        "library",
        "general",
    ]
    assert domains >> names.index(str(vector["domain"])) & 1
    assert vector["domain"] in key["domains"]
    _check_proof(claims[8], credential, proof, signature, vector)
    _check_status(key["status"].replace("{list}", str(number)), index, vector)


def _jws_payload(token: str) -> dict[str, object]:
    head, body, tail = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    root = DOCUMENT["keys"][DOCUMENT["pinned_roots"][0]]
    assert json.loads(head) == {"alg": "Ed25519", "kid": root["kid"], "typ": "tongyu-trust-list+jwt"}
    public = ed25519.Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(root["x"] + "=="))
    public.verify(tail, token.rpartition(".")[0].encode())
    payload: dict[str, object] = json.loads(body)
    return payload


def _base45(text: str) -> bytes:
    assert text.startswith("YM1:")
    digits = [ALPHABET.index(character) for character in text[4:]]
    assert len(digits) <= 768
    out = b""
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        assert len(group) > 1
        number = sum(digit * 45**place for place, digit in enumerate(group))
        assert number < 256 ** (len(group) - 1)
        out += number.to_bytes(len(group) - 1, "big")
    return out


def _only_array(data: bytes, size: int) -> list[object]:
    """An array in the one deterministic encoding that gives these very bytes back."""
    value = cbor2.loads(data)
    assert isinstance(value, list)
    assert len(value) == size
    assert cbor2.dumps(value) == data
    return value


def _claims(credential: bytes, trust: dict[str, object]) -> tuple[dict[int, object], dict[str, object]]:
    message = cbor2.loads(credential)
    assert cbor2.dumps(message) == credential
    assert isinstance(message, cbor2.CBORTag)
    assert message.tag == 18
    protected, unprotected, payload, signature = message.value
    assert unprotected == {}
    header = cbor2.loads(protected)
    assert list(header) == [1, 4]
    assert cbor2.dumps(header) == protected
    keys = {base64.urlsafe_b64decode(key["kid"] + "="): key for key in trust["keys"]}  # type: ignore[attr-defined]
    key = keys[header[4]]
    assert header[1] == {"ES256": -7, "Ed25519": -8}[key["alg"]]
    verified = cwt.COSE.new().decode(credential, _cwt_key(key))
    assert verified == payload
    if key["kty"] == "EC":
        assert int.from_bytes(signature[32:], "big") <= P256_N // 2
    claims = cbor2.loads(payload)
    assert list(claims) == [1, 4, 6, 7, 8, -65537]
    assert cbor2.dumps(claims) == payload
    assert isinstance(claims[7], bytes)
    assert len(claims[7]) == 16
    assert isinstance(claims[4], int)
    assert list(claims[8]) == [1]
    return claims, key


def _cwt_key(jwk: dict[str, str]) -> cwt.COSEKey:
    def octets(member: str) -> bytes:
        return base64.urlsafe_b64decode(jwk[member] + "==")

    if jwk["kty"] == "EC":
        return cwt.COSEKey.new({1: 2, 2: octets("kid"), 3: -7, -1: 1, -2: octets("x"), -3: octets("y")})
    return cwt.COSEKey.new({1: 1, 2: octets("kid"), 3: -8, -1: 6, -2: octets("x")})


def _check_proof(
    cnf: object, credential: bytes, proof: bytes, signature: bytes, vector: dict[str, object]
) -> None:
    assert isinstance(cnf, dict)
    key = cnf[1]
    step, nonce = _only_array(proof, 2)
    assert isinstance(nonce, bytes)
    assert 8 <= len(nonce) <= 32
    assert isinstance(step, int)
    message = b"YM1" + hashlib.sha256(credential).digest() + proof
    assert len(signature) == 64
    if key[1] == 2:
        assert list(key) == [1, -1, -2, -3]
        assert isinstance(key[-3], bool)
        point = bytes((2 + key[-3],)) + key[-2]
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        assert s <= P256_N // 2
        public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    else:
        assert list(key) == [1, -1, -2]
        ed25519.Ed25519PublicKey.from_public_bytes(key[-2]).verify(signature, message)
    assert abs(_integer(vector, "now") // 15 - step) <= 2
    assert vector.get("challenge") in (None, nonce.hex())


def _check_status(uri: str, index: int, vector: dict[str, object]) -> None:
    required = vector.get("require_status", True)
    if vector["status_list"] is None:
        assert not required
        return
    token = bytes.fromhex(DOCUMENT["status_lists"][vector["status_list"]])
    claims = cbor2.loads(cwt.COSE.new().decode(token, _cwt_key(DOCUMENT["keys"]["issuer"])))
    if _integer(vector, "now") >= claims[4]:
        assert not required
        return
    assert claims[2] == uri
    bits = zlib.decompress(claims[65533]["lst"])
    assert index < 8 * len(bits)
    assert not bits[index // 8] >> (index % 8) & 1

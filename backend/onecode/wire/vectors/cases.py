"""The vectors: what is done to a valid code, and what a verifier must say."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import cbor2

from backend.onecode.wire.credential import device_cose_key, protected_header
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.proof import step_at, step_start
from backend.onecode.wire.vectors.material import (
    CLAIMS,
    HOUR,
    ISSUER,
    KEYS,
    NONCE,
    NOW,
    SECOND,
    Recipe,
    high_s,
    last_bit_flipped,
)

ACCEPTED: Final = "ACCEPTED"
_STEP: Final = step_at(NOW)
_KID: Final = KEYS["issuer"].kid
_CHALLENGE: Final = bytes(range(0xC0, 0xC8))


@dataclass(frozen=True, slots=True)
class Case:
    """One vector: a code's text, the circumstances, and the outcome's code."""

    name: str
    text: str
    outcome: str
    now: datetime = NOW
    domain: Domain = Domain.MEDICAL
    challenge: bytes | None = None
    trust_list: str = "current"
    status_list: str | None = "none-revoked"
    require_status: bool = True
    highest_sequence: int = 0


def cases() -> Iterator[Case]:
    """All vectors, in the order of the verification steps."""
    yield from _accepted()
    yield from _trust()
    yield from _text()
    yield from _structure()
    yield from _headers()
    yield from _claims()
    yield from _issuer()
    yield from _times()
    yield from _proofs()
    yield from _status()


def _accepted() -> Iterator[Case]:
    code = Recipe().text()
    student = CLAIMS._replace(domains=Domain.EDUCATION | Domain.SCHOOL_GATE, expires_at=NOW + 23 * HOUR)
    ed25519 = device_cose_key(KEYS["device-ed25519"].verify_key().public)
    held = device_cose_key(KEYS["device-server-held"].verify_key().public)
    made: list[tuple[str, Recipe]] = [
        ("issuer key Ed25519", Recipe(issuer="issuer-ed25519")),
        ("device key Ed25519", Recipe(CLAIMS._replace(device_key=ed25519), device="device-ed25519")),
        ("proof by a server-held key", Recipe(CLAIMS._replace(device_key=held), device="device-server-held")),
        ("nonce of 23 bytes", Recipe(nonce=bytes(23))),
        ("nonce of 24 bytes, with a longer length", Recipe(nonce=bytes(24))),
        ("nonce of 32 bytes", Recipe(nonce=bytes(32))),
        ("domain mask with a bit that is not assigned yet", Recipe(CLAIMS._replace(domains=Domain(0x1FF)))),
        ("status index of one byte", Recipe(CLAIMS._replace(status_index=23))),
        (
            "issued 30 seconds ahead of the verifier's clock",
            Recipe(CLAIMS._replace(issued_at=NOW + 30 * SECOND)),
        ),
        ("one second before exp", Recipe(CLAIMS._replace(expires_at=NOW + SECOND))),
    ]
    yield Case("typical code, ES256 and ES256", code, ACCEPTED)
    yield from (Case(name, recipe.text(), ACCEPTED) for name, recipe in made)
    gate = Recipe(student).text()
    yield Case("24 hours for domains that are not sensitive", gate, ACCEPTED, domain=Domain.SCHOOL_GATE)
    issued = CLAIMS._replace(domains=Domain.EDUCATION)
    education = Recipe(issued, issuer="issuer-education-only").text()
    yield Case("key allowed for education only", education, ACCEPTED, domain=Domain.EDUCATION)
    answer = Recipe(nonce=_CHALLENGE).text()
    yield Case("challenge answered", answer, ACCEPTED, challenge=_CHALLENGE)
    first, last = step_start(_STEP - 2), step_start(_STEP + 3) - SECOND
    yield Case("first second of the proof window", code, ACCEPTED, now=first)
    yield Case("last second of the proof window", code, ACCEPTED, now=last)
    yield Case("trust list one second short of 7 days", code, ACCEPTED, trust_list="almost-seven-days-old")
    yield Case("highest sequence seen is this list's", code, ACCEPTED, highest_sequence=12)
    yield Case("neighbours revoked", code, ACCEPTED, status_list="neighbours-revoked")
    yield Case("status unknown, not required", code, ACCEPTED, status_list=None, require_status=False)
    old = "expired"
    yield Case("status list expired, not required", code, ACCEPTED, status_list=old, require_status=False)


def _trust() -> Iterator[Case]:
    code = Recipe().text()
    for name, outcome in (
        ("seven-days-old", "TRUST_LIST_STALE"),
        ("expired", "TRUST_LIST_STALE"),
        ("not-yet-valid", "TRUST_LIST_INVALID"),
        ("foreign-root", "TRUST_LIST_INVALID"),
    ):
        yield Case(f"trust list {name}", code, outcome, trust_list=name)
    yield Case(
        "trust list older than one seen", code, "TRUST_LIST_ROLLBACK", trust_list="older", highest_sequence=12
    )


def _text() -> Iterator[Case]:
    code = Recipe().text()
    changes: list[tuple[str, str, str]] = [
        ("empty text", "", "CODE_MALFORMED"),
        ("another version's prefix", "YM2" + code[3:], "CODE_MALFORMED"),
        ("prefix in lower case", "ym1" + code[3:], "CODE_MALFORMED"),
        ("base45 in lower case", code[:4] + code[4:].lower(), "CODE_MALFORMED"),
        ("character outside the alphabet", code[:50] + "#" + code[51:], "CODE_MALFORMED"),
        ("character outside ASCII", code[:50] + "\u0661" + code[51:], "CODE_MALFORMED"),
        ("group of three above 65535", code[:4] + ":::" + code[7:], "CODE_MALFORMED"),
        ("lone last character", code[:-1], "CODE_MALFORMED"),
        ("space before", " " + code, "CODE_MALFORMED"),
        ("line feed after", code + "\n", "CODE_MALFORMED"),
        ("768 base45 characters of zeros", "YM1:" + "0" * 768, "CODE_MALFORMED"),
        ("769 base45 characters", "YM1:" + "0" * 769, "CODE_TOO_LONG"),
    ]
    yield from (Case(name, text, outcome) for name, text, outcome in changes)


def _structure() -> Iterator[Case]:
    def joined(change: Callable[[list[bytes]], object]) -> Callable[[list[bytes]], bytes]:
        return lambda parts: cbor2.dumps(change(parts))

    def recoded(old: bytes, new: bytes) -> Callable[[list[bytes]], bytes]:
        return lambda parts: cbor2.dumps(parts).replace(old, new, 1)

    changes: list[tuple[str, Callable[[list[bytes]], bytes]]] = [
        ("byte after the array", lambda parts: cbor2.dumps(parts) + b"\x00"),
        ("array cut short by a byte", lambda parts: cbor2.dumps(parts)[:-1]),
        ("array of two", joined(lambda parts: parts[:2])),
        ("array of four", joined(lambda parts: [*parts, b""])),
        ("array of indefinite length", lambda parts: b"\x9f" + cbor2.dumps(parts)[1:] + b"\xff"),
        ("array length in two bytes", lambda parts: b"\x98\x03" + cbor2.dumps(parts)[1:]),
        ("credential's length in three bytes", recoded(b"\x83\x58", b"\x83\x59\x00")),
        ("proof's length in two bytes", recoded(b"\x4f\x82", b"\x58\x0f\x82")),
        ("tagged array", lambda parts: b"\xd9\xd9\xf7" + cbor2.dumps(parts)),
        ("map instead of an array", joined(lambda parts: dict(enumerate(parts)))),
        (
            "proof not wrapped in a byte string",
            joined(lambda parts: [parts[0], cbor2.loads(parts[1]), parts[2]]),
        ),
        ("device signature of 63 bytes", joined(lambda parts: [parts[0], parts[1], parts[2][:-1]])),
        ("512 zero bytes", lambda _: bytes(512)),
    ]
    yield from (Case(name, Recipe(parts=parts).text(), "CODE_MALFORMED") for name, parts in changes)


def _headers() -> Iterator[Case]:
    malformed, unsupported = "CODE_MALFORMED", "CODE_ALGORITHM_UNSUPPORTED"
    kid = b"\x04\x48" + _KID
    changes: list[tuple[str, Recipe, str]] = [
        ("credential without its tag", Recipe(tag=None), malformed),
        ("credential with a tag of no COSE message", Recipe(tag=999), malformed),
        ("credential as COSE_Sign, multi-signer", Recipe(tag=98), unsupported),
        ("credential as COSE_Mac0", Recipe(tag=17), unsupported),
        ("alg in the unprotected header too", Recipe(unprotected={1: -7}), malformed),
        (
            "kid in the unprotected header",
            Recipe(protected=b"\xa1\x01\x26", unprotected={4: _KID}),
            malformed,
        ),
        (
            "alg in the unprotected header only",
            Recipe(protected=b"\xa1" + kid, unprotected={1: -7}),
            malformed,
        ),
        ("another parameter in the unprotected header", Recipe(unprotected={99: 0}), malformed),
        ("another protected parameter", Recipe(protected=b"\xa3\x01\x26\x03\x00" + kid), malformed),
        ("critical parameter", Recipe(protected=b"\xa3\x01\x26\x02\x81\x18\x63" + kid), malformed),
        ("alg twice", Recipe(protected=b"\xa3\x01\x26\x01\x27" + kid), malformed),
        ("protected keys in another order", Recipe(protected=b"\xa2" + kid + b"\x01\x26"), malformed),
        ("kid of 7 bytes", Recipe(protected=b"\xa2\x01\x26\x04\x47" + _KID[:7]), malformed),
        ("alg ES384", Recipe(protected=b"\xa2\x01\x38\x22" + kid), unsupported),
        ("alg PS256", Recipe(protected=b"\xa2\x01\x38\x24" + kid), unsupported),
        ("alg SM2, not enabled", Recipe(protected=b"\xa2\x01\x3a\x00\x01\x00\x40" + kid), unsupported),
        ("alg 0, reserved", Recipe(protected=b"\xa2\x01\x00" + kid), unsupported),
        ("alg HMAC 256/256", Recipe(protected=b"\xa2\x01\x05" + kid), unsupported),
        ("alg as text", Recipe(protected=b"\xa2\x01\x65ES256" + kid), unsupported),
        ("alg EdDSA with an ES256 key", Recipe(protected=protected_header(-8, _KID)), unsupported),
        ("kid of no listed key", Recipe(issuer="issuer-unknown"), "CODE_ISSUER_UNKNOWN"),
    ]
    yield from (Case(name, recipe.text(), outcome) for name, recipe, outcome in changes)


def _claims() -> Iterator[Case]:
    def changed(**members: object) -> Callable[[bytes], bytes]:
        numbers = {int(name[1:]): value for name, value in members.items()}
        return lambda payload: cbor2.dumps(cbor2.loads(payload) | numbers)

    def without(key: int) -> Callable[[bytes], bytes]:
        return lambda payload: cbor2.dumps({k: v for k, v in cbor2.loads(payload).items() if k != key})

    uncompressed = {1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}
    changes: list[tuple[str, Callable[[bytes], bytes]]] = [
        *((f"claim {key} missing", without(key)) for key in (1, 4, 6, 7, 8, -65537)),
        ("another claim besides", changed(_2="resident")),
        ("exp as a floating-point number", changed(_4=1.5e9 + 0.5)),
        ("cti of 15 bytes", changed(_7=bytes(15))),
        ("cti of 17 bytes", changed(_7=bytes(17))),
        ("cnf with y in full", changed(_8={1: uncompressed})),
        ("cnf with a kid instead of a key", changed(_8={3: b"11"})),
        ("cnf with a private key", changed(_8={1: {1: 2, -1: 1, -2: bytes(32), -3: True, -4: bytes(32)}})),
        (
            "claims in another order",
            lambda payload: cbor2.dumps(dict(reversed(cbor2.loads(payload).items()))),
        ),
        ("claim twice", lambda payload: b"\xa7" + payload[1:] + b"\x01\x61\x78"),
        ("exp in eight bytes", lambda payload: payload.replace(b"\x04\x1a", b"\x04\x1b\x00\x00\x00\x00", 1)),
        (
            "mask in more bytes than needed",
            lambda payload: payload.replace(b"\x83\x18\xff", b"\x83\x19\x00\xff"),
        ),
        ("byte after the claims", lambda payload: payload + b"\x00"),
        ("no claims", lambda _: b""),
    ]
    yield from (Case(name, Recipe(payload=change).text(), "CODE_MALFORMED") for name, change in changes)
    off_curve = CLAIMS.device_key[:8] + _x_off_curve() + CLAIMS.device_key[40:]
    yield Case(
        "device key off the curve", Recipe(CLAIMS._replace(device_key=off_curve)).text(), "CODE_MALFORMED"
    )
    same = Recipe(CLAIMS._replace(expires_at=CLAIMS.issued_at)).text()
    yield Case("exp equal to iat", same, "CODE_MALFORMED")


def _x_off_curve() -> bytes:
    """An x without a point on P-256, found with nothing but the curve's equation (SEC 2 §2.4.2)."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    seed = int.from_bytes(hashlib.sha256(b"tongyu vectors: off the curve").digest(), "big") % p
    x = next(x for x in range(seed, seed + 64) if pow((x**3 - 3 * x + b) % p, (p - 1) // 2, p) == p - 1)
    return x.to_bytes(32, "big")


def _issuer() -> Iterator[Case]:
    unknown, invalid = "CODE_ISSUER_UNKNOWN", "CODE_SIGNATURE_INVALID"
    changes: list[tuple[str, Recipe, str]] = [
        ("iss is not the key's issuer", Recipe(CLAIMS._replace(issuer="zz.tongyu")), unknown),
        ("key is another issuer's", Recipe(issuer="issuer-zhuzhou"), unknown),
        ("iss differs in case", Recipe(CLAIMS._replace(issuer=ISSUER.upper())), unknown),
        ("issuer's signature with a bit flipped", Recipe(issuer_signature=last_bit_flipped), invalid),
        ("issuer's signature with high s", Recipe(issuer_signature=high_s), invalid),
        ("issuer's signature of zeros", Recipe(issuer_signature=lambda _: bytes(64)), invalid),
        (
            "signed by another key under this kid",
            Recipe(issuer="issuer-unknown", protected=protected_header(-7, _KID)),
            invalid,
        ),
    ]
    yield from (Case(name, recipe.text(), outcome) for name, recipe, outcome in changes)


def _times() -> Iterator[Case]:
    too_long, not_yet, retired = "CODE_LIFETIME_TOO_LONG", "CODE_NOT_YET_VALID", "CODE_KEY_RETIRED"
    issued = CLAIMS.issued_at
    school = CLAIMS._replace(domains=Domain.SCHOOL_GATE)
    changes: list[tuple[str, Recipe, str]] = [
        ("exp is now", Recipe(CLAIMS._replace(expires_at=NOW)), "CODE_EXPIRED"),
        (
            "exp passed an hour ago",
            Recipe(CLAIMS._replace(issued_at=NOW - 4 * HOUR, expires_at=NOW - HOUR)),
            "CODE_EXPIRED",
        ),
        ("issued 31 seconds ahead", Recipe(CLAIMS._replace(issued_at=NOW + 31 * SECOND)), not_yet),
        (
            "4 hours and a second, sensitive",
            Recipe(CLAIMS._replace(expires_at=issued + 4 * HOUR + SECOND)),
            too_long,
        ),
        ("24 hours and a second", Recipe(school._replace(expires_at=issued + 24 * HOUR + SECOND)), too_long),
        ("issued after its key retired", Recipe(issuer="issuer-retired"), retired),
        ("issued before its key came into use", Recipe(issuer="issuer-future"), retired),
    ]
    yield from (Case(name, recipe.text(), outcome) for name, recipe, outcome in changes)
    refused = "CODE_DOMAIN_NOT_ALLOWED"
    yield Case("domain not in the mask", Recipe(school).text(), refused)
    yield Case("domain not the key's", Recipe(issuer="issuer-education-only").text(), refused)


def _proofs() -> Iterator[Case]:
    invalid, malformed = "CODE_PROOF_INVALID", "CODE_MALFORMED"
    other = Recipe(CLAIMS._replace(handle=bytes(16))).credential()
    short = cbor2.dumps([_STEP, NONCE[:7]])
    changes: list[tuple[str, Recipe, str]] = [
        ("proof signed by another device", Recipe(device="device-other"), invalid),
        ("device's signature with a bit flipped", Recipe(proof_signature=last_bit_flipped), invalid),
        ("device's signature with high s", Recipe(proof_signature=high_s), invalid),
        ("proof of another credential", Recipe(credential_shown=lambda _: other), invalid),
        ("nonce of 7 bytes", Recipe(proof=lambda _: short), malformed),
        ("nonce of 33 bytes", Recipe(proof=lambda _: cbor2.dumps([_STEP, bytes(33)])), malformed),
        ("nonce as text", Recipe(proof=lambda _: cbor2.dumps([_STEP, "12345678"])), malformed),
        ("step as text", Recipe(proof=lambda _: cbor2.dumps([str(_STEP), NONCE])), malformed),
        (
            "step in eight bytes",
            Recipe(proof=lambda proof: b"\x82\x1b\x00\x00\x00\x00" + proof[2:]),
            malformed,
        ),
        ("third element in the proof", Recipe(proof=lambda proof: b"\x83" + proof[1:] + b"\x00"), malformed),
    ]
    yield from (Case(name, recipe.text(), outcome) for name, recipe, outcome in changes)
    code = Recipe().text()
    yield Case("a second past the window", code, "CODE_PROOF_EXPIRED", now=step_start(_STEP + 3))
    yield Case(
        "a second ahead of the window", code, "CODE_PROOF_FROM_FUTURE", now=step_start(_STEP - 2) - SECOND
    )
    yield Case("challenge not answered", code, "CODE_CHALLENGE_MISMATCH", challenge=_CHALLENGE)
    longer = Recipe(nonce=_CHALLENGE + b"\x00").text()
    yield Case(
        "challenge answered with a longer one", longer, "CODE_CHALLENGE_MISMATCH", challenge=_CHALLENGE
    )


def _status() -> Iterator[Case]:
    code = Recipe().text()
    yield Case("revoked", code, "CODE_REVOKED", status_list="revoked")
    yield Case(
        "revoked, status not required", code, "CODE_REVOKED", status_list="revoked", require_status=False
    )
    yield Case("no status list", code, "STATUS_LIST_MISSING", status_list=None)
    yield Case("another status list only", code, "STATUS_LIST_MISSING", status_list="other-list")
    yield Case("status list expired", code, "STATUS_LIST_STALE", status_list="expired")
    yield Case("index beyond the status list", code, "STATUS_LIST_INVALID", status_list="short")

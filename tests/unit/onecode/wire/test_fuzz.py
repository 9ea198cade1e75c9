"""Nothing but the code itself is accepted, and nothing that arrives raises anything but our error."""

import random
from collections.abc import Callable

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.clock import from_epoch
from backend.onecode.wire import base45, cbor, cose
from backend.onecode.wire.card import Card, encode_card, read_card
from backend.onecode.wire.code import parse_code
from backend.onecode.wire.credential import parse_credential
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.status import load_status_list
from backend.onecode.wire.trust import load_trust_list
from backend.onecode.wire.verifier import OfflineVerifier
from tests.unit.onecode.wire.support import HOUR, NOW, Office

OTHER_CHARACTERS = base45.ALPHABET + "abyz#_\n\u0130\uff21"


def refusal_of(action: Callable[[], object]) -> str | None:
    """The code that `action` is refused with, None when it is not; any other exception fails the test."""
    try:
        action()
    except CodeRejected as refusal:
        return refusal.code
    return None


def judged(verifier: OfflineVerifier, text: str) -> str | None:
    return refusal_of(lambda: verifier.verify(text, domain=Domain.MEDICAL))


def test_no_single_bit_change_of_the_binary_is_accepted(office: Office) -> None:
    verifier = office.verifier()
    tries = 0
    while tries < 20_000:
        code = office.code()
        assert judged(verifier, code) is None
        binary = bytearray(parse_code(code).binary)
        for bit in range(8 * len(binary)):
            binary[bit >> 3] ^= 1 << (bit & 7)
            assert judged(verifier, "YM1:" + base45.encode(bytes(binary))) is not None, f"bit {bit}"
            binary[bit >> 3] ^= 1 << (bit & 7)
            tries += 1
    assert tries >= 20_000


def test_no_single_character_change_of_the_text_is_accepted(office: Office) -> None:
    verifier = office.verifier()
    code = office.code()
    assert judged(verifier, code) is None
    tries = 0
    for at, present in enumerate(code):
        for other in OTHER_CHARACTERS:
            if other != present:
                assert judged(verifier, code[:at] + other + code[at + 1 :]) is not None, f"{other!r} at {at}"
                tries += 1
    assert tries >= 20_000


def test_no_character_left_out_doubled_or_swapped_is_accepted(office: Office) -> None:
    verifier = office.verifier()
    code = office.code()
    for at in range(len(code) - 1):
        assert judged(verifier, code[:at] + code[at + 1 :]) is not None
        assert judged(verifier, code[:at] + code[at] + code[at:]) is not None
        if code[at] != code[at + 1]:
            assert judged(verifier, code[:at] + code[at + 1] + code[at] + code[at + 2 :]) is not None


def test_20_000_mutations_of_good_input_raise_nothing_but_the_coded_error(office: Office) -> None:
    rng = random.Random(169)
    verifier = office.verifier()
    trust_list = office.trust_list()
    roots = [office.root.verify_key()]
    token, trust = office.status_token(), office.trust_token()
    card = encode_card(Card("cs", {1: "7", 4: "某某"}, NOW, NOW + HOUR), office.issuer)
    binary, alphabet = parse_code(office.code()).binary, base45.ALPHABET
    for _ in range(5_000):
        mutated = _mutated(rng, binary)
        judged(verifier, "YM1:" + base45.encode(mutated))
        refusal_of(lambda data=mutated: cbor.decode(data))  # type: ignore[misc]
        judged(verifier, "".join(rng.choices(alphabet, k=rng.randrange(800))))
        refusal_of(lambda: load_status_list(_mutated(rng, token), trust_list, now=NOW))
        refusal_of(lambda: read_card(_mutated(rng, card.encode()).decode("latin-1")))
        text = _mutated(rng, trust.encode()).decode("latin-1")
        refusal_of(lambda text=text: load_trust_list(text, roots, now=NOW))  # type: ignore[misc]


def _mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(out) + 1)
        length = rng.choice((0, 1, 1, 2, 4, 20))
        out[at : at + length] = rng.randbytes(rng.choice((0, 1, 1, 2, 4)))
    return bytes(out)


def test_20_000_arbitrary_inputs_raise_nothing_but_the_coded_error(office: Office) -> None:
    rng = random.Random(45)
    verifier = office.verifier()
    for _ in range(20_000):
        data = rng.randbytes(rng.randrange(400))
        assert judged(verifier, "YM1:" + base45.encode(data)) == "CODE_MALFORMED"
        assert judged(verifier, data.decode("latin-1")) in {"CODE_MALFORMED", "CODE_TOO_LONG"}
        refusal_of(lambda data=data: cbor.decode(data))  # type: ignore[misc]


def test_what_is_read_by_position_is_what_a_general_parser_reads(office: Office) -> None:
    rng = random.Random(7)
    read = 0
    credential = office.credential()
    for _ in range(20_000):
        mutated = bytearray(credential)
        for _ in range(rng.randrange(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.choice((0, 1, 23, 24, 25, 26, 255, rng.randrange(256)))
        data = bytes(mutated)
        if refusal_of(lambda data=data: parse_credential(data)) is None:  # type: ignore[misc]
            read += 1
            _general_reading_agrees(data)
    assert read > 1000


def _general_reading_agrees(data: bytes) -> None:
    ours = parse_credential(data)
    message = cose.parse_sign1(data)
    claims = cbor2.loads(message.payload or b"")
    assert cbor2.dumps(claims) == message.payload
    assert (message.protected, message.unprotected, message.signature) == (ours.protected, {}, ours.signature)
    assert ours.signed == cose.signature_structure(message.protected, message.payload or b"", b"")
    assert claims[1] == ours.claims.issuer
    assert claims[7] == ours.claims.handle
    assert (from_epoch(claims[4]), from_epoch(claims[6])) == (ours.claims.expires_at, ours.claims.issued_at)
    assert cbor2.dumps(claims[8][1]) == ours.claims.device_key
    assert claims[-65537] == [ours.claims.domains, ours.claims.status_list, ours.claims.status_index]


@settings(max_examples=3000, deadline=None)
@given(st.binary(max_size=512))
def test_arbitrary_bytes_raise_nothing_but_the_coded_error(data: bytes) -> None:
    verifier = _VERIFIER
    assert judged(verifier, "YM1:" + base45.encode(data)) is not None
    refusal_of(lambda: cbor.decode(data))
    refusal_of(lambda: load_status_list(data, _TRUST_LIST, now=NOW))
    refusal_of(lambda: read_card(base45.encode(data)))


@settings(max_examples=3000, deadline=None)
@given(st.text(max_size=900) | st.text(base45.ALPHABET, max_size=900).map("YM1:".__add__))
def test_arbitrary_text_raises_nothing_but_the_coded_error(text: str) -> None:
    assert judged(_VERIFIER, text) is not None
    refusal_of(lambda: base45.decode(text))
    refusal_of(lambda: read_card(text))
    refusal_of(lambda: load_trust_list(text, [_OFFICE.root.verify_key()], now=NOW))


_OFFICE = Office()
_VERIFIER = _OFFICE.verifier()
_TRUST_LIST = _OFFICE.trust_list()

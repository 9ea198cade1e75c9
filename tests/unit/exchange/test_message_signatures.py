"""Signatures of the exchange: what verifies, and why everything else doesn't; RFC 9421's own examples."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms

from backend.exchange.message_signatures import (
    LABEL,
    REQUEST_TAG,
    Fault,
    SignatureFault,
    SignedRequest,
    SignedResponse,
    Signer,
    private_key,
    public_key,
    sign_request,
    sign_response,
    verify_request,
    verify_response,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
P256 = Signer("a", ec.generate_private_key(ec.SECP256R1()))
ED25519 = Signer("b", ed25519.Ed25519PrivateKey.generate())
SIGNERS = pytest.mark.parametrize("signer", [P256, ED25519], ids=["ES256", "Ed25519"])
KEYS = {signer.key_id: signer.private.public_key() for signer in (P256, ED25519)}
EVERYTHING = (
    *("@method", "@authority", "@path", "@query"),
    *("content-type", "x-request-id", "x-purpose", "x-on-behalf-of", "idempotency-key"),
)
UNSIGNED = SignedRequest(
    "POST",
    "https://department.example/v1/records/query?page=2",
    {
        "Content-Type": "application/json",
        "X-Request-Id": "request-0000000001",
        "X-Purpose": "medical.summary",
        "X-On-Behalf-Of": "resident:01",
        "Idempotency-Key": "key-0000000000000001",
        "User-Agent": "tongyu",
    },
    b'{"id_number":"430102199003074515"}',
)
ANSWER = SignedResponse(200, {"Content-Type": "application/json", "Server": "x"}, b'{"items":[]}')


@dataclass
class Message:
    """A message as the library reads one; a response has a status_code and a request."""

    headers: dict[str, str]
    method: str = "POST"
    url: str = UNSIGNED.url


def signed(request: SignedRequest = UNSIGNED, signer: Signer = P256, now: datetime = NOW) -> SignedRequest:
    return replace(request, headers={**request.headers, **sign_request(request, signer, now)})


def answered(
    request: SignedRequest, signer: Signer = P256, answer: SignedResponse = ANSWER
) -> SignedResponse:
    return replace(answer, headers={**answer.headers, **sign_response(answer, request, signer, NOW)})


def with_headers(message, **changes: str | None):
    headers = {name: value for name, value in message.headers.items() if name not in changes}
    return replace(message, headers=headers | {k: v for k, v in changes.items() if v is not None})


def fault_of_request(request: SignedRequest, now: datetime = NOW, keys=KEYS) -> Fault:
    with pytest.raises(SignatureFault) as raised:
        verify_request(request, keys, now)
    return raised.value.fault


def fault_of_response(response: SignedResponse, request: SignedRequest, now: datetime = NOW) -> Fault:
    with pytest.raises(SignatureFault) as raised:
        verify_response(response, request, KEYS, now)
    return raised.value.fault


def changed_input(message, old: str, new: str):
    text = message.headers["Signature-Input"]
    assert old in text
    return with_headers(message, **{"Signature-Input": text.replace(old, new)})


@SIGNERS
def test_a_signed_request_tells_who_signed_it_and_when(signer: Signer):
    verified = verify_request(signed(signer=signer), KEYS, NOW)
    assert verified.key_id == signer.key_id
    assert verified.created == NOW
    assert verified.expires == NOW + timedelta(seconds=60)
    assert verified.nonce


@SIGNERS
def test_a_signed_answer_verifies_for_its_request(signer: Signer):
    request = signed()
    verified = verify_response(answered(request, signer), request, KEYS, NOW)
    assert (verified.key_id, verified.nonce) == (signer.key_id, None)


def test_two_signatures_of_one_request_have_different_nonces():
    first, second = (verify_request(signed(), KEYS, NOW).nonce for _ in range(2))
    assert first != second


def test_header_names_may_come_in_any_case():
    request = signed()
    lower = replace(request, headers={name.lower(): value for name, value in request.headers.items()})
    assert verify_request(lower, KEYS, NOW).key_id == "a"


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://other.example/v1/records/query?page=2"},
        {"url": "https://department.example/v1/records/other?page=2"},
        {"url": "https://department.example/v1/records/query?page=3"},
        {"url": "https://department.example/v1/records/query"},
    ],
    ids=["method", "authority", "path", "query", "no query"],
)
def test_a_request_sent_elsewhere_is_refused(change):
    assert fault_of_request(replace(signed(), **change)) is Fault.INVALID


@pytest.mark.parametrize(
    "name", ["Content-Type", "X-Request-Id", "X-Purpose", "X-On-Behalf-Of", "Idempotency-Key"]
)
@pytest.mark.parametrize("value", ["other", None], ids=["changed", "removed"])
def test_a_signed_header_can_be_neither_changed_nor_removed(name: str, value: str | None):
    assert fault_of_request(with_headers(signed(), **{name: value})) is Fault.INVALID


@pytest.mark.parametrize("name", ["X-Purpose", "X-On-Behalf-Of", "Idempotency-Key"])
def test_a_header_that_matters_can_not_be_added_unsigned(name: str):
    request = signed(with_headers(UNSIGNED, **{name: None}))
    assert fault_of_request(with_headers(request, **{name: "added"})) is Fault.NOT_COVERED


def test_a_header_that_does_not_matter_may_change_on_the_way():
    assert verify_request(with_headers(signed(), **{"User-Agent": "proxy"}), KEYS, NOW)


@pytest.mark.parametrize("content", [b"", b'{"id_number":"430302198811053022"}'])
def test_other_content_is_refused(content: bytes):
    assert fault_of_request(replace(signed(), content=content)) is Fault.DIGEST


def test_content_added_to_an_empty_request_is_refused():
    empty = replace(UNSIGNED, content=b"")
    assert verify_request(signed(empty), KEYS, NOW)
    assert fault_of_request(replace(signed(empty), content=b"{}")) is Fault.DIGEST


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Signature": None}, Fault.MISSING),
        ({"Signature-Input": None}, Fault.MISSING),
        ({"Signature-Input": "tongyu=("}, Fault.MALFORMED),
        ({"Signature-Input": ""}, Fault.MISSING),
        ({"Signature": "tongyu=:AAAA:"}, Fault.INVALID),
        ({"Signature": "other=:AAAA:"}, Fault.INVALID),
        ({"Signature": "tongyu"}, Fault.INVALID),
        ({"Content-Digest": None}, Fault.INVALID),
        ({"Content-Digest": "sha-256=:AAAA:"}, Fault.INVALID),
    ],
)
def test_damaged_signature_headers_are_refused(changes, fault: Fault):
    assert fault_of_request(with_headers(signed(), **changes)) is fault


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('keyid="a"', 'keyid="c"', Fault.UNKNOWN_KEY),
        ('keyid="a"', "keyid=1", Fault.UNKNOWN_KEY),
        ('alg="ecdsa-p256-sha256"', 'alg="hmac-sha256"', Fault.WRONG_ALGORITHM),
        ('keyid="a"', 'keyid="b"', Fault.WRONG_ALGORITHM),
        ('tag="tongyu-exchange-request-v1"', 'tag="other"', Fault.MISSING),
        ('"@method" ', "", Fault.INVALID),
        (";created=", ";made=", Fault.WINDOW),
        (";expires=", ";ends=", Fault.WINDOW),
        (";created=1", ";created=-1", Fault.WINDOW),
        (";expires=1", ";expires=9", Fault.WINDOW),
    ],
)
def test_changed_parameters_are_refused(old: str, new: str, fault: Fault):
    assert fault_of_request(changed_input(signed(), old, new)) is fault


def test_an_old_or_early_request_is_refused():
    request = signed()
    assert verify_request(request, KEYS, NOW + timedelta(seconds=90))
    assert fault_of_request(request, NOW + timedelta(seconds=91)) is Fault.EXPIRED
    assert verify_request(request, KEYS, NOW - timedelta(seconds=30))
    assert fault_of_request(request, NOW - timedelta(seconds=31)) is Fault.NOT_YET


def test_another_key_under_a_known_id_is_refused():
    assert fault_of_request(
        signed(signer=replace(P256, private=ec.generate_private_key(ec.SECP256R1())))
    ) is (Fault.INVALID)


def by_another_program(components: tuple[str, ...] = EVERYTHING, **parameters) -> SignedRequest:
    """A request that somebody else's program signed with a known key, its own way."""
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.ECDSA_P256_SHA256,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={"a": P256.private}),
    )
    message = Message(headers={name.lower(): value for name, value in UNSIGNED.headers.items()})
    chosen = {"created": NOW, "expires": NOW + timedelta(seconds=60), "nonce": "n", "tag": REQUEST_TAG}
    signer.sign(
        message,
        key_id="a",
        covered_component_ids=components,
        body=UNSIGNED.content,
        **(chosen | parameters),
    )
    return replace(UNSIGNED, headers=message.headers)


def test_another_program_signs_as_well_as_ours():
    assert verify_request(by_another_program(label="theirs"), KEYS, NOW).nonce == "n"
    assert verify_request(by_another_program(include_alg=False), KEYS, NOW).nonce == "n"


@pytest.mark.parametrize("nonce", [None, ""])
def test_a_request_signed_without_nonce_is_refused(nonce: str | None):
    assert fault_of_request(by_another_program(nonce=nonce)) is Fault.NO_NONCE


@pytest.mark.parametrize("left_out", EVERYTHING)
def test_a_signature_that_leaves_something_out_is_refused(left_out: str):
    components = tuple(name for name in EVERYTHING if name != left_out)
    assert fault_of_request(by_another_program(components)) is Fault.NOT_COVERED


def test_a_signature_for_longer_than_a_minute_is_refused():
    long = by_another_program(expires=NOW + timedelta(seconds=61))
    assert fault_of_request(long) is Fault.WINDOW


def test_a_second_signature_of_somebody_else_is_left_alone():
    request = signed()
    both = with_headers(
        request,
        **{
            "Signature-Input": request.headers["Signature-Input"] + ', proxy=("@method");created=1;keyid="p"',
            "Signature": request.headers["Signature"] + ", proxy=:AAAA:",
        },
    )
    assert verify_request(both, KEYS, NOW).key_id == "a"


def test_two_signatures_with_our_tag_are_refused():
    request = signed()
    value = request.headers["Signature-Input"]
    twice = with_headers(request, **{"Signature-Input": f"{value}, again{value.removeprefix(LABEL)}"})
    assert fault_of_request(twice) is Fault.MALFORMED


def test_an_answer_to_another_request_is_refused():
    asked, other = signed(), signed()
    assert fault_of_response(answered(other), asked) is Fault.INVALID


def test_an_answer_to_an_unsigned_request_is_signed_but_not_taken_for_ours():
    answer = answered(UNSIGNED)
    assert fault_of_response(answer, signed()) is Fault.NOT_COVERED


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"status": 404}, Fault.INVALID),
        ({"content": b"{}"}, Fault.DIGEST),
    ],
)
def test_a_changed_answer_is_refused(change, fault: Fault):
    request = signed()
    assert fault_of_response(replace(answered(request), **change), request) is fault


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Content-Type": "text/html"}, Fault.INVALID),
        ({"Content-Digest": None}, Fault.INVALID),
        ({"Signature": None}, Fault.MISSING),
    ],
)
def test_an_answer_with_changed_headers_is_refused(changes, fault: Fault):
    request = signed()
    assert fault_of_response(with_headers(answered(request), **changes), request) is fault


def test_a_request_reflected_as_an_answer_is_refused():
    request = signed()
    reflected = SignedResponse(200, request.headers, request.content)
    assert fault_of_response(reflected, request) is Fault.MISSING


def test_an_answer_is_good_as_long_as_its_signature():
    request = signed()
    answer = answered(request)
    assert fault_of_response(answer, request, NOW + timedelta(seconds=91)) is Fault.EXPIRED


@SIGNERS
def test_keys_are_read_from_pem(signer: Signer):
    private = signer.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = (
        signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    )
    request = signed(signer=Signer("read", private_key(private)))
    assert verify_request(request, {"read": public_key(public)}, NOW).key_id == "read"


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
def test_keys_of_other_kinds_are_refused(key):
    with pytest.raises(ValueError, match="P-256"):
        private_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    with pytest.raises(ValueError, match="P-256"):
        public_key(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def test_a_signer_shows_no_key():
    assert repr(P256) == "Signer(key_id='a')"

"""RFC 9421's own examples (Appendix B) through the key readers and algorithms that we use.

They have no tag, nonce or expires, which the exchange asks for, so it refuses them: that is tested too.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms

from backend.exchange.message_signatures import (
    Fault,
    SignatureFault,
    SignedRequest,
    private_key,
    public_key,
    verify_request,
)

CREATED = datetime.fromtimestamp(1618884473, UTC)
P256_PUBLIC = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
"""  # test-key-ecc-p256, B.1.3
ED25519_PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""  # test-key-ed25519, B.1.4
ED25519_PRIVATE = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""
DIGEST = "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:"
CLIENT_CERT = (
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVy"
    "bWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0D"
    "AQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYD"
    "VR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIw"
    "HQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCO"
    "OB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
)
TARGET = "https://example.com/foo?param=Value&Pet=dog"


@dataclass
class Request:
    headers: dict[str, str]
    method: str = "POST"
    url: str = TARGET


@dataclass
class Response:
    headers: dict[str, str]
    status_code: int = 200
    request: Request = field(default_factory=lambda: Request({}))


def date_and_type() -> dict[str, str]:
    return {
        "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "Content-Type": "application/json",
        "Content-Length": "18",
    }


def with_signature(message, label: str, parameters: str, signature: str):
    message.headers |= {"Signature-Input": f"{label}={parameters}", "Signature": f"{label}=:{signature}:"}
    return message


B24 = with_signature(
    Response({"Content-Type": "application/json", "Content-Digest": DIGEST, "Content-Length": "23"}),
    "sig-b24",
    '("@status" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-ecc-p256"',
    "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
)
B26_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
B26 = with_signature(
    Request(date_and_type()),
    "sig-b26",
    '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"',
    B26_SIGNATURE,
)
B3 = with_signature(
    Request({"Client-Cert": CLIENT_CERT}, url="https://service.internal.example/foo?param=Value&Pet=dog"),
    "ttrp",
    '("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"',
    "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
)
KEYS = {"test-key-ecc-p256": public_key(P256_PUBLIC), "test-key-ed25519": public_key(ED25519_PUBLIC)}


def verify(message, algorithm) -> None:
    resolver = MappingKeyResolver(public_keys=KEYS, private_keys={})
    HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=resolver).verify(message, max_age=None)


@pytest.mark.parametrize(
    ("message", "algorithm"),
    [
        (B24, algorithms.ECDSA_P256_SHA256),
        (B26, algorithms.ED25519),
        (B3, algorithms.ECDSA_P256_SHA256),
    ],
    ids=["B.2.4 response", "B.2.6 request", "B.3 behind a proxy"],
)
def test_the_standards_examples_verify(message, algorithm):
    verify(message, algorithm)


def test_the_ed25519_example_is_made_to_the_byte():
    message = Request(date_and_type())
    resolver = MappingKeyResolver(
        public_keys={}, private_keys={"test-key-ed25519": private_key(ED25519_PRIVATE)}
    )
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver).sign(
        message,
        key_id="test-key-ed25519",
        created=CREATED,
        label="sig-b26",
        include_alg=False,
        covered_component_ids=("date", "@method", "@path", "@authority", "content-type", "content-length"),
    )
    assert message.headers["Signature-Input"] == B26.headers["Signature-Input"]
    assert message.headers["Signature"] == f"sig-b26=:{B26_SIGNATURE}:"


def test_an_example_is_no_request_to_the_exchange():
    request = SignedRequest(B26.method, B26.url, B26.headers, b'{"hello": "world"}')
    with pytest.raises(SignatureFault) as raised:
        verify_request(request, KEYS, CREATED)
    assert raised.value.fault is Fault.MISSING

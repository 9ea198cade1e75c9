"""HTTP Message Signatures (RFC 9421) as the exchange uses them, on requests and on responses.

A request's signature covers method, authority, path, query, the digest of the content (RFC 9530) and every
header of `SIGNED_HEADERS` that it has. A response's covers its status, digest and content type, and binds it
to the request that it answers by covering that request's own signature (`;req`, §2.4).
Both sides use these four functions; what they say to each other is in `docs/department-api/README.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

import http_sf
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    InvalidSignature,
    MappingKeyResolver,
)
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ED25519

from backend.core.clock import from_epoch
from backend.core.ids import new_secret

REQUEST_TAG: Final = "tongyu-exchange-request-v1"
RESPONSE_TAG: Final = "tongyu-exchange-response-v1"
LABEL: Final = "tongyu"
"""The label of both signatures; a response covers the request's signature under it."""

LIFETIME: Final = timedelta(seconds=60)
"""From `created` to `expires` in signatures that we make, and the longest that we accept."""
SKEW: Final = timedelta(seconds=30)
"""How far the other side's clock may be off."""

SIGNED_HEADERS: Final = ("content-type", "x-request-id", "x-purpose", "x-on-behalf-of", "idempotency-key")
"""Headers of a request that its signature covers when they are there."""

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PublicKeys: TypeAlias = Mapping[str, PublicKey]
"""The keys that one peer signs with, by key id."""

_TARGET: Final = ("@method", "@authority", "@path", "@query", "content-digest")
_BOUND: Final = f'"signature";req;key="{LABEL}"'


class Fault(StrEnum):
    """What is wrong with a signature; stable, for logs and for the department's answer."""

    MISSING = "SIGNATURE_MISSING"  # No signature with our tag.
    MALFORMED = "SIGNATURE_MALFORMED"  # Headers that aren't RFC 8941 structures, or two with our tag.
    UNKNOWN_KEY = "SIGNATURE_KEY_UNKNOWN"
    WRONG_ALGORITHM = "SIGNATURE_ALGORITHM_WRONG"  # `alg` names another than the key's.
    NOT_COVERED = "SIGNATURE_COVERS_TOO_LITTLE"
    EXPIRED = "SIGNATURE_EXPIRED"
    NOT_YET = "SIGNATURE_NOT_YET_VALID"
    WINDOW = "SIGNATURE_WINDOW_WRONG"  # No created or expires, or longer than LIFETIME.
    NO_NONCE = "SIGNATURE_NONCE_MISSING"
    DIGEST = "CONTENT_DIGEST_WRONG"  # Missing, malformed, or of other content.
    INVALID = "SIGNATURE_INVALID"  # The key did not sign this message.


class SignatureFault(InvalidSignature):
    """A message whose signature can't be relied on; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, P-256 (ES256) or Ed25519, and the id under which the other side knows it."""

    key_id: str
    private: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as signed: `method` in capitals, absolute `url`, `headers` by name in any case."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class SignedResponse:
    """A response as signed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Verified:
    """Who signed, when, and with which nonce (None in a response, which is bound to its request)."""

    key_id: str
    created: datetime
    expires: datetime
    nonce: str | None


def private_key(pem: str) -> PrivateKey:
    """The private key of a PKCS #8 PEM; raises ValueError unless it is P-256 or Ed25519."""
    key = load_pem_private_key(pem.encode(), password=None)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("neither P-256 nor Ed25519")


def public_key(pem: str) -> PublicKey:
    """The public key of a SubjectPublicKeyInfo PEM; raises ValueError unless it is P-256 or Ed25519."""
    key = load_pem_public_key(pem.encode())
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("neither P-256 nor Ed25519")


def sign_request(
    request: SignedRequest, signer: Signer, now: datetime, *, nonce: str | None = None
) -> dict[str, str]:
    """The headers to add to `request`: Content-Digest, Signature-Input, Signature.

    `nonce` is 128 random bits when it is not given.
    """
    message = _Request(request)
    covered = (*_TARGET, *(name for name in SIGNED_HEADERS if name in message.headers))
    return _sign(message, request.content, covered, signer, REQUEST_TAG, now, nonce or new_secret(16))


def verify_request(request: SignedRequest, keys: PublicKeys, now: datetime) -> Verified:
    """Who signed `request`; raises SignatureFault.

    That the nonce wasn't seen before is for the caller to check, for as long as the signature lasts.
    """
    message = _Request(request)
    needed = (*_TARGET, *(name for name in SIGNED_HEADERS if name in message.headers))
    verified = _verify(message, request.content, needed, keys, REQUEST_TAG, now)
    if not verified.nonce:
        raise SignatureFault(Fault.NO_NONCE)
    return verified


def sign_response(
    response: SignedResponse, request: SignedRequest, signer: Signer, now: datetime
) -> dict[str, str]:
    """The headers to add to `response`, the answer to `request`: Content-Digest, Signature-Input, Signature.

    An answer to a request without a readable signature is signed too, but bound to its target only; who
    asked rightly will not take it for theirs.
    """

    def sign(*bound: str) -> dict[str, str]:
        message = _Response(response, request)
        covered = (*_response_components(message), *bound)
        return _sign(message, response.content, covered, signer, RESPONSE_TAG, now, None)

    try:
        return sign(_BOUND)
    except SignatureFault:
        return sign()


def verify_response(
    response: SignedResponse, request: SignedRequest, keys: PublicKeys, now: datetime
) -> Verified:
    """Who signed `response` as the answer to `request` (as sent, its signature included).

    Raises SignatureFault; NOT_COVERED when the answer isn't bound to the request.
    """
    message = _Response(response, request)
    needed = (*_response_components(message), _BOUND)
    return _verify(message, response.content, needed, keys, RESPONSE_TAG, now)


class _Request:
    """A request as the library reads and changes one."""

    def __init__(self, request: SignedRequest) -> None:
        self.method = request.method
        self.url = request.url
        self.headers = {name.lower(): value for name, value in request.headers.items()}


class _Response:
    """A response as the library reads and changes one."""

    def __init__(self, response: SignedResponse, request: SignedRequest) -> None:
        self.status_code = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.request = _Request(request)


class _Verifier(HTTPMessageVerifier):
    """The library's verifier, told the time."""

    def __init__(self, algorithm: type[HTTPSignatureAlgorithm], keys: PublicKeys, now: datetime) -> None:
        resolver = MappingKeyResolver(public_keys=keys, private_keys={})
        super().__init__(signature_algorithm=algorithm, key_resolver=resolver)
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:  # noqa: ANN401, ARG002 - the library's signature.
        """Holds the signature's window against the injected clock instead of the machine's."""
        created, expires = _window(sig_input.params)
        if created > self._now + SKEW:
            raise SignatureFault(Fault.NOT_YET)
        if expires < self._now - SKEW:
            raise SignatureFault(Fault.EXPIRED)


def _sign(
    message: _Request | _Response,
    content: bytes,
    covered: tuple[str, ...],
    signer: Signer,
    tag: str,
    now: datetime,
    nonce: str | None,
) -> dict[str, str]:
    resolver = MappingKeyResolver(public_keys={}, private_keys={signer.key_id: signer.private})
    library = HTTPMessageSigner(signature_algorithm=_algorithm(signer.private), key_resolver=resolver)
    message.headers.pop("content-digest", None)  # One from before may be of other content.
    try:
        library.sign(
            message,
            key_id=signer.key_id,
            created=now,
            expires=now + LIFETIME,
            nonce=nonce,
            label=LABEL,
            tag=tag,
            covered_component_ids=covered,
            body=content,
        )
    except Exception as error:
        # The library lets errors of the parser below it through, of many kinds.
        raise SignatureFault(Fault.MALFORMED) from error
    return {name: message.headers[name] for name in ("Content-Digest", "Signature-Input", "Signature")}


def _verify(
    message: _Request | _Response,
    content: bytes,
    needed: tuple[str, ...],
    keys: PublicKeys,
    tag: str,
    now: datetime,
) -> Verified:
    parameters = _parameters(message.headers, tag)
    key = keys.get(str(parameters.get("keyid")))
    if key is None:
        raise SignatureFault(Fault.UNKNOWN_KEY)
    algorithm = _algorithm(key)
    if parameters.get("alg", algorithm.algorithm_id) != algorithm.algorithm_id:
        raise SignatureFault(Fault.WRONG_ALGORITHM)
    try:
        (result,) = _Verifier(algorithm, keys, now).verify(message, max_age=None, expect_tag=tag)
    except SignatureFault:
        raise
    except (InvalidSignature, ValueError) as error:
        raise SignatureFault(Fault.INVALID) from error
    _require(needed, result.covered_components)
    _check_digest(message.headers, content)
    created, expires = _window(parameters)
    return Verified(str(parameters["keyid"]), created, expires, result.nonce)


def _parameters(headers: Mapping[str, str], tag: str) -> Mapping[str, Any]:
    """The parameters of the one signature with our tag; others, of proxies for instance, are left alone."""
    if "signature-input" not in headers or "signature" not in headers:
        raise SignatureFault(Fault.MISSING)
    try:
        inputs: Any = http_sf.parse(headers["signature-input"].encode(), tltype="dictionary")
    except (ValueError, TypeError) as error:
        raise SignatureFault(Fault.MALFORMED) from error
    ours: list[Mapping[str, Any]] = [found for _, found in inputs.values() if found.get("tag") == tag]
    if len(ours) != 1:
        raise SignatureFault(Fault.MALFORMED if ours else Fault.MISSING)
    return ours[0]


def _window(parameters: Mapping[str, Any]) -> tuple[datetime, datetime]:
    created, expires = parameters.get("created"), parameters.get("expires")
    if type(created) is not int or type(expires) is not int:
        raise SignatureFault(Fault.WINDOW)
    if not 0 <= expires - created <= LIFETIME.total_seconds() or not 0 <= created < 1 << 33:
        raise SignatureFault(Fault.WINDOW)
    return from_epoch(created), from_epoch(expires)


def _require(needed: tuple[str, ...], covered: Mapping[str, str]) -> None:
    """Raises NOT_COVERED unless every needed component is covered; parameters may come in any order."""
    have = {frozenset(component.split(";")) for component in covered}
    want = {frozenset((name if name.startswith('"') else f'"{name}"').split(";")) for name in needed}
    if not want <= have:
        raise SignatureFault(Fault.NOT_COVERED)


def _check_digest(headers: Mapping[str, str], content: bytes) -> None:
    try:
        ContentDigest.verify(headers["content-digest"], content)
    except (InvalidSignature, ValueError) as error:
        raise SignatureFault(Fault.DIGEST) from error


def _response_components(message: _Response) -> tuple[str, ...]:
    content_type = ("content-type",) if "content-type" in message.headers else ()
    return ("@status", "content-digest", *content_type, '"@method";req', '"@path";req')


def _algorithm(key: PrivateKey | PublicKey) -> type[HTTPSignatureAlgorithm]:
    """A key has one algorithm, whatever a message says."""
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return ED25519
    return ECDSA_P256_SHA256

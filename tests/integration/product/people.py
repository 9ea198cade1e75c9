"""People who use the running product over HTTP: a resident with a phone, and staff at desks."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from backend.core.access_tokens import AccessTokens
from backend.core.foundation import Foundation, build_foundation
from backend.core.ids import new_id
from backend.core.settings import Settings
from backend.exchange.sandbox.population import person
from backend.identity.devices.keys import device_jwk, registration_text, thumbprint
from tests.integration.onecode.world import Phone
from tests.product import Product, new_key

REQUEST_CODE = """mutation ($mobile: String!, $client: ClientInput!, $key: String!) {
  result: requestPhoneCode(mobile: $mobile, purpose: SIGN_IN, client: $client, idempotencyKey: $key) {
    ... on PhoneCodeRequested { challenge } ... on Refused { code } } }"""
REGISTER = """mutation ($input: RegisterInput!, $client: ClientInput!, $key: String!) {
  result: register(input: $input, client: $client, idempotencyKey: $key) {
    ... on SignedIn { accessToken resident session } ... on Refused { code } } }"""
CHALLENGE = """mutation ($key: String!) { result: requestDeviceChallenge(idempotencyKey: $key) {
    ... on DeviceChallengeGiven { challenge } } }"""
REGISTER_DEVICE = """mutation (
  $challenge: String!, $point: DeviceKeyInput!, $signature: String!, $key: String!) {
  result: registerDevice(
    challenge: $challenge, key: $point, signature: $signature, name: "Phone", idempotencyKey: $key) {
    ... on DeviceRegistered { grant { accessToken } } ... on Refused { code } } }"""
ISSUE = """mutation ($keys: [String!]!, $key: String!, $domain: String) {
  result: issueCredentials(publicKeys: $keys, domain: $domain, idempotencyKey: $key) {
    ... on CredentialBatch { credentials } ... on Refused { code } } }"""
VERIFY = """mutation ($code: String!, $request: String!) {
  result: verifyCode(code: $code, requestId: $request, domain: "medical", purpose: "treatment") {
    __typename ... on CodeAccepted { scan subject disclosed { value } } ... on CodeRejected { code } } }"""


@dataclass(frozen=True, slots=True)
class Citizen:
    """A registered resident of the running product, at L1."""

    product: Product
    token: str
    resident: str
    session: str

    def phone(self) -> Phone:
        """A phone that is registered as a device and holds 16 credentials for medical desks."""
        token = self._device_token(ec.generate_private_key(ec.SECP256R1()))
        phone = Phone()
        made = self.product.gql(ISSUE, token, keys=phone.points(), key=new_key(), domain="medical")["result"]
        phone.credentials = tuple(unpadded(one) for one in made["credentials"])
        return phone

    def _device_token(self, private: ec.EllipticCurvePrivateKey) -> str:
        challenge = self.product.gql(CHALLENGE, self.token, key=new_key())["result"]["challenge"]
        numbers = private.public_key().public_numbers()
        point = {"x": padless(numbers.x.to_bytes(32, "big")), "y": padless(numbers.y.to_bytes(32, "big"))}
        text = registration_text(challenge, thumbprint(device_jwk(**point)))
        r, s = decode_dss_signature(private.sign(text, ec.ECDSA(SHA256())))
        signature = padless(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        answer = self.product.gql(
            REGISTER_DEVICE, self.token, challenge=challenge, point=point, signature=signature, key=new_key()
        )
        return answer["result"]["grant"]["accessToken"]


def register(product: Product, index: int) -> Citizen:
    """Registers a person whom the sandbox knows but who is no demo resident yet."""
    one = person(index)
    client = {"kind": "APP", "installation": f"installation-of-person-{index}"}
    asked = product.gql(REQUEST_CODE, mobile=one.mobile, client=client, key=new_key())["result"]
    code = product.sandbox.messages(one.mobile)[0]["params"]["code"]
    given = {
        "name": one.name,
        "idNumber": one.id_number,
        "mobile": {"challenge": asked["challenge"], "code": code},
    }
    made = product.gql(REGISTER, input=given, client=client, key=new_key())["result"]
    return Citizen(product, made["accessToken"], made["resident"], made["session"])


@contextmanager
def behind(product: Product) -> Iterator[Foundation]:
    """The product's own foundation: its database and keys, as another process of it has them."""
    settings = Settings(_env_file=product.folder / ".tongyu" / "current.env")
    foundation = build_foundation(settings)
    with foundation.db.client:
        yield foundation


def desk_token(foundation: Foundation, domain: str = "medical", role: str = "verifier") -> str:
    """An access token of a desk in Changsha, of a member of staff of its own."""
    tokens = AccessTokens(foundation.keyring, foundation.clock, foundation.settings.public_url)
    extra: dict[str, Any] = {"roles": [role], "domains": [domain], "city": "430100", "desk": "3"}
    return tokens.issue("staff", new_id(), new_id(), auth_time=datetime.now(UTC), extra=extra).token


def attempt(code: str) -> dict[str, str]:
    """A scan of a code under a request id of its own."""
    return {"code": code, "request": secrets.token_urlsafe(18)}


def padless(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpadded(text: str) -> bytes:
    """The octets of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

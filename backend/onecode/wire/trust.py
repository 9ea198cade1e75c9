"""The trust list: which keys may sign credentials, for what and until when; a JWS signed by a root key.

A verifier pins the root keys and remembers the highest sequence number that it has accepted. A list names the
root keys that count from then on, so that a new root comes in under the old one's signature.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from backend.core.clock import epoch, from_epoch
from backend.onecode.wire.credential import protected_header
from backend.onecode.wire.domains import Domain
from backend.onecode.wire.errors import CodeRejected, TrustRejected
from backend.onecode.wire.keys import SigningKey, VerifyKey, base64url, from_jwk, to_jwk, unbase64url

TYPE: Final = "tongyu-trust-list+jwt"
MAX_AGE: Final = timedelta(days=7)
CLOCK_SKEW: Final = timedelta(seconds=30)
_MAX_TOKEN: Final = 256 * 1024
_ALGORITHMS: Final = ("ES256", "Ed25519")


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that may sign credentials of `issuer` for `domains`, issued from `not_before` to `retire_at`.

    `status_uri` is the template of its status lists' addresses, with `{list}` for the number.
    """

    key: VerifyKey
    issuer: str
    domains: Domain
    not_before: datetime
    retire_at: datetime
    status_uri: str

    def status_uri_of(self, number: int) -> str:
        """The address of the issuer's status list with this number, which is also its `sub`."""
        return self.status_uri.replace("{list}", str(number))


@dataclass(frozen=True, slots=True)
class TrustList:
    """A trust list; `roots` are the keys that may sign the next one, times are aware UTC whole seconds."""

    sequence: int
    issued_at: datetime
    not_before: datetime
    expires_at: datetime
    keys: tuple[TrustedKey, ...]
    roots: tuple[VerifyKey, ...]
    by_header: Mapping[bytes, TrustedKey] = field(init=False, repr=False, compare=False)
    """The keys by the only protected header that a credential of theirs can have: one algorithm a key."""
    _usable: tuple[datetime, datetime] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the keys; two with one identifier are TRUST_LIST_INVALID."""
        headers = {protected_header(each.key.algorithm.number, each.key.kid): each for each in self.keys}
        if len({each.key.kid for each in self.keys}) != len(self.keys):
            raise invalid("two keys with one kid")
        object.__setattr__(self, "by_header", headers)
        opens = min(self.not_before, self.issued_at) - CLOCK_SKEW
        object.__setattr__(self, "_usable", (opens, min(self.expires_at, self.issued_at + MAX_AGE)))

    def by_kid(self, kid: object) -> TrustedKey | None:
        """The key with this identifier, if the list has it."""
        return next((each for each in self.keys if each.key.kid == kid), None)

    def require_usable(self, now: datetime) -> None:
        """Fail closed: TRUST_LIST_STALE at 7 days or `exp`, TRUST_LIST_INVALID before `nbf` or `iat`."""
        opens, closes = self._usable
        if now >= closes:
            raise TrustRejected("TRUST_LIST_STALE")
        if now < opens:
            raise invalid("not valid yet")


def invalid(detail: str) -> TrustRejected:
    """The refusal of a trust list that is not in the format or not signed by a pinned root."""
    return TrustRejected("TRUST_LIST_INVALID", detail=detail)


def sign_trust_list(trust_list: TrustList, root: SigningKey) -> str:
    """The list as a compact JWS (RFC 7515) of a JWK set (RFC 7517) with our members, signed by `root`."""
    public = to_jwk(root.verify_key())
    header = {"alg": public["alg"], "kid": public["kid"], "typ": TYPE}
    body = {
        "seq": trust_list.sequence,
        "iat": epoch(trust_list.issued_at),
        "nbf": epoch(trust_list.not_before),
        "exp": epoch(trust_list.expires_at),
        "keys": [_entry(each) for each in trust_list.keys],
        "roots": [to_jwk(each) for each in trust_list.roots],
    }
    payload = json.dumps(body, separators=(",", ":"), sort_keys=True)
    return jws.serialize_compact(header, payload, _jose_class(public).import_key(root.to_pem()), _ALGORITHMS)


def _entry(trusted: TrustedKey) -> dict[str, object]:
    return {
        **to_jwk(trusted.key),
        "use": "sig",
        "iss": trusted.issuer,
        "domains": list(trusted.domains.names),
        "nbf": epoch(trusted.not_before),
        "retire": epoch(trusted.retire_at),
        "status": trusted.status_uri,
    }


def load_trust_list(
    token: str, roots: Iterable[VerifyKey], *, now: datetime, highest_sequence: int = 0
) -> TrustList:
    """The list in `token`, once a root has signed it, it is fresh and not older than the one seen before.

    Raises TrustRejected: TRUST_LIST_INVALID, TRUST_LIST_STALE, TRUST_LIST_ROLLBACK. The caller stores the
    sequence number and the `roots` of what it accepted, for the next time.
    """
    trust_list = _parsed(_signed_body(token, tuple(roots)))
    trust_list.require_usable(now)
    if trust_list.sequence < highest_sequence:
        raise TrustRejected("TRUST_LIST_ROLLBACK")
    return trust_list


def _signed_body(token: str, roots: tuple[VerifyKey, ...]) -> Mapping[str, object]:
    if len(token) > _MAX_TOKEN or not token.isascii():
        raise invalid("too long, or not a JWS")
    try:
        found = jws.extract_compact(token.strip().encode("ascii"))
        header = found.headers()
        root = next((each for each in roots if base64url(each.kid) == header.get("kid")), None)
        if root is None or header.get("typ") != TYPE or header.get("alg") != to_jwk(root)["alg"]:
            raise invalid("not signed by a pinned root key")
        public = to_jwk(root)
        if not jws.validate_compact(found, _jose_class(public).import_key(dict(public)), _ALGORITHMS):
            raise invalid("wrong signature")
        body = json.loads(found.payload)
    except (JoseError, ValueError, RecursionError):
        raise invalid("not a JWS in the profile") from None
    if not isinstance(body, dict):
        raise invalid("the payload isn't an object")
    return body


def _jose_class(public: Mapping[str, str]) -> type[ECKey] | type[OKPKey]:
    return OKPKey if public["kty"] == "OKP" else ECKey


def _parsed(body: Mapping[str, object]) -> TrustList:
    try:
        return TrustList(
            _integer(body["seq"]),
            _time(body["iat"]),
            _time(body["nbf"]),
            _time(body["exp"]),
            tuple(_trusted(entry) for entry in _objects(body["keys"])),
            tuple(from_jwk(entry) for entry in _objects(body["roots"])),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise invalid("a member is missing or of the wrong type") from None
    except TrustRejected:
        raise
    except CodeRejected as refusal:
        raise invalid(refusal.code) from None


def _trusted(entry: Mapping[str, object]) -> TrustedKey:
    key = from_jwk(entry)
    if unbase64url(entry["kid"]) != key.kid:
        raise invalid("a kid that isn't its key's")
    issuer, status_uri, names = entry["iss"], entry["status"], entry["domains"]
    if not isinstance(issuer, str) or not isinstance(status_uri, str) or not isinstance(names, list):
        raise TypeError
    domains = Domain(0)
    for known in Domain:
        domains |= known if known.names[0] in names else Domain(0)
    return TrustedKey(key, issuer, domains, _time(entry["nbf"]), _time(entry["retire"]), status_uri)


def _objects(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _time(value: object) -> datetime:
    return from_epoch(_integer(value))

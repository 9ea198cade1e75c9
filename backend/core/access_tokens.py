"""Access tokens: short-lived JWTs (RFC 9068 profile) that any API process verifies without asking anyone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import jwt

from backend.core.clock import Clock, epoch, from_epoch
from backend.core.ids import new_id
from backend.core.keyring import Keyring, Purpose

Audience = Literal["resident", "staff"]

LIFE: Final = timedelta(minutes=15)
MAX_CHARACTERS: Final = 4096

_TYPE: Final = "at+jwt"  # RFC 9068 §2.1: no other JWT of ours can be taken for an access token.
_AHEAD: Final = timedelta(seconds=60)  # How far an issuing machine's clock may be before ours.
_REQUIRED: Final = ["iss", "sub", "aud", "sid", "iat", "exp", "jti", "auth_time"]
_RESERVED: Final = frozenset(_REQUIRED)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A signed access token and when it stops counting."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; `extra` holds the claims that belong to its audience alone."""

    audience: Audience
    subject: str
    session: str
    auth_time: datetime
    issued_at: datetime
    expires_at: datetime
    token_id: str
    extra: Mapping[str, Any]


class AccessTokens:
    """Issues and verifies access tokens with the keyring's TOKEN keys; `issuer` is the API's public URL."""

    def __init__(self, keyring: Keyring, clock: Clock, issuer: str) -> None:
        self._keyring = keyring
        self._clock = clock
        self._issuer = issuer

    def issue(
        self,
        audience: Audience,
        subject: str,
        session: str,
        *,
        auth_time: datetime,
        extra: Mapping[str, Any] | None = None,
    ) -> IssuedToken:
        """Signs a token that counts for 15 minutes. `extra` must not name a claim of ours."""
        if not _RESERVED.isdisjoint(extra or {}):
            raise ValueError("a reserved claim can't be given")
        now = self._clock.now()
        payload: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": audience,
            "sid": session,
            "iat": epoch(now),
            "exp": epoch(now + LIFE),
            "jti": new_id(),
            "auth_time": epoch(auth_time),
            **(extra or {}),
        }
        key = self._keyring.active(Purpose.TOKEN)
        headers = {"kid": key.kid, "typ": _TYPE}
        token = jwt.encode(payload, key.private, algorithm=key.algorithm, headers=headers)
        return IssuedToken(token, from_epoch(payload["exp"]))

    def verify(self, token: str) -> Claims:
        """The claims of a token that is genuine and in its time, for whichever audience.

        Raises jwt.InvalidTokenError for everything else: another algorithm than its key's, an unknown key,
        another type, a missing claim, jwt.ExpiredSignatureError when its time is over.
        """
        if len(token) > MAX_CHARACTERS:
            raise jwt.InvalidTokenError("too long")
        try:
            return self._claims(self._payload(token))
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as fault:
            # A header or claim of a shape that no signer of ours makes, such as a thousand nested lists.
            raise jwt.InvalidTokenError("malformed") from fault

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys that verify these tokens (RFC 7517 §5)."""
        return self._keyring.jwks(Purpose.TOKEN)

    def _payload(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != _TYPE or not isinstance(header.get("kid"), str):
            raise jwt.InvalidTokenError("not an access token")
        key = self._keyring.find(Purpose.TOKEN, header["kid"])
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        # The key decides on the algorithm, never the token (RFC 8725 §3.1). Times are judged by our clock.
        return jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            audience=list(get_args(Audience)),
            issuer=self._issuer,
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )

    def _claims(self, payload: Mapping[str, Any]) -> Claims:
        claims = Claims(
            audience=_audience(payload["aud"]),
            subject=payload["sub"],
            session=payload["sid"],
            auth_time=from_epoch(payload["auth_time"]),
            issued_at=from_epoch(payload["iat"]),
            expires_at=from_epoch(payload["exp"]),
            token_id=payload["jti"],
            extra={name: value for name, value in payload.items() if name not in _RESERVED},
        )
        now = self._clock.now()
        if claims.expires_at <= now:
            raise jwt.ExpiredSignatureError("expired")
        if claims.issued_at > now + _AHEAD:
            raise jwt.ImmatureSignatureError("issued in the future")
        return claims


def _audience(value: object) -> Audience:
    known: dict[object, Audience] = {name: name for name in get_args(Audience)}
    return known[value]

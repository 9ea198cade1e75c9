"""Bearer tokens at the edge: flask-jwt-extended over the keyring, and `/.well-known/jwks.json`."""

from collections.abc import Callable
from typing import Any, Final

import jwt
from flask import Blueprint, Flask, Response, g, jsonify
from flask_jwt_extended import JWTManager, verify_jwt_in_request

from backend.core.access_tokens import AccessTokens, Audience, Claims
from backend.core.errors import message
from backend.core.http.plumbing import locale, request_id

JWKS_SECONDS: Final = 300

IsRevoked = Callable[[Claims], bool]


class _Manager(JWTManager):
    """Header, revocation and error handling are the library's; verification is AccessTokens'.

    The library judges times by the machine's clock and knows one key; ours come from the injected clock
    and the keyring.
    """

    def __init__(self, tokens: AccessTokens) -> None:
        super().__init__()
        self._tokens = tokens

    def _decode_jwt_from_config(
        self,
        encoded_token: str,
        csrf_value: str | None = None,  # noqa: ARG002 - the library's signature; no token comes by cookie.
        allow_expired: bool = False,  # noqa: ARG002, FBT001, FBT002 - the library's signature.
    ) -> dict[str, Any]:
        claims = self._tokens.verify(encoded_token)
        g.bearer_claims = claims
        return {"sub": claims.subject, "jti": claims.token_id, "type": "access"}


def install_tokens(app: Flask, tokens: AccessTokens, is_revoked: IsRevoked) -> None:
    """Makes `bearer` work in `app`; every bad token becomes a coded 401, never a 500.

    `is_revoked` is asked for each token that is otherwise good; what it raises refuses the request.
    """
    manager = _Manager(tokens)
    app.config["JWT_TOKEN_LOCATION"] = ["headers"]
    manager.init_app(app)
    manager.token_in_blocklist_loader(lambda _header, _data: is_revoked(g.bearer_claims))
    manager.invalid_token_loader(lambda _reason: _unauthorized("UNAUTHENTICATED"))
    manager.unauthorized_loader(lambda _reason: _unauthorized("UNAUTHENTICATED"))
    manager.revoked_token_loader(lambda _header, _data: _unauthorized("UNAUTHENTICATED"))
    # The library's own handler wants attributes that only its own decoder sets.
    app.register_error_handler(jwt.ExpiredSignatureError, lambda _fault: _unauthorized("TOKEN_EXPIRED"))


def bearer(*audiences: Audience) -> Claims | None:
    """The claims of the request's access token, None without one; of any audience when none is named.

    Raises what `install_tokens` answers with 401: a bad, expired or revoked token, or another audience's.
    """
    g.bearer_claims = None
    verify_jwt_in_request(optional=True)
    claims: Claims | None = g.bearer_claims
    if claims is not None and audiences and claims.audience not in audiences:
        raise jwt.InvalidAudienceError("another audience's token")
    return claims


def jwks_blueprint(tokens: AccessTokens) -> Blueprint:
    """`GET /.well-known/jwks.json`: the public keys of access tokens, cacheable for 5 minutes."""
    blueprint = Blueprint("jwks", __name__)

    @blueprint.get("/.well-known/jwks.json")
    def jwks() -> Response:
        response = jsonify(tokens.jwks())
        response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
        return response

    return blueprint


def _unauthorized(code: str) -> Response:
    """401 with a challenge, as RFC 6750 §3.1 asks."""
    response = jsonify({"code": code, "message": message(code, locale()), "requestId": request_id()})
    response.status_code = 401
    response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response

"""At the edge only a genuine, timely, unrevoked token of the right audience passes; else a coded 401."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, jsonify
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.errors import ServerSelectionTimeoutError
from werkzeug.test import TestResponse

from backend.core.access_tokens import Claims
from backend.core.clock import epoch
from backend.core.http.plumbing import install_plumbing
from backend.core.http.tokens import bearer, install_tokens, jwks_blueprint
from backend.core.keyring import Purpose
from backend.core.mongo.client import transact
from tests.integration.identity.world import World


class Edge:
    """An app with one route for residents and one for staff."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.away = False
        app = Flask("edge")
        install_plumbing(app, world.core.settings, world.core.metrics)
        install_tokens(app, world.identity.tokens, self._is_revoked)
        app.register_blueprint(jwks_blueprint(world.identity.tokens))
        app.add_url_rule("/resident", "resident", lambda: jsonify(_subject(bearer("resident"))))
        app.add_url_rule("/staff", "staff", lambda: jsonify(_subject(bearer("staff"))))
        self.client: FlaskClient = app.test_client()

    def _is_revoked(self, claims: Claims) -> bool:
        if self.away:
            raise ServerSelectionTimeoutError
        return self.world.identity.is_revoked(claims)

    def get(self, token: str, path: str = "/resident") -> TestResponse:
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})

    def token(self, **changed: Any) -> str:
        given: dict[str, Any] = {"auth_time": self.world.clock.now()} | changed
        audience = given.pop("audience", "resident")
        return self.world.identity.tokens.issue(audience, "r1", "s1", **given).token

    def forge(
        self,
        payload: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        key: Any = None,
        algorithm: str = "ES256",
    ) -> str:
        """A token of the active key, or another, with claims and headers changed (None: left out)."""
        active, now = self.world.core.keyring.active(Purpose.TOKEN), epoch(self.world.clock.now())
        claims: dict[str, Any] = {
            "iss": self.world.core.settings.public_url,
            "sub": "r1",
            "sid": "s1",
            "aud": "resident",
            "jti": "j",
            "auth_time": now,
            "iat": now,
            "exp": now + 900,
            "acr": "L1",
            **(payload or {}),
        }
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            key if key is not None else active.private,
            algorithm,
            {"kid": active.kid, "typ": "at+jwt", **(headers or {})},
        )


def _subject(claims: Claims | None) -> dict[str, str | None]:
    return {"subject": None if claims is None else claims.subject}


@pytest.fixture
def edge(world: World) -> Edge:
    return Edge(world)


def assert_coded_401(response: TestResponse, code: str = "UNAUTHENTICATED") -> None:
    assert response.status_code == 401, response.text
    assert response.json is not None
    assert response.json["code"] == code
    assert response.json["requestId"] == response.headers["X-Request-Id"]
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_good_token_names_its_subject_and_no_token_is_nobody(edge: Edge) -> None:
    assert edge.get(edge.token()).json == {"subject": "r1"}
    assert edge.get(edge.forge()).json == {"subject": "r1"}
    assert edge.client.get("/resident").json == {"subject": None}


def test_a_token_dies_after_fifteen_minutes_and_says_so(edge: Edge) -> None:
    token = edge.token()
    edge.world.clock.advance(899)
    assert edge.get(token).status_code == 200
    edge.world.clock.advance(1)
    assert_coded_401(edge.get(token), "TOKEN_EXPIRED")


def test_a_token_of_another_audience_opens_nothing(edge: Edge) -> None:
    assert_coded_401(edge.get(edge.token(audience="staff")))
    assert_coded_401(edge.get(edge.token(), "/staff"))
    assert edge.get(edge.token(audience="staff"), "/staff").status_code == 200


def _public_pem(edge: Edge) -> bytes:
    public = edge.world.core.keyring.active(Purpose.TOKEN).public
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_the_token_does_not_choose_the_algorithm(edge: Edge) -> None:
    kid = edge.world.core.keyring.active(Purpose.TOKEN).kid
    good = edge.forge()
    assert_coded_401(edge.get(edge.forge(key="", algorithm="none")))
    header = _segment({"alg": "none", "typ": "at+jwt", "kid": kid})
    assert_coded_401(edge.get(f"{header}.{good.split('.')[1]}."))
    for algorithm in ("HS256", "ES384", "EdDSA", "RS256", "", None, 7, ["ES256"]):
        header = _segment({"alg": algorithm, "typ": "at+jwt", "kid": kid})
        assert_coded_401(edge.get(".".join((header, *good.split(".")[1:]))))


def test_the_public_key_is_no_shared_secret(edge: Edge) -> None:

    kid = edge.world.core.keyring.active(Purpose.TOKEN).kid
    body = f"{_segment({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{edge.forge().split('.')[1]}"
    tag = hmac.digest(_public_pem(edge), body.encode(), hashlib.sha256)
    assert_coded_401(edge.get(f"{body}.{base64.urlsafe_b64encode(tag).decode().rstrip('=')}"))


@pytest.mark.parametrize("kid", ["unknown", "", "0" * 16, "../../key", 7, None, {"a": 1}, "x" * 2000])
def test_an_unknown_kid_is_a_401(edge: Edge, kid: object) -> None:
    header, payload, signature = edge.forge().split(".")
    changed = json.loads(base64.urlsafe_b64decode(header + "==")) | {"kid": kid}
    assert_coded_401(edge.get(f"{_segment(changed)}.{payload}.{signature}"))


def test_a_key_of_somebody_else_under_our_kid_is_a_401(edge: Edge) -> None:
    assert_coded_401(edge.get(edge.forge(key=generate_private_key(SECP256R1()))))


def test_a_key_of_another_purpose_is_a_401(edge: Edge) -> None:
    code_key = edge.world.core.keyring.active(Purpose.CODE)
    assert_coded_401(edge.get(edge.forge(headers={"kid": code_key.kid}, key=code_key.private)))


@pytest.mark.parametrize(
    ("payload", "headers"),
    [
        ({"aud": None}, {}),
        ({"aud": "other"}, {}),
        ({"aud": ["resident", "staff"]}, {}),
        ({"aud": {}}, {}),
        ({"iss": "https://elsewhere.example"}, {}),
        ({"iss": None}, {}),
        ({"sid": None}, {}),
        ({"sub": None}, {}),
        ({"sub": 7}, {}),
        ({"exp": None}, {}),
        ({"exp": "soon"}, {}),
        ({"exp": 1e300}, {}),
        ({"iat": None}, {}),
        ({"iat": 2**40}, {}),
        ({"auth_time": None}, {}),
        ({"auth_time": []}, {}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": None}),
        ({}, {"crit": ["exp"]}),
    ],
)
def test_a_genuine_signature_on_the_wrong_claims_is_a_401(
    edge: Edge, payload: dict[str, Any], headers: dict[str, Any]
) -> None:
    assert_coded_401(edge.get(edge.forge(payload, headers)))


def test_nested_lists_without_end_are_a_401(edge: Edge) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 1400).decode()
    _, payload, signature = edge.forge().split(".")
    assert_coded_401(edge.get(f"{deep}.{payload}.{signature}"))


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=80))
def test_garbage_is_a_401(edge: Edge, text: str) -> None:
    response = edge.client.get("/resident", headers={"Authorization": f"Bearer {text}"})
    # A header that the grammar of the scheme does not allow, such as two values, carries no token at all.
    assert response.status_code == 401 or response.json == {"subject": None}
    dotted = edge.get(f"{text}.{text}.{text}")
    assert dotted.status_code == 401 or dotted.json == {"subject": None}


def test_no_changed_character_passes(edge: Edge) -> None:
    token = edge.forge()
    tried = 0
    for at, character in product(range(len(token)), "ABCDwxyz0189-_."):
        changed = token[:at] + character + token[at + 1 :]
        if changed == token or _same_octets(token, changed):
            continue
        with pytest.raises(jwt.InvalidTokenError):
            edge.world.identity.tokens.verify(changed)
        tried += 1
    assert tried > 14 * len(token) - 20


def _same_octets(one: str, other: str) -> bool:
    """Whether only the unused bits of a segment's last character differ (RFC 4648 §3.5)."""

    def octets(token: str) -> list[bytes] | None:
        try:
            return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
        except ValueError:
            return None

    return octets(one) == octets(other)


def test_a_revoked_session_is_a_401_at_once(edge: Edge) -> None:
    token = edge.token()
    revocations = edge.world.identity.revocations
    transact(edge.world.core.db, lambda session: revocations.revoke_session("s1", session))
    assert_coded_401(edge.get(token))


def test_a_revoked_subject_is_a_401_for_either_audience(edge: Edge) -> None:
    revocations = edge.world.identity.revocations
    transact(edge.world.core.db, lambda session: revocations.revoke_subject("r1", session))
    assert_coded_401(edge.get(edge.token()))
    assert_coded_401(edge.get(edge.token(audience="staff"), "/staff"))


def test_when_nobody_can_tell_whether_it_was_revoked_the_request_fails(edge: Edge) -> None:
    token = edge.token()
    edge.away = True
    response = edge.get(token)
    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_keys_rotate_without_a_token_failing(edge: Edge) -> None:
    before = edge.token()
    edge.world.core.keyring.rotate(
        Purpose.TOKEN, publish_ahead=timedelta(0), verify_for=timedelta(minutes=20)
    )
    edge.world.clock.advance(6)
    after = edge.token()
    published = {key["kid"] for key in edge.client.get("/.well-known/jwks.json").json["keys"]}  # type: ignore[index]
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert {jwt.get_unverified_header(token)["kid"] for token in (before, after)} <= published
    assert edge.get(before).status_code == edge.get(after).status_code == 200


def test_the_key_set_verifies_a_token_for_a_stranger_and_holds_no_private_half(edge: Edge) -> None:
    response = edge.client.get("/.well-known/jwks.json")
    keys = jwt.PyJWKSet.from_dict(response.json or {})
    token = edge.token()
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, ["ES256"], audience="resident", options={"verify_exp": False})
    assert claims["sub"] == "r1"
    assert "max-age" in response.headers["Cache-Control"]
    assert not any("d" in one for one in (response.json or {})["keys"])

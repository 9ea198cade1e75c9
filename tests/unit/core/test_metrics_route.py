"""Who gets to see `/metrics`."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from pymongo import MongoClient

from backend.core.http.health import health_blueprint
from backend.core.http.plumbing import install_plumbing
from backend.core.settings import Settings

SCRAPE = "one-that-the-operator-made"
BEARER = {"Authorization": f"Bearer {SCRAPE}"}


def make_client(token: str | None, proxies: int = 0) -> FlaskClient:
    """The operational routes; their database is of no interest and never connected to."""
    app = Flask("health")
    registry = CollectorRegistry()
    install_plumbing(app, Settings(trusted_proxies=proxies), registry)
    db = MongoClient[dict[str, Any]](connect=False)["unused"]
    app.register_blueprint(health_blueprint(db, registry, None if token is None else SecretStr(token)))
    return app.test_client()


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_this_machine_sees_the_numbers(address: str) -> None:
    answer = make_client(None).get("/metrics", environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 200
    assert "tongyu_http_requests" in answer.text


@pytest.mark.parametrize("address", ["203.0.113.7", "10.0.0.1", "2001:db8::1", "", "unix:"])
def test_the_public_is_told_that_nothing_is_there(address: str) -> None:
    answer = make_client(SCRAPE).get("/metrics", environ_overrides={"REMOTE_ADDR": address})
    assert (answer.status_code, answer.json and answer.json["code"]) == (404, "NOT_FOUND")
    assert "tongyu_" not in answer.text


@pytest.mark.parametrize("proxies", [0, 1])
@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_a_proxy_on_this_machine_asks_for_the_public(header: str, proxies: int) -> None:
    headers = {header: "for=127.0.0.1" if header == "Forwarded" else "127.0.0.1"}
    assert make_client(None, proxies).get("/metrics", headers=headers).status_code == 404


def test_another_machine_needs_the_token() -> None:
    elsewhere = {"REMOTE_ADDR": "10.0.0.1"}
    client = make_client(SCRAPE)
    assert client.get("/metrics", headers=BEARER, environ_overrides=elsewhere).status_code == 200
    wrong = {"Authorization": "Bearer one-that-the-operator-madE"}
    assert client.get("/metrics", headers=wrong, environ_overrides=elsewhere).status_code == 404
    assert make_client(None).get("/metrics", headers=BEARER, environ_overrides=elsewhere).status_code == 404

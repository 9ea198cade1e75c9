"""`/healthz` (the process lives), `/readyz` (it can serve: the database answers) and `/metrics`.

The numbers of `/metrics` are nobody's business but the operator's: they tell of every route, department and
failed sign-in how often. Whoever is neither on this machine nor has the token is told that nothing is there.
"""

import hmac
from collections.abc import Callable
from ipaddress import ip_address

import pymongo
from flask import Blueprint, Request, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import SecretStr
from pymongo.errors import PyMongoError

from backend.core.errors import Refusal
from backend.core.mongo.client import Db

READY_SECONDS = 1.0


def health_blueprint(db: Db, registry: CollectorRegistry, metrics_token: SecretStr | None) -> Blueprint:
    """The three operational routes. Readiness asks the database each time, within a second."""
    blueprint = Blueprint("health", __name__)
    blueprint.get("/healthz", endpoint="healthz")(lambda: jsonify({"status": "ok"}))
    blueprint.get("/readyz")(_readiness(db))
    blueprint.get("/metrics", endpoint="metrics")(_metrics(registry, metrics_token))
    return blueprint


def _metrics(registry: CollectorRegistry, token: SecretStr | None) -> Callable[[], Response]:
    def metrics() -> Response:
        if not (_is_local(request) or _has_token(request, token)):
            raise Refusal("NOT_FOUND")
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return metrics


def _is_local(asked: Request) -> bool:
    """Whether somebody on this machine asks for themselves; a proxy here asks for somebody else."""
    if "X-Forwarded-For" in asked.headers or "Forwarded" in asked.headers:
        return False
    try:
        return ip_address(asked.remote_addr or "").is_loopback
    except ValueError:
        return False


def _has_token(asked: Request, token: SecretStr | None) -> bool:
    if token is None:
        return False
    offered = asked.headers.get("Authorization", "")
    return hmac.compare_digest(offered.encode(), f"Bearer {token.get_secret_value()}".encode())


def _readiness(db: Db) -> Callable[[], tuple[Response, int]]:
    def readyz() -> tuple[Response, int]:
        try:
            with pymongo.timeout(READY_SECONDS):
                db.client.admin.command("hello")
                writable = bool(db.client.is_primary or db.client.is_mongos)
        except PyMongoError:
            writable = False
        if not writable:
            return jsonify({"status": "unavailable", "waitingFor": "database"}), 503
        return jsonify({"status": "ready"}), 200

    return readyz

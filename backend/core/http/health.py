"""`/healthz` (the process lives), `/readyz` (it can serve: the database answers) and `/metrics`."""

from collections.abc import Callable

import pymongo
from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pymongo.errors import PyMongoError

from backend.core.mongo.client import Db

READY_SECONDS = 1.0


def health_blueprint(db: Db, registry: CollectorRegistry) -> Blueprint:
    """The three operational routes. Readiness asks the database each time, within a second."""
    blueprint = Blueprint("health", __name__)
    blueprint.get("/healthz", endpoint="healthz")(lambda: jsonify({"status": "ok"}))
    blueprint.get("/readyz")(_readiness(db))
    blueprint.get("/metrics", endpoint="metrics")(
        lambda: Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    )
    return blueprint


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

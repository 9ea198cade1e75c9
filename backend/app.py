"""`create_app`: the only place where the parts are wired together."""

import atexit
import os
from collections.abc import Callable

from flask import Flask, Request, g
from flask.typing import ResponseReturnValue
from pymongo.errors import PyMongoError

from backend.core.audit.metrics import UnplacedAge
from backend.core.clock import Clock
from backend.core.foundation import build_foundation
from backend.core.http.health import health_blueprint
from backend.core.http.plumbing import install_plumbing, locale, request_id
from backend.core.http.tokens import bearer, install_tokens, jwks_blueprint
from backend.core.logging import configure_logging
from backend.core.process import end_with
from backend.core.settings import Settings
from backend.services import Services, build_ports, build_services
from backend.web import web_blueprint
from graphql_schema.engine import METHODS, Documents, graphql_view, read_manifests
from graphql_schema.resident.base import Context
from graphql_schema.resident.schema import schema


def from_environment() -> Flask:
    """The app of one server process, set up from `TONGYU_*` variables; what granian calls."""
    end_with(os.getppid())
    settings = Settings()
    configure_logging(settings)
    return create_app(settings)


def create_app(settings: Settings, *, clock: Clock | None = None) -> Flask:
    """A wired Flask app on a prepared database; its feeds run in daemon threads until the process ends."""
    foundation = build_foundation(settings, clock=clock)
    services = build_services(foundation, build_ports(foundation))
    app = Flask("tongyu", static_folder=None)
    install_plumbing(app, settings, foundation.metrics)
    UnplacedAge(foundation.audit, foundation.metrics)
    install_tokens(app, services.identity.tokens, services.identity.is_revoked)
    app.register_blueprint(health_blueprint(foundation.db, foundation.metrics, settings.metrics_token))
    app.register_blueprint(jwks_blueprint(services.identity.tokens))
    app.register_blueprint(web_blueprint(services))
    app.add_url_rule("/graphql", view_func=_graphql(services, settings), methods=list(METHODS))
    atexit.register(services.identity.revocations.start())
    return app


def _graphql(services: Services, settings: Settings) -> Callable[[], ResponseReturnValue]:
    view = graphql_view(
        schema,
        context=lambda request: _context(services, request),
        production=settings.environment == "production",
        documents=_documents(settings),
        unavailable=(PyMongoError,),
    )

    def graphql() -> ResponseReturnValue:
        g.viewer = services.viewer(bearer())  # Before the view, so that a bad token is a 401 of its own.
        return view()

    return graphql


def _context(services: Services, request: Request) -> Context:
    return Context(
        services=services,
        viewer=g.viewer,
        locale=locale(),
        request_id=request_id(),
        address=request.remote_addr or "",
        user_agent=(request.user_agent.string or "")[:200],
    )


def _documents(settings: Settings) -> Documents:
    listed = read_manifests(settings.allow_list) if settings.allow_list else {}
    return Documents(listed=listed, listed_only=settings.environment == "production")

"""The plain-HTTP side of the API: published files, and the code as an image. Everything else is GraphQL."""

from datetime import datetime

from flask import Blueprint, Response, request

from backend.core.errors import Refusal
from backend.core.http.tokens import bearer
from backend.identity.viewer import ResidentViewer
from backend.onecode.publication import PublicFile
from backend.onecode.showing import draw_png
from backend.services import Services

NO_STORE = "no-store"


def web_blueprint(services: Services) -> Blueprint:
    """All plain routes; what each serves is named in docs/one-code.md and in the README."""
    onecode, now = services.onecode, services.foundation.clock.now
    blueprint = Blueprint("web", __name__)

    @blueprint.get("/.well-known/one-code/trust-list")
    def trust_list() -> Response:
        return _published(onecode.trust.trust_list(), now())

    @blueprint.get("/.well-known/one-code/roots")
    def roots() -> Response:
        return _published(onecode.trust.roots(), now())

    @blueprint.get("/.well-known/one-code/status/<int:number>")
    def status_list(number: int) -> Response:
        return _published(_found(onecode.status.status_list(number)), now())

    @blueprint.get("/.well-known/one-code/card-status/<int:number>")
    def card_status_list(number: int) -> Response:
        return _published(_found(onecode.card_status.status_list(number)), now())

    @blueprint.get("/.well-known/audit-checkpoint")
    def audit_checkpoint() -> Response:
        checkpoint = services.audit_checkpoints.latest()
        if checkpoint is None:
            raise Refusal("NOT_FOUND")
        response = Response(checkpoint.note, content_type="text/plain; charset=utf-8")
        response.headers["Cache-Control"] = "public, max-age=1"
        return response

    @blueprint.get("/me/code.png")
    def code_image() -> Response:
        viewer = services.viewer(bearer("resident"))
        if not isinstance(viewer, ResidentViewer):
            raise Refusal("UNAUTHENTICATED")
        shown = onecode.showing.current(viewer, request.args.get("domain"))
        response = Response(draw_png(shown.text), content_type="image/png")
        response.headers["Cache-Control"] = NO_STORE
        response.headers["Refresh"] = str(shown.refresh_seconds)
        return response

    return blueprint


def _found(file: PublicFile | None) -> PublicFile:
    if file is None:
        raise Refusal("NOT_FOUND")
    return file


def _published(file: PublicFile, now: datetime) -> Response:
    response = Response(file.body, content_type=file.content_type)
    response.headers["Cache-Control"] = f"public, max-age={file.max_age(now)}"
    response.headers["ETag"] = file.etag
    response.make_conditional(request)
    return response

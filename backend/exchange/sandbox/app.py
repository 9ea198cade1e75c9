"""The sandbox as a WSGI application."""

from flask import Flask, Response, jsonify
from flask.json.provider import DefaultJSONProvider

from backend.core.clock import Clock
from backend.exchange.sandbox.admin import Stores, admin_blueprint
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.departments.mount import Departments
from backend.exchange.sandbox.face import FaceTickets, face_blueprint, face_page_blueprint
from backend.exchange.sandbox.faults import Faults
from backend.exchange.sandbox.public_security import PeopleRegistry, public_security_blueprint
from backend.exchange.sandbox.sms import SmsOutbox, sms_blueprint
from backend.exchange.sandbox.wechat import WeChatUsers, wechat_blueprint

_MAX_BODY_BYTES = 64 * 1024


class _Json(DefaultJSONProvider):
    ensure_ascii = False  # Names are to be read by people.


def create_sandbox(config: SandboxConfig, clock: Clock) -> Flask:
    """All stand-ins: `/wechat`, `/sms`, `/public-security`, `/face`, `/departments`, and `/_admin`."""
    app = Flask("sandbox")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES
    app.json = _Json(app)
    stores = Stores(
        Faults(),
        WeChatUsers(clock),
        SmsOutbox(clock, config.sms_hourly_limit),
        PeopleRegistry(config.residents, config.seed),
        FaceTickets(clock, auto_pass=config.face_auto_pass),
        Departments(config, clock),
    )
    faults = stores.faults
    app.register_blueprint(wechat_blueprint(config, stores.users, faults))
    app.register_blueprint(sms_blueprint(config, stores.outbox, faults))
    app.register_blueprint(public_security_blueprint(config, stores.people, faults, clock))
    app.register_blueprint(face_blueprint(config, stores.people, stores.tickets, faults, clock))
    app.register_blueprint(face_page_blueprint(stores.tickets))
    for edge in stores.departments.edges.values():
        app.register_blueprint(edge.blueprint(faults))
    app.register_blueprint(admin_blueprint(config, stores))

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    return app

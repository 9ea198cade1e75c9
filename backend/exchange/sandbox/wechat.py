"""A stand-in for WeChat's `sns/jscode2session` and for the phone's `wx.login`."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from flask import Blueprint, Response, json, request

from backend.core.clock import Clock
from backend.exchange.sandbox.config import SandboxConfig
from backend.exchange.sandbox.faults import Faults, inject

_LIFETIME: Final = timedelta(minutes=5)
_MOST_CODES: Final = 10_000
_MESSAGES: Final = {
    -1: "system error",
    40002: "invalid grant_type",
    40013: "invalid appid",
    40029: "invalid code",
    40125: "invalid appsecret",
    40163: "code been used",
    40226: "code blocked",
    41008: "missing code",
    45011: "api minute-quota reach limit",
}


@dataclass(slots=True)
class _Login:
    openid: str
    unionid: str | None
    blocked: bool
    expires: datetime
    used: bool = False


class WeChatUsers:
    """Codes that phones got from `wx.login`; safe between threads, the oldest forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._logins: dict[str, _Login] = {}

    def log_in(self, openid: str, unionid: str | None = None, *, blocked: bool = False) -> str:
        """A fresh single-use code, good for five minutes, as the phone's `wx.login` gives it."""
        js_code = secrets.token_urlsafe(24)
        with self._lock:
            self._logins[js_code] = _Login(openid, unionid, blocked, self._clock.now() + _LIFETIME)
            while len(self._logins) > _MOST_CODES:
                del self._logins[next(iter(self._logins))]
        return js_code

    def redeem(self, js_code: str) -> tuple[int, _Login | None]:
        """WeChat's errcode and, with 0, who logged in; a code is good for one call."""
        with self._lock:
            login = self._logins.get(js_code)
            if login is None or login.expires < self._clock.now():
                return 40029, None
            if login.used:
                return 40163, None
            if login.blocked:
                return 40226, None
            login.used = True
            return 0, login

    def reset(self) -> None:
        """Forgets all codes."""
        with self._lock:
            self._logins.clear()


def wechat_blueprint(config: SandboxConfig, users: WeChatUsers, faults: Faults) -> Blueprint:
    """`GET /wechat/sns/jscode2session`; like the real one it answers 200 with an errcode."""
    blueprint = Blueprint("wechat", __name__, url_prefix="/wechat")
    inject(blueprint, "wechat", faults, lambda code: _error(int(code)))

    @blueprint.get("/sns/jscode2session")
    def jscode2session() -> Response:
        errcode = _wrong_arguments(config)
        if errcode:
            return _error(errcode)
        errcode, login = users.redeem(request.args["js_code"])
        return _error(errcode) if login is None else _session(login)

    return blueprint


def _wrong_arguments(config: SandboxConfig) -> int:
    given = request.args
    if given.get("appid") != config.wechat_app_id:
        return 40013
    if given.get("secret") != config.wechat_app_secret:
        return 40125
    if given.get("grant_type") != "authorization_code":
        return 40002
    return 0 if given.get("js_code") else 41008


def _session(login: _Login) -> Response:
    answer = {"session_key": base64.b64encode(secrets.token_bytes(16)).decode(), "openid": login.openid}
    if login.unionid:
        answer["unionid"] = login.unionid
    return _plain(answer)


def _error(errcode: int) -> Response:
    return _plain({"errcode": errcode, "errmsg": _MESSAGES.get(errcode, "error")})


def _plain(answer: Mapping[str, str | int]) -> Response:
    """JSON under text/plain, as the real one sends it."""
    return Response(json.dumps(answer), content_type="text/plain")

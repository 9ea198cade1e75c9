"""Signing in by WeChat: the server half of `wx.login`."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from backend.core.errors import Refusal
from backend.core.outbound import Call, Outbound, Reply

_SYSTEM_BUSY = -1  # WeChat did nothing, and asks to be asked again.
_REFUSALS: Final = {
    40029: "WECHAT_CODE_INVALID",
    40163: "WECHAT_CODE_USED",
    40226: "WECHAT_USER_BLOCKED",
    45011: "WECHAT_BUSY",
}
_BUSY_SECONDS: Final = {45011: 60}  # A limit on each user's calls a minute.


@dataclass(frozen=True, slots=True)
class WeChatSession:
    """Who holds the phone, as WeChat says; `unionid` only where the app is bound to an open platform."""

    openid: str = field(repr=False)
    unionid: str | None = field(repr=False)


class WeChatLogin(Protocol):
    """Turns the code that a mini-program got from `wx.login` into the WeChat user."""

    def exchange(self, js_code: str) -> WeChatSession:
        """The user behind a single-use code.

        Raises Refusal: WECHAT_CODE_INVALID, WECHAT_CODE_USED, WECHAT_USER_BLOCKED, WECHAT_BUSY (with
        retry_after), WECHAT_MISCONFIGURED, and UPSTREAM_*.
        """
        ...


class HttpWeChatLogin:
    """WeChatLogin over `GET /sns/jscode2session` of api.weixin.qq.com.

    WeChat's session_key is dropped on arrival: nothing here needs it, so nothing can leak it.
    """

    def __init__(self, outbound: Outbound, app_id: str, app_secret: str) -> None:
        self._outbound = outbound
        self._app_id = app_id
        self._app_secret = app_secret

    def exchange(self, js_code: str) -> WeChatSession:
        """See WeChatLogin."""
        call = Call(
            "jscode2session",
            "GET",
            "/sns/jscode2session",
            # A code works once: were the first answer lost, a second try would only learn that it is used.
            safe_to_repeat=False,
            try_again_on=lambda reply: reply.data.get("errcode") == _SYSTEM_BUSY,
            params={
                "appid": self._app_id,
                "secret": self._app_secret,
                "js_code": js_code,
                "grant_type": "authorization_code",
            },
        )
        return _session(self._outbound.call(call))


def _session(reply: Reply) -> WeChatSession:
    errcode = reply.data.get("errcode", 0)
    if not isinstance(errcode, int):
        raise Refusal("UPSTREAM_MALFORMED")
    if errcode != 0:
        code = _REFUSALS.get(errcode, "WECHAT_MISCONFIGURED")
        raise Refusal(code, retry_after=_BUSY_SECONDS.get(errcode), errcode=errcode)
    unionid = reply.data.get("unionid")
    return WeChatSession(reply.text("openid"), unionid if isinstance(unionid, str) else None)

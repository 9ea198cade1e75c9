"""Text messages through an SMS gateway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from backend.core.errors import Refusal
from backend.core.outbound import Call, Outbound, Reply

_REFUSALS: Final = {
    "INVALID_NUMBER": "SMS_INVALID_NUMBER",
    "BLOCKED_NUMBER": "SMS_BLOCKED",
    "RATE_LIMITED": "SMS_RATE_LIMITED",
}
_RATE_LIMITED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SmsReceipt:
    """The gateway has taken the message: its id, for delivery reports."""

    message_id: str


class SmsGateway(Protocol):
    """Sends a template's text to a mobile number."""

    def send(self, mobile: str, template: str, params: Mapping[str, str], dedupe_id: str) -> SmsReceipt:
        """Hands over one message; a repeat of a `dedupe_id` sends nothing and gives the first receipt.

        `mobile` has 11 digits. Raises Refusal: SMS_INVALID_NUMBER, SMS_BLOCKED, SMS_RATE_LIMITED (with
        retry_after), SMS_REFUSED (our account or template), and UPSTREAM_*.
        """
        ...


class HttpSmsGateway:
    """SmsGateway over `POST /sms/v1/messages` with a bearer key.

    Request {mobile, sign_name, template, params, dedupe_id} → 202 {message_id}; refusals are 4xx with
    {code}: INVALID_NUMBER, BLOCKED_NUMBER, RATE_LIMITED (429, Retry-After), TEMPLATE_UNKNOWN, UNAUTHORIZED.
    """

    def __init__(self, outbound: Outbound, access_key: str, sign_name: str) -> None:
        self._outbound = outbound
        self._access_key = access_key
        self._sign_name = sign_name

    def send(self, mobile: str, template: str, params: Mapping[str, str], dedupe_id: str) -> SmsReceipt:
        """See SmsGateway."""
        body = {
            "mobile": mobile,
            "sign_name": self._sign_name,
            "template": template,
            "params": dict(params),
            "dedupe_id": dedupe_id,
        }
        call = Call(
            "send",
            "POST",
            "/sms/v1/messages",
            safe_to_repeat=True,  # The gateway knows a repeat by its dedupe id.
            content=orjson.dumps(body),
            headers={"Authorization": f"Bearer {self._access_key}"},
        )
        reply = self._outbound.call(call)
        if reply.status >= 400:
            raise _refusal(reply)
        return SmsReceipt(reply.text("message_id"))


def _refusal(reply: Reply) -> Refusal:
    code = _REFUSALS.get(str(reply.data.get("code")), "SMS_REFUSED")
    if code != "SMS_RATE_LIMITED":
        return Refusal(code)
    return Refusal(
        code, retry_after=_RATE_LIMITED_SECONDS if reply.retry_after is None else reply.retry_after
    )

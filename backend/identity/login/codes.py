"""One-time codes by text message (短信验证码)."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter

from backend.core.audit import Actor, Entry
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_secret
from backend.core.mongo.client import Session
from backend.core.resident_id import parse_mobile
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.login.models import (
    ASK_AGAIN_AFTER,
    CODE_LIFE,
    CodePurpose,
    CodeRequested,
    PhoneCode,
    ProvenMobile,
)
from backend.identity.login.repository import PhoneCodeRepository
from backend.identity.repository import ResidentRepository
from backend.identity.residents import Residents
from backend.identity.sessions.service import installation_hash
from notifications.channels.sms import SmsGateway

_REQUESTED = TypeAdapter(CodeRequested)
_DIGITS: Final = 6
_BLOCKED_BY_OPERATOR: Final = timedelta(days=1)
_UNDELIVERABLE: Final = frozenset({"SMS_BLOCKED", "SMS_INVALID_NUMBER"})
_TEMPLATES: Final = {
    CodePurpose.SIGN_IN: "sign_in_code",
    CodePurpose.CHANGE_MOBILE: "change_mobile_code",
    CodePurpose.SUSPEND: "suspend_code",
}


class PhoneCodes:
    """Sends six-digit codes and checks them: 5 minutes, 5 attempts, one use, one purpose."""

    def __init__(
        self,
        core: Foundation,
        repository: PhoneCodeRepository,
        residents: Residents,
        resident_repository: ResidentRepository,
        sms: SmsGateway,
    ) -> None:
        self._core = core
        self._repository = repository
        self._residents = residents
        self._resident_repository = resident_repository
        self._sms = sms
        self._commands = Commands(core.idempotency)
        self._mobiles = core.sealer.system("phone-codes")
        self._code_key = core.keyring.secret("phone-codes")

    def request(self, mobile: str, purpose: CodePurpose, client: Client, key: str) -> CodeRequested:
        """Sends a code, unless the number is blocked or its holder suspended: the answer is the same.

        Asked again by the same installation within 60 s, it sends nothing and gives the first answer. Raises
        Refusal: MOBILE_INVALID, RATE_LIMITED, SMS_RATE_LIMITED, SMS_REFUSED, UPSTREAM_*.
        """
        number = parse_mobile(mobile)
        mobile_index = self._residents.mobile_index(number)
        request = {"mobile": mobile_index.hex(), "purpose": purpose}
        command = Command(f"installation:{client.installation}", key, "identity.code.request", request)
        answered = self._commands.answered(command, _REQUESTED)
        if answered is not None:
            return answered
        self._core.limits.hit("otp.send.device", client.installation)
        self._core.limits.hit("otp.send.address", client.address)
        since = self._core.clock.now() - ASK_AGAIN_AFTER
        recent = self._repository.recent(mobile_index, purpose, installation_hash(client), since)
        if recent is not None:
            return self._commands.once(command, _REQUESTED, lambda _session: _requested(recent))
        made = self._send(number, mobile_index, purpose, client)
        return self._commands.once(command, _REQUESTED, lambda session: self._record(made, session))

    def check(self, challenge: str, code: str, purpose: CodePurpose, client: Client) -> ProvenMobile:
        """Spends an attempt; the number whose holder answered right.

        The caller consumes the challenge in its transaction. Raises Refusal: PHONE_CODE_WRONG for every
        reason that a code doesn't count, RATE_LIMITED.
        """
        self._core.limits.hit("otp.verify.device", client.installation)
        self._core.limits.hit("otp.verify.address", client.address)
        stored = self._repository.attempt(challenge, purpose, self._core.clock.now())
        if stored is None:
            raise Refusal("PHONE_CODE_WRONG")
        self._core.limits.hit("otp.verify.phone", stored.mobile_index.hex())
        self._hit_account("otp.verify.account", stored.mobile_index)
        expected = stored.code_hash or bytes(hashlib.sha256().digest_size)
        if not hmac.compare_digest(expected, self._hash(challenge, code)):
            raise Refusal("PHONE_CODE_WRONG")
        return ProvenMobile(challenge, self._mobiles.open(stored.mobile).decode(), stored.mobile_index)

    def consume(self, proven: ProvenMobile, session: Session) -> None:
        """Uses the challenge up; PHONE_CODE_WRONG when another request was quicker."""
        if not self._repository.consume(proven.challenge, session):
            raise Refusal("PHONE_CODE_WRONG")

    def _send(self, number: str, mobile_index: bytes, purpose: CodePurpose, client: Client) -> PhoneCode:
        """Sends a new code, outside any transaction; the challenge to record, codeless if none was sent."""
        self._core.limits.hit("otp.send.phone", mobile_index.hex())
        self._hit_account("otp.send.account", mobile_index)
        challenge = new_secret(24)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        sent = self._may_receive(mobile_index) and self._deliver(
            number, mobile_index, _TEMPLATES[purpose], code, challenge
        )
        now = self._core.clock.now()
        return PhoneCode(
            id=challenge,
            purpose=purpose,
            mobile=self._mobiles.seal(number.encode()),
            mobile_index=mobile_index,
            code_hash=self._hash(challenge, code) if sent else None,
            installation=installation_hash(client),
            created_at=now,
            expires_at=now + CODE_LIFE,
        )

    def _deliver(self, number: str, mobile_index: bytes, template: str, code: str, challenge: str) -> bool:
        minutes = str(CODE_LIFE // timedelta(minutes=1))
        try:
            self._sms.send(number, template, {"code": code, "minutes": minutes}, challenge)
        except Refusal as refusal:
            if refusal.code not in _UNDELIVERABLE:
                raise
            self._repository.block(mobile_index, self._core.clock.now() + _BLOCKED_BY_OPERATOR)
            return False
        return True

    def _may_receive(self, mobile_index: bytes) -> bool:
        holder = self._resident_repository.find_by_mobile(mobile_index)
        blocked = self._repository.is_blocked(mobile_index, self._core.clock.now())
        return not blocked and (holder is None or holder.is_active)

    def _record(self, made: PhoneCode, session: Session) -> CodeRequested:
        self._repository.insert(made, session)
        entry = Entry(
            action="identity.code.requested",
            actor=Actor("system", "identity"),
            detail={"purpose": made.purpose, "sent": int(made.code_hash is not None)},
        )
        self._core.audit.append(entry, session)
        return _requested(made)

    def _hit_account(self, rule: str, mobile_index: bytes) -> None:
        holder = self._resident_repository.find_by_mobile(mobile_index)
        if holder is not None:
            self._core.limits.hit(rule, holder.id)

    def _hash(self, challenge: str, code: str) -> bytes:
        return hmac.digest(self._code_key, f"{challenge}:{code}".encode(), hashlib.sha256)


def _requested(code: PhoneCode) -> CodeRequested:
    return CodeRequested(code.id, code.expires_at, code.created_at + ASK_AGAIN_AFTER)

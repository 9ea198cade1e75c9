"""Signing in with WeChat."""

import hashlib

from backend.core.foundation import Foundation
from backend.core.mongo.client import Session
from backend.exchange.wechat import WeChatLogin, WeChatSession
from backend.identity.client import Client
from backend.identity.commands import Command, Commands
from backend.identity.login.links import WeChatLinks
from backend.identity.login.models import TicketContent
from backend.identity.login.phone import OUTCOME, Outcome, signed_in_entry
from backend.identity.login.tickets import Tickets
from backend.identity.sessions.service import SessionOpener


class WeChatSignIn:
    """A WeChat account opens a session for the resident that it is linked to."""

    def __init__(
        self,
        core: Foundation,
        wechat: WeChatLogin,
        links: WeChatLinks,
        tickets: Tickets,
        opener: SessionOpener,
    ) -> None:
        self._core = core
        self._wechat = wechat
        self._links = links
        self._tickets = tickets
        self._opener = opener
        self._commands = Commands(core.idempotency)

    def sign_in(self, js_code: str, client: Client, key: str) -> Outcome:
        """A session, or a registration ticket for an account that is linked to nobody.

        Raises Refusal: WECHAT_*, UPSTREAM_*, IDENTITY_SUSPENDED, RATE_LIMITED.
        """
        # The code works once at WeChat: a repeat must find the first answer and not ask again.
        actor = f"wechat:{hashlib.sha256(js_code.encode()).hexdigest()}"
        command = Command(actor, key, "identity.sign_in.wechat", {"entry": client.entry})
        answered = self._commands.answered(command, OUTCOME)
        if answered is not None:
            return answered
        self._core.limits.hit("login.wechat.device", client.installation)
        self._core.limits.hit("login.wechat.address", client.address)
        account = self._wechat.exchange(js_code)
        known = self._links.resident_of(account)
        if known is not None:
            self._core.limits.hit("login.account", known)
        return self._commands.once(command, OUTCOME, lambda session: self._enter(account, client, session))

    def _enter(self, account: WeChatSession, client: Client, session: Session) -> Outcome:
        resident = self._links.resident_of(account, session)
        if resident is None:
            content = TicketContent(openid=account.openid, unionid=account.unionid)
            return self._tickets.issue(content, session)
        signed_in = self._opener.open(resident, client, self._core.clock.now(), session)
        self._core.audit.append(signed_in_entry(signed_in, "wechat", client), session)
        return signed_in

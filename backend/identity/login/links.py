"""Which WeChat account belongs to which resident."""

from datetime import datetime

from backend.core.mongo.client import Session
from backend.exchange.wechat import WeChatSession
from backend.identity.repository import ResidentRepository, WeChatLink
from backend.identity.residents import Residents


class WeChatLinks:
    """Links by openid, and by unionid between mini-programs of one operator; both stored as keyed hashes."""

    def __init__(self, residents: Residents, repository: ResidentRepository) -> None:
        self._residents = residents
        self._repository = repository

    def resident_of(self, account: WeChatSession, session: Session | None = None) -> str | None:
        """The id of the resident that the account is linked to."""
        return self._repository.find_by_wechat(
            self._residents.openid_index(account.openid), self._union_index(account), session
        )

    def link(self, resident: str, account: WeChatSession, at: datetime, session: Session) -> None:
        """Links the account to the resident, and to nobody else."""
        link = WeChatLink(
            openid_index=self._residents.openid_index(account.openid),
            union_index=self._union_index(account),
            openid=self._residents.seal(resident, "wechat_links", "openid", account.openid, session),
            resident=resident,
            linked_at=at,
        )
        self._repository.link_wechat(link, session)

    def _union_index(self, account: WeChatSession) -> bytes | None:
        return None if account.unionid is None else self._residents.unionid_index(account.unionid)

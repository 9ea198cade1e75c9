"""Real-name proofing (实名核验): does this name go with this identity number?"""

from dataclasses import dataclass, field

from backend.core.audit import Actor, Entry
from backend.core.clock import CHINA
from backend.core.errors import Refusal
from backend.core.foundation import Foundation
from backend.core.ids import new_id
from backend.core.resident_id import IdNumber, parse_id_number, parse_name
from backend.exchange.public_security import RealNameRegistry, RealNameResult
from backend.identity.client import Client
from backend.identity.residents import Residents


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A well-formed name and identity number that somebody claims, and the number's blind index."""

    name: str = field(repr=False)
    number: IdNumber
    id_index: bytes = field(repr=False)


class Proofing:
    """Parses what somebody claims to be and asks the registry of people."""

    def __init__(self, core: Foundation, residents: Residents, registry: RealNameRegistry) -> None:
        self._core = core
        self._residents = residents
        self._registry = registry

    def claimed(self, name: str, id_number: str) -> NamedPerson:
        """The claim, well formed; Refusal NAME_INVALID or ID_NUMBER_*. Nobody is asked."""
        today = self._core.clock.now().astimezone(CHINA).date()
        number = parse_id_number(id_number, today=today)
        return NamedPerson(parse_name(name), number, self._residents.id_index(number))

    def check(self, person: NamedPerson, client: Client) -> None:
        """Asks the registry, outside any transaction and only for whom a factor was proven already.

        Raises Refusal: REAL_NAME_MISMATCH, REAL_NAME_NO_RECORD, RATE_LIMITED, EXCHANGE_REFUSED, UPSTREAM_*.
        """
        self._core.limits.hit("registration.identity", person.id_index.hex())
        self._core.limits.hit("registration.device", client.installation)
        self._core.limits.hit("registration.address", client.address)
        result = self._registry.check(person.name, person.number.number, new_id())
        if result is RealNameResult.MATCH:
            return
        code = "REAL_NAME_MISMATCH" if result is RealNameResult.MISMATCH else "REAL_NAME_NO_RECORD"
        actor = Actor("system", "identity")  # Nobody is proven, so nobody is named.
        self._core.audit.append(Entry("identity.proofing", actor, outcome="refused", code=code), None)
        raise Refusal(code)

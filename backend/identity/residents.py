"""Finding residents, and opening what is sealed of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.core.ids import new_id
from backend.core.mongo.client import Session
from backend.core.resident_id import IdNumber
from backend.core.sealing import ResidentKey, Sealer
from backend.identity.models import IdentityStatus, Person, Resident
from backend.identity.place import Place
from backend.identity.repository import BlindIndexes, ResidentRepository

COLLECTION: Final = "residents"


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a new resident is registered with, in the clear and only in memory."""

    name: str
    id_number: IdNumber
    mobile: str
    place: Place
    insured_city: str | None = None
    photo: str | None = None


class Residents:
    """Looks residents up by what they are known by, and opens their texts with their own key."""

    def __init__(self, repository: ResidentRepository, sealer: Sealer) -> None:
        self._repository = repository
        self._sealer = sealer

    def find(self, resident: str, session: Session | None = None) -> Resident | None:
        """The resident with this id."""
        return self._repository.find(resident, session)

    def person(self, resident: Resident) -> Person:
        """The resident's name, numbers and photo reference; all None once erased."""
        key = self._sealer.key(resident.id)
        return Person(None, None, None, None) if key is None else open_person(resident, key)

    def id_index(self, number: IdNumber) -> bytes:
        """The blind index of an identity number: 32 octets; one kind's number is never another's."""
        return self._sealer.blind("id-number", f"{number.kind}:{number.number}")

    def mobile_index(self, mobile: str) -> bytes:
        """The blind index of a mobile number: 32 octets."""
        return self._sealer.blind("mobile", mobile)

    def openid_index(self, openid: str) -> bytes:
        """The blind index of a WeChat openid: 32 octets."""
        return self._sealer.blind("wechat-openid", openid)

    def unionid_index(self, unionid: str) -> bytes:
        """The blind index of a WeChat unionid: 32 octets."""
        return self._sealer.blind("wechat-unionid", unionid)

    def seal(self, resident: str, collection: str, field: str, text: str, session: Session) -> bytes:
        """Seals a text under the resident's key, which is made when there is none."""
        return self._sealer.create(resident, session).seal(collection, field, text)

    def register(self, given: Particulars, at: datetime, session: Session) -> Resident:
        """Adds a resident with a data key of their own; the mobile number counts as proven `at`."""
        resident_id = new_id()
        key = self._sealer.create(resident_id, session)
        resident = seal_resident(resident_id, given, key, at)
        indexes = BlindIndexes(self.id_index(given.id_number), self.mobile_index(given.mobile))
        self._repository.insert(resident, indexes, session)
        return resident


def seal_resident(resident_id: str, given: Particulars, key: ResidentKey, at: datetime) -> Resident:
    """A new active resident whose personal texts are sealed under `key`."""
    return Resident(
        id=resident_id,
        kind=given.id_number.kind,
        sex=given.id_number.sex,
        birth_year=given.id_number.birth_date.year,
        city=given.place.city,
        district=given.place.district,
        insured_city=given.insured_city,
        status=IdentityStatus.ACTIVE,
        name=key.seal(COLLECTION, "name", given.name),
        id_number=key.seal(COLLECTION, "id_number", given.id_number.number),
        mobile=key.seal(COLLECTION, "mobile", given.mobile),
        photo=None if given.photo is None else key.seal(COLLECTION, "photo", given.photo),
        mobile_proven_at=at,
        registered_at=at,
        version=1,
    )


def open_person(resident: Resident, key: ResidentKey) -> Person:
    """The opened texts of a resident whose key is at hand."""
    return Person(
        name=key.open(COLLECTION, "name", resident.name),
        id_number=key.open(COLLECTION, "id_number", resident.id_number),
        mobile=key.open(COLLECTION, "mobile", resident.mobile),
        photo=key.open(COLLECTION, "photo", resident.photo),
    )

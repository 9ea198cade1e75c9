"""Which departments there are, and the development keys that they and the exchange sign with."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from backend.core.divisions import cities, city_of
from backend.exchange.department_api.operations import Kind
from backend.exchange.message_signatures import PrivateKey, Signer

EXCHANGE_KEY_ID: Final = "tongyu.sandbox-1"
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Department:
    """A department of a city; `city` is its six-digit code."""

    city: str
    kind: Kind

    @property
    def name(self) -> str:
        """Unique among departments, as faults and counts name it."""
        return f"{self.city}/{self.kind}"

    @property
    def path(self) -> str:
        """Where the sandbox serves it."""
        return f"/departments/{self.city}/{self.kind}/v1"

    def serves(self, division: str) -> bool:
        """Whether a division lies in this department's city."""
        return city_of(division) == self.city


def departments() -> tuple[Department, ...]:
    """All twelve."""
    return tuple(Department(city.code, kind) for city in cities() for kind in Kind)


@cache
def department_signer(department: Department) -> Signer:
    """The department's key: the same in every run, good for nothing but the sandbox.

    Medical insurance and social security sign with P-256, the others with Ed25519.
    """
    secret = sha256(f"sandbox department {department.name}".encode()).digest()
    key_id = f"{department.city}.{department.kind}.sandbox-1"
    if department.kind in {Kind.MEDICAL_INSURANCE, Kind.SOCIAL_SECURITY}:
        number = int.from_bytes(secret, "big") % (_P256_ORDER - 1) + 1
        return Signer(key_id, ec.derive_private_key(number, ec.SECP256R1()))
    return Signer(key_id, ed25519.Ed25519PrivateKey.from_private_bytes(secret))


@cache
def exchange_signer() -> Signer:
    """The exchange's own key against the sandbox, in development and tests."""
    secret = sha256(b"sandbox exchange").digest()
    return Signer(EXCHANGE_KEY_ID, ed25519.Ed25519PrivateKey.from_private_bytes(secret))


def public_pem(key: PrivateKey) -> str:
    """The public half as SubjectPublicKeyInfo PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: PrivateKey) -> str:
    """The key as PKCS #8 PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

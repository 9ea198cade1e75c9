"""Sealing of personal data: the KEK, a data key per resident, system keys, secrets, blind indexes."""

from backend.core.sealing.kek import BadKek, Kek
from backend.core.sealing.ports import Cipher, KeyedHash, KeyEncryption, Unopenable
from backend.core.sealing.rewrap import rewrap
from backend.core.sealing.sealer import ResidentKey, Sealer, SystemKey, hmac_sha256
from backend.core.sealing.secrets import Secrets

__all__ = [
    "BadKek",
    "Cipher",
    "Kek",
    "KeyEncryption",
    "KeyedHash",
    "ResidentKey",
    "Sealer",
    "Secrets",
    "SystemKey",
    "Unopenable",
    "hmac_sha256",
    "rewrap",
]

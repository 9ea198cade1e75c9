"""Signing keys: generations of each purpose, announced, active, retired and gone by the clock."""

from backend.core.keyring.keyring import Keyring, NoActiveKey
from backend.core.keyring.models import (
    VERIFY_FOR,
    Algorithm,
    KeyRecord,
    KeyStatus,
    PrivateKey,
    PublicKey,
    Purpose,
    SigningKey,
    State,
)
from backend.core.keyring.repository import INDEXES

__all__ = [
    "INDEXES",
    "VERIFY_FOR",
    "Algorithm",
    "KeyRecord",
    "KeyStatus",
    "Keyring",
    "NoActiveKey",
    "PrivateKey",
    "PublicKey",
    "Purpose",
    "SigningKey",
    "State",
]

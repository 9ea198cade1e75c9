"""The key-encryption key: a Tink keyset in JSON, kept outside MongoDB. The only module that touches Tink."""

import tink  # type: ignore[import-untyped]  # Tink ships no types; they end in this module.
from tink import aead, secret_key_access
from tink.aead import aead_key_templates  # type: ignore[import-untyped]  # As above.
from tink.proto import aes_gcm_pb2, tink_pb2  # type: ignore[import-untyped]  # As above.

from backend.core.errors import Misconfigured
from backend.core.sealing.ports import Cipher, Unopenable
from backend.core.settings import Settings

_AES_GCM = "type.googleapis.com/google.crypto.tink.AesGcmKey"
_PREFIX_OCTETS = 5  # 0x01 and the key's id in 4 octets, big-endian: Tink's wire format.

aead.register()


class BadKek(Misconfigured):
    """The key-encryption key is missing or isn't what it must be; the text never quotes it."""


class _TinkCipher:
    """A Tink primitive behind the Cipher port."""

    __slots__ = ("_primitive",)

    def __init__(self, primitive: aead.Aead) -> None:
        self._primitive = primitive

    def encrypt(self, plain: bytes, context: bytes) -> bytes:
        sealed: bytes = self._primitive.encrypt(plain, context)
        return sealed

    def decrypt(self, sealed: bytes, context: bytes) -> bytes:
        try:
            plain: bytes = self._primitive.decrypt(sealed, context)
        except tink.TinkError:
            raise Unopenable from None
        return plain


class Kek(_TinkCipher):
    """AES-256-GCM keys, of which the primary one seals and every one opens.

    Safe between threads. Its repr tells the ids of the keys and nothing else.
    """

    __slots__ = ("ids", "primary")

    def __init__(self, keyset: tink_pb2.Keyset) -> None:
        super().__init__(_handle(keyset).primitive(aead.Aead))
        self.primary: int = keyset.primary_key_id
        self.ids: tuple[int, ...] = tuple(key.key_id for key in keyset.key)

    def __repr__(self) -> str:
        return f"Kek(primary={self.primary}, ids={list(self.ids)})"

    @classmethod
    def parse(cls, json_text: str) -> "Kek":
        """The KEK of a Tink JSON keyset; raises BadKek, which never quotes the text."""
        return cls(_parse(json_text))

    @classmethod
    def from_settings(cls, settings: Settings) -> "Kek":
        """The KEK that the settings hold or point to; raises BadKek when there is none."""
        if settings.kek is not None:
            return cls.parse(settings.kek.get_secret_value())
        if settings.kek_file is None:
            raise BadKek("Set TONGYU_KEK or TONGYU_KEK_FILE; `tongyu keys kek` makes a key.")
        if not settings.kek_file.is_file():
            raise BadKek("TONGYU_KEK_FILE points to no file.")
        return cls.parse(settings.kek_file.read_text("utf-8"))

    @staticmethod
    def generate() -> str:
        """A new keyset of one key, as JSON text. It is a secret: show it once, to its keeper."""
        return _dump(_fresh())

    @staticmethod
    def with_new_key(json_text: str) -> str:
        """Rotation, step 1: one more key that opens but doesn't seal yet; give it to every process."""
        keyset = _parse(json_text)
        added = _fresh().key[0]
        if added.key_id in {key.key_id for key in keyset.key}:
            return Kek.with_new_key(json_text)
        keyset.key.append(added)
        return _dump(keyset)

    @staticmethod
    def with_newest_primary(json_text: str) -> str:
        """Rotation, step 2: the key added last seals from now on; then run `rewrap`."""
        keyset = _parse(json_text)
        keyset.primary_key_id = keyset.key[-1].key_id
        return _dump(keyset)

    @staticmethod
    def with_primary_only(json_text: str) -> str:
        """Rotation, step 3, once `rewrap` finds nothing more to do: the older keys are dropped."""
        keyset = _parse(json_text)
        kept = next(key for key in keyset.key if key.key_id == keyset.primary_key_id)
        return _dump(tink_pb2.Keyset(primary_key_id=keyset.primary_key_id, key=[kept]))

    def new_data_key(self, context: bytes, *, many_messages: bool = False) -> tuple[Cipher, bytes]:
        """A fresh AES-256-GCM data key and its wrapping; XAES-256-GCM for `many_messages`."""
        template = (
            aead_key_templates.XAES_256_GCM_192_BIT_NONCE if many_messages else aead_key_templates.AES256_GCM
        )
        handle = tink.new_keyset_handle(template)
        plain = tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
        return _TinkCipher(handle.primitive(aead.Aead)), self.encrypt(plain, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> Cipher:
        """The cipher of a wrapped data key; raises Unopenable."""
        handle = tink.proto_keyset_format.parse(self.decrypt(wrapped, context), secret_key_access.TOKEN)
        return _TinkCipher(handle.primitive(aead.Aead))

    def is_current(self, wrapped: bytes) -> bool:
        """Whether `wrapped` was sealed by the primary key, told from Tink's prefix."""
        return wrapped[1:_PREFIX_OCTETS] == self.primary.to_bytes(4, "big")


def _fresh() -> tink_pb2.Keyset:
    handle = tink.new_keyset_handle(aead_key_templates.AES256_GCM)
    text = tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return tink_pb2.Keyset.FromString(text)


def _handle(keyset: tink_pb2.Keyset) -> tink.KeysetHandle:
    return tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)


def _dump(keyset: tink_pb2.Keyset) -> str:
    text: str = tink.json_proto_keyset_format.serialize(_handle(keyset), secret_key_access.TOKEN)
    return text


def _parse(json_text: str) -> tink_pb2.Keyset:
    keyset = _read(json_text)
    if keyset is None:
        # Raised outside the handler, so that the parser's error, which quotes the text, isn't chained to it.
        raise BadKek("The key-encryption key isn't a Tink keyset in JSON.")
    if not all(_is_aes_256_gcm(key) for key in keyset.key):
        raise BadKek(
            "Every key of the key-encryption key must be an enabled AES-256-GCM key with Tink's prefix."
        )
    return keyset


def _read(json_text: str) -> tink_pb2.Keyset | None:
    try:
        handle = tink.json_proto_keyset_format.parse(json_text, secret_key_access.TOKEN)
    except tink.TinkError:
        return None
    return tink_pb2.Keyset.FromString(tink.proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


def _is_aes_256_gcm(key: tink_pb2.Keyset.Key) -> bool:
    if key.key_data.type_url != _AES_GCM or key.output_prefix_type != tink_pb2.TINK:
        return False
    octets = len(aes_gcm_pb2.AesGcmKey.FromString(key.key_data.value).key_value)
    return octets == 32 and key.status == tink_pb2.ENABLED

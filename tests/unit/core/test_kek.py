"""The key-encryption key: parsing, rotation, and that nothing of it shows."""

import base64
import json

import pytest
import tink
from hypothesis import given
from hypothesis import strategies as st
from tink import secret_key_access
from tink.aead import aead_key_templates

from backend.core.sealing import BadKek, Kek, Unopenable
from backend.core.settings import Settings

KEK_TEXT = Kek.generate()


def secret_part(kek_text: str) -> str:
    return json.loads(kek_text)["key"][0]["keyData"]["value"]


def keyset(template) -> str:
    return tink.json_proto_keyset_format.serialize(tink.new_keyset_handle(template), secret_key_access.TOKEN)


def test_what_one_kek_seals_it_opens_again_and_another_does_not():
    kek, other = Kek.parse(KEK_TEXT), Kek.parse(Kek.generate())
    sealed = kek.encrypt(b"secret", b"here")
    assert kek.decrypt(sealed, b"here") == b"secret"
    with pytest.raises(Unopenable):
        other.decrypt(sealed, b"here")
    with pytest.raises(Unopenable):
        kek.decrypt(sealed, b"there")


def test_two_generated_keks_differ():
    assert secret_part(Kek.generate()) != secret_part(Kek.generate())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "not json",
        '{"primaryKeyId": 1, "key": []}',
        KEK_TEXT[:-20],
        KEK_TEXT.replace("ENABLED", "DISABLED"),
        KEK_TEXT.replace('"TINK"', '"RAW"'),
        keyset(aead_key_templates.AES128_GCM),
        keyset(aead_key_templates.AES256_GCM_SIV),
    ],
    ids=[
        "empty",
        "no key",
        "no json",
        "no keys",
        "cut",
        "disabled",
        "raw prefix",
        "128 bits",
        "other cipher",
    ],
)
def test_a_keyset_that_is_not_aes_256_gcm_is_refused(text):
    with pytest.raises(BadKek):
        Kek.parse(text)


@given(cut=st.integers(0, KEK_TEXT.index("TINK")), junk=st.text(max_size=3))
def test_a_refused_kek_is_never_quoted_nor_chained(cut, junk):
    damaged = KEK_TEXT[:cut] + junk
    with pytest.raises(BadKek) as refusal:
        Kek.parse(damaged)
    assert secret_part(KEK_TEXT)[:8] not in str(refusal.value)
    assert refusal.value.__context__ is None
    assert refusal.value.__cause__ is None


def test_repr_and_str_tell_ids_and_nothing_secret():
    kek = Kek.parse(KEK_TEXT)
    raw = base64.b64decode(secret_part(KEK_TEXT))[-32:]
    for shown in (repr(kek), str(kek), f"{kek!a}"):
        assert str(kek.primary) in shown
        assert secret_part(KEK_TEXT) not in shown
        assert repr(raw) not in shown
        assert raw.hex() not in shown


def test_rotation_in_three_steps_opens_old_work_until_the_old_key_is_pruned():
    first = Kek.parse(KEK_TEXT)
    both_text = Kek.with_new_key(KEK_TEXT)
    both = Kek.parse(both_text)
    promoted_text = Kek.with_newest_primary(both_text)
    promoted = Kek.parse(promoted_text)
    pruned = Kek.parse(Kek.with_primary_only(promoted_text))

    old = both.encrypt(b"x", b"c")
    assert both.primary == first.primary
    assert first.decrypt(old, b"c") == b"x"
    assert promoted.primary != first.primary
    assert promoted.decrypt(old, b"c") == b"x"
    assert not promoted.is_current(old)
    new = promoted.encrypt(b"x", b"c")
    assert promoted.is_current(new)
    assert both.decrypt(new, b"c") == b"x"
    assert pruned.ids == (promoted.primary,)
    assert pruned.decrypt(new, b"c") == b"x"
    with pytest.raises(Unopenable):
        pruned.decrypt(old, b"c")


def test_settings_give_the_kek_as_text_or_from_a_file(tmp_path):
    file = tmp_path / "kek.json"
    file.write_text(KEK_TEXT, "utf-8")
    from_text = Kek.from_settings(Settings(kek=KEK_TEXT))
    from_file = Kek.from_settings(Settings(kek=None, kek_file=file))
    assert from_text.ids == from_file.ids


def test_settings_without_a_kek_or_with_a_missing_file_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(BadKek, match="TONGYU_KEK"):
        Kek.from_settings(Settings(kek=None, kek_file=None))
    with pytest.raises(BadKek, match="no file"):
        Kek.from_settings(Settings(kek=None, kek_file=tmp_path / "none.json"))


def test_a_data_key_opens_only_in_the_context_that_it_was_wrapped_for():
    kek = Kek.parse(KEK_TEXT)
    cipher, wrapped = kek.new_data_key(b"data_keys|a")
    sealed = cipher.encrypt(b"text", b"")
    assert kek.unwrap(wrapped, b"data_keys|a").decrypt(sealed, b"") == b"text"
    with pytest.raises(Unopenable):
        kek.unwrap(wrapped, b"data_keys|b")


def test_a_data_key_for_many_messages_has_192_bit_nonces():
    kek = Kek.parse(KEK_TEXT)
    few, _ = kek.new_data_key(b"c")
    many, wrapped = kek.new_data_key(b"c", many_messages=True)
    assert len(few.encrypt(b"", b"")) == 5 + 12 + 16
    assert len(many.encrypt(b"", b"")) == 5 + 24 + 16
    assert kek.unwrap(wrapped, b"c").decrypt(many.encrypt(b"x", b""), b"") == b"x"

"""Signed notes and checkpoints, with the example of Go's note package as a stranger's vector."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backend.core.audit.checkpoint import origin_of, read_checkpoint
from backend.core.audit.note import BadNote, key_id, sign, verifier_key, verify
from backend.core.keyring import PrivateKey

NAME = "tongyu.example/audit"
TEXT = f"{NAME}\n3\n{base64.b64encode(bytes(32)).decode()}\n"

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.fixture(params=["ES256", "EdDSA"])
def private(request: pytest.FixtureRequest) -> PrivateKey:
    return Ed25519PrivateKey.generate() if request.param == "EdDSA" else generate_private_key(SECP256R1())


def test_a_note_that_gos_implementation_signed_verifies() -> None:
    name, number, encoded = GO_KEY.split("+", 2)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])

    assert key_id(name, public).hex() == number
    assert verifier_key(name, public) == GO_KEY
    assert verify(GO_NOTE, name, [public]) == GO_NOTE.partition("\n\n")[0] + "\n"


def test_what_we_sign_verifies(private: PrivateKey) -> None:
    assert verify(sign(TEXT, NAME, private), NAME, [private.public_key()]) == TEXT


def test_a_witness_may_sign_as_well(private: PrivateKey) -> None:
    note = sign(TEXT, NAME, private)
    witness = sign(TEXT, "witness.example", Ed25519PrivateKey.generate()).rpartition("\n\n")[2]

    assert verify(note + witness, NAME, [private.public_key()]) == TEXT


def test_another_key_or_name_doesnt_count(private: PrivateKey) -> None:
    note = sign(TEXT, NAME, private)

    with pytest.raises(BadNote, match="no known key"):
        verify(note, NAME, [Ed25519PrivateKey.generate().public_key()])
    with pytest.raises(BadNote, match="no known key"):
        verify(note, "other.example", [private.public_key()])
    with pytest.raises(BadNote, match="no known key"):
        verify(note, NAME, [])


def test_no_changed_octet_of_text_or_signature_is_accepted(private: PrivateKey) -> None:
    note, keys = sign(TEXT, NAME, private), [private.public_key()]
    refused = 0
    for place in range(len(note)):
        changed = note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :]
        try:
            said = verify(changed, NAME, keys)
        except BadNote:
            refused += 1
        else:
            # Only the unused bits of base 64's last digit can change without a change of meaning.
            assert said == TEXT
            assert place > len(TEXT)
    assert refused >= len(note) - 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.rstrip("\n"),
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("3", "3\r"),
        lambda note: note + "\n",
        lambda note: note + "— x y\n",
        lambda note: note + "— x AAAA\n",
        lambda note: note + "— " + "x" * 70_000 + " AAAAAAAA\n",
        lambda _: "",
        lambda _: "\n\n",
    ],
)
def test_a_malformed_note_is_refused(private: PrivateKey, spoil) -> None:
    with pytest.raises(BadNote):
        verify(spoil(sign(TEXT, NAME, private)), NAME, [private.public_key()])


def test_a_checkpoint_says_origin_size_and_root(private: PrivateKey) -> None:
    checkpoint = read_checkpoint(sign(TEXT, NAME, private))

    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (NAME, 3, bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT.replace("\n3\n", "\n03\n"),
        TEXT.replace("\n3\n", "\n-3\n"),
        TEXT.replace("\n3\n", "\n٣\n"),
        TEXT.replace("\n3\n", "\n\n"),
        TEXT.replace("AAA=", "AAA"),
        TEXT.replace("AAAA", ""),
        TEXT + "extension\n",
        "\n" + TEXT,
    ],
)
def test_what_isnt_a_checkpoint_is_refused(private: PrivateKey, text: str) -> None:
    with pytest.raises(BadNote):
        read_checkpoint(sign(text, NAME, private))


def test_the_logs_name_is_its_url_without_the_scheme() -> None:
    assert origin_of("https://tongyu.example/") == "tongyu.example/audit"
    assert origin_of("http://127.0.0.1:8000") == "127.0.0.1:8000/audit"

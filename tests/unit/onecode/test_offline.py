"""Verification from files: verdicts, exit statuses, sentences, and what is remembered between runs."""

import io
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.onecode.imaging import read_image
from backend.onecode.offline import Exit, Inputs, verify_files
from backend.onecode.wire import qr
from backend.onecode.wire.errors import CodeRejected
from backend.onecode.wire.keys import SigningKey, to_jwk
from tests.unit.onecode.wire.support import DAY, NOW, Office


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def inputs(office: Office, tmp_path: Path) -> Inputs:
    """A desk's files, and a good code."""
    (tmp_path / "trust.jws").write_text(office.trust_token() + "\n")
    (tmp_path / "roots.json").write_text(json.dumps({"keys": [to_jwk(office.root.verify_key())]}))
    (tmp_path / "status.cwt").write_bytes(office.status_token())
    return Inputs(
        trust_list=tmp_path / "trust.jws",
        roots=tmp_path / "roots.json",
        state=tmp_path / "state.json",
        domain="medical",
        status_lists=(tmp_path / "status.cwt",),
        text=office.code(),
    )


def outcome(inputs: Inputs, office: Office) -> tuple[Exit, str]:
    verdict = verify_files(inputs, office.clock)
    for locale in ("zh-CN", "en"):
        assert all(verdict.sentences(locale))  # type: ignore[arg-type]
        assert verdict.sentences(locale)  # type: ignore[arg-type]
    return verdict.exit, verdict.code


def test_a_good_code_is_accepted_with_its_status(inputs: Inputs, office: Office) -> None:
    verdict = verify_files(inputs, office.clock)
    assert (verdict.exit, verdict.code) == (Exit.ACCEPTED, "ACCEPTED")
    assert verdict.sentences("en") == [
        "Accepted: issued by cs.tongyu, valid until 2026-11-01T13:00:07+08:00",
        "Status: not revoked, by the list of 2026-11-01T09:00:07+08:00",
    ]
    assert "核验通过" in verdict.sentences()[0]


def test_without_a_status_list_the_answer_says_that_it_does_not_know(inputs: Inputs, office: Office) -> None:
    verdict = verify_files(replace(inputs, status_lists=()), office.clock)
    assert verdict.exit is Exit.ACCEPTED
    assert "unknown" in verdict.sentences("en")[1]


def test_a_picture_serves_as_well(inputs: Inputs, office: Office, tmp_path: Path) -> None:
    (tmp_path / "code.png").write_bytes(qr.png(inputs.text or ""))
    assert outcome(replace(inputs, text=None, image=tmp_path / "code.png"), office) == (
        Exit.ACCEPTED,
        "ACCEPTED",
    )


def test_a_refused_code_has_its_reason(inputs: Inputs, office: Office, tmp_path: Path) -> None:
    (tmp_path / "status.cwt").write_bytes(office.status_token([42]))
    assert outcome(inputs, office) == (Exit.REJECTED, "CODE_REVOKED")
    office.clock.advance(120)
    assert outcome(inputs, office) == (Exit.REJECTED, "CODE_PROOF_EXPIRED")
    assert outcome(replace(inputs, text="YM1:"), office) == (Exit.REJECTED, "CODE_MALFORMED")


def test_a_challenge_is_compared(inputs: Inputs, office: Office) -> None:
    assert outcome(replace(inputs, challenge=b"nonce-01"), office)[0] is Exit.ACCEPTED
    assert outcome(replace(inputs, challenge=b"nonce-02"), office) == (
        Exit.REJECTED,
        "CODE_CHALLENGE_MISMATCH",
    )


def test_an_older_trust_list_is_refused_after_a_newer_one(inputs: Inputs, office: Office) -> None:
    inputs.trust_list.write_text(office.trust_token(sequence=9))
    assert outcome(inputs, office)[0] is Exit.ACCEPTED
    inputs.trust_list.write_text(office.trust_token(sequence=8))
    assert outcome(inputs, office) == (Exit.UNUSABLE_TRUST, "TRUST_LIST_ROLLBACK")


def test_a_new_root_is_remembered_and_the_old_one_forgotten(inputs: Inputs, office: Office) -> None:
    new = SigningKey.generate()
    inputs.trust_list.write_text(office.trust_token(sequence=6, roots=(office.root, new)))
    assert outcome(inputs, office)[0] is Exit.ACCEPTED
    successor = Office(office.issuer, new, office.device, office.clock)
    inputs.trust_list.write_text(successor.trust_token(sequence=7))
    assert outcome(inputs, office)[0] is Exit.ACCEPTED
    inputs.trust_list.write_text(office.trust_token(sequence=8))
    assert outcome(inputs, office) == (Exit.UNUSABLE_TRUST, "TRUST_LIST_INVALID")


def test_a_stale_trust_list_is_unusable(inputs: Inputs, office: Office) -> None:
    office.clock.set(NOW + 7 * DAY)
    assert outcome(inputs, office) == (Exit.UNUSABLE_TRUST, "TRUST_LIST_STALE")


@pytest.mark.parametrize("name", ["trust.jws", "roots.json", "status.cwt"])
@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\x00", b"[]", b'{"keys": [7]}', b'{"keys": [{"kty": "RSA"}]}']
)
def test_broken_files_are_unusable_never_a_crash(
    inputs: Inputs, office: Office, tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    assert outcome(inputs, office)[0] is Exit.UNUSABLE_TRUST


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"sequence": "x", "keys": []}'])
def test_a_broken_state_file_fails_closed(inputs: Inputs, office: Office, content: str) -> None:
    inputs.state.write_text(content)
    assert outcome(inputs, office) == (Exit.UNUSABLE_TRUST, "TRUST_FILES_UNUSABLE")


def test_a_state_file_that_cannot_be_written_fails_closed(
    inputs: Inputs, office: Office, tmp_path: Path
) -> None:
    nowhere = replace(inputs, state=tmp_path / "missing" / "state.json")
    assert outcome(nowhere, office) == (Exit.UNUSABLE_TRUST, "TRUST_FILES_UNUSABLE")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_broken_pictures_are_refused_never_a_crash(kind: str, tmp_path: Path) -> None:
    rng = random.Random(kind)
    whole = io.BytesIO()
    Image.open(io.BytesIO(qr.png("YM1:ABC"))).convert("RGB").save(whole, kind)
    path = tmp_path / "broken"
    refusals = 0
    for _ in range(100):
        content = bytearray(whole.getvalue())
        for _ in range(rng.randrange(1, 6)):
            content[rng.randrange(min(len(content), 600))] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), rng.randrange(len(content))))])
        try:
            read_image(path)
        except CodeRejected:
            refusals += 1
    assert refusals > 10


def test_unreadable_input_has_its_own_exit_status(inputs: Inputs, office: Office, tmp_path: Path) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (200, 200), 255).save(blank)
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    image = replace(inputs, text=None)
    unreadable = Exit.UNREADABLE_INPUT
    assert outcome(replace(image, image=blank), office) == (unreadable, "IMAGE_WITHOUT_CODE")
    assert outcome(replace(image, image=text), office) == (unreadable, "IMAGE_UNREADABLE")
    assert outcome(replace(image, image=tmp_path / "no.png"), office) == (unreadable, "IMAGE_UNREADABLE")
    assert outcome(image, office) == (unreadable, "CODE_NOT_GIVEN")
    assert outcome(replace(inputs, image=blank), office) == (unreadable, "CODE_NOT_GIVEN")
    assert outcome(replace(inputs, domain="casino"), office)[0] is unreadable

"""`tongyu keys` as an operator runs it, against a real MongoDB."""

import json

import pytest
from typer.testing import CliRunner

from backend.cli.keys import app
from backend.core.clock import SystemClock
from backend.core.keyring import Keyring, Purpose, State
from backend.core.sealing import Kek, Sealer
from backend.onecode.wire.keys import from_jwk, key_id

KEK_TEXT = Kek.generate()


@pytest.fixture
def keyring(db):
    ring = Keyring(db, Kek.parse(KEK_TEXT), SystemClock())
    ring.ensure()
    return ring


@pytest.fixture
def run(db, mongo):
    environment = {"TONGYU_MONGODB_URI": mongo, "TONGYU_MONGODB_DATABASE": db.name, "TONGYU_KEK": KEK_TEXT}

    def run(*arguments: str, **changed: str):
        return CliRunner().invoke(app, list(arguments), env={**environment, **changed})

    return run


def test_kek_prints_a_usable_key_and_a_new_one_each_time(run):
    first, second = run("kek"), run("kek")
    assert Kek.parse(first.stdout).ids != Kek.parse(second.stdout).ids


def test_a_change_of_kek_in_the_documented_steps(run, tmp_path, keyring, db):
    file = tmp_path / "kek.json"
    file.write_text(KEK_TEXT, "utf-8")
    sealed = Sealer(db, Kek.parse(KEK_TEXT), SystemClock()).create("r1").seal("c", "f", "text")
    for step in ("--add", "--promote"):
        file.write_text(run("kek", step, str(file)).stdout, "utf-8")
    assert run("rewrap", TONGYU_KEK=file.read_text("utf-8")).stdout == "6 sealed again\n"
    assert run("rewrap", TONGYU_KEK=file.read_text("utf-8")).stdout == "0 sealed again\n"
    file.write_text(run("kek", "--prune", str(file)).stdout, "utf-8")
    renewed = Sealer(db, Kek.parse(file.read_text("utf-8")), SystemClock())
    assert renewed.key("r1").open("c", "f", sealed) == "text"
    assert len(Kek.parse(file.read_text("utf-8")).ids) == 1


def test_two_steps_at_once_are_refused(run, tmp_path):
    result = run("kek", "--add", str(tmp_path / "a"), "--prune", str(tmp_path / "b"))
    assert result.exit_code == 2


def test_list_shows_the_keys_and_their_states(run, keyring):
    shown = run("list").stdout
    for purpose in Purpose:
        assert keyring.active(purpose).kid in shown
    assert keyring.active(Purpose.CARD).kid not in run("list", "--purpose", "token").stdout


def test_rotate_announces_a_key_and_says_from_when_it_signs(run, keyring):
    result = run("rotate", "token", "--publish-ahead", "2h", "--verify-for", "30m", "--algorithm", "EdDSA")
    assert result.exit_code == 0
    old, new = keyring.statuses(Purpose.TOKEN)
    assert result.stdout.startswith(f"{new.record.kid} signs token from ")
    assert (new.state, new.record.algorithm) == (State.ANNOUNCED, "EdDSA")
    assert (new.record.active_from - new.record.created_at).total_seconds() == pytest.approx(7200, abs=1)
    assert (old.retire_at - new.record.active_from).total_seconds() == 1800


@pytest.mark.parametrize(
    "wrong", [["token", "--publish-ahead", "soon"], ["token", "--algorithm", "RS256"], ["x"]]
)
def test_rotate_refuses_what_it_does_not_understand_and_changes_nothing(run, keyring, wrong):
    assert run("rotate", *wrong).exit_code == 2
    assert len(keyring.statuses(Purpose.TOKEN)) == 1


def test_retire_ends_a_key_and_names_its_successor(run, keyring):
    bad = keyring.active(Purpose.CODE).kid
    result = run("retire", "code", bad)
    gone, successor = keyring.statuses(Purpose.CODE)
    assert result.stdout == f"{bad} is gone; {successor.record.kid} signs code\n"
    assert (gone.state, successor.state) == (State.GONE, State.ACTIVE)
    assert bad not in run("list").stdout
    assert bad in run("list", "--all").stdout


def test_retire_of_an_unknown_key_fails_with_a_sentence(run, keyring):
    result = run("retire", "code", "0" * 16)
    assert result.exit_code == 1
    assert "no usable signing key" in result.stderr


def test_export_root_prints_what_verifiers_pin_and_nothing_private(run, keyring):
    exported = json.loads(run("export-root").stdout)
    root = keyring.active(Purpose.CODE_ROOT)
    assert [from_jwk(key).kid for key in exported["keys"]] == [key_id(root.public)]
    assert "d" not in exported["keys"][0]


def test_a_wrong_kek_is_explained_and_not_printed(run, keyring):
    damaged = KEK_TEXT[:-30]
    result = run("list", TONGYU_KEK=damaged)
    assert result.exit_code == 1
    assert "isn't a Tink keyset" in result.stderr
    assert json.loads(KEK_TEXT)["key"][0]["keyData"]["value"] not in result.output


def test_another_databases_kek_is_explained(run, keyring):
    result = run("retire", "code", keyring.active(Purpose.CODE).kid, TONGYU_KEK=Kek.generate())
    assert result.exit_code == 1
    assert "another key-encryption key" in result.stderr

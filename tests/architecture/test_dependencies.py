"""The lock files tell the truth about pyproject.toml."""

import re
import tomllib

import pytest

from tests.architecture.sources import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def locked(name: str) -> dict[str, str]:
    """Package to version, of a lock file."""
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", text, re.MULTILINE))


def pinned(requirements: list[str]) -> dict[str, str]:
    """Package to version, of pyproject's lists; every one must be pinned."""
    pairs = [re.match(r"([A-Za-z0-9.-]+)(?:\[[a-z]+\])?==([^ ;]+)", one) for one in requirements]
    assert all(pairs), requirements
    return {pair[1].lower(): pair[2] for pair in pairs if pair}


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("serve.lock", PROJECT["dependencies"]),
        ("run.lock", PROJECT["dependencies"] + EXTRAS["embedded"]),
        ("dev.lock", PROJECT["dependencies"] + EXTRAS["embedded"] + EXTRAS["dev"]),
    ],
)
def test_every_direct_dependency_is_locked_at_its_pin(lock: str, requirements: list[str]):
    assert pinned(requirements).items() <= locked(lock).items()


def test_the_locks_agree():
    serve, run, dev = locked("serve.lock"), locked("run.lock"), locked("dev.lock")
    assert serve.items() <= run.items() <= dev.items()


@pytest.mark.parametrize("lock", ["serve.lock", "run.lock", "dev.lock", "uv.lock"])
def test_a_lock_has_hashes_and_names_no_host(lock: str):
    text = (ROOT / "requirements" / lock).read_text()
    assert "--hash=sha256:" in text
    assert "://" not in text

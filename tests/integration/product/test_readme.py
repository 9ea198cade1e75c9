"""The README tells the truth: its walk runs as written, its commands exist."""

import re
import subprocess

import pytest

from backend.cli.main import COMMANDS
from tests.architecture.sources import ROOT
from tests.product import TONGYU, environment, running_product

README = (ROOT / "README.md").read_text("utf-8")


def walk() -> str:
    """The shell lines of the walk, as they stand."""
    found = re.search(r"<!-- walk:.*?-->\n```bash\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def fresh(tmp_path):
    """A product as the reader has it: started a moment ago, nothing done with it yet."""
    with running_product(tmp_path, demo_residents="20") as running:
        yield running


def test_the_walk_does_what_it_says(fresh):
    product, script = fresh, walk()
    # Only where the product listens differs from the reader's machine.
    for written, here in {
        "127.0.0.1:8000": f"127.0.0.1:{product.port}",
        "127.0.0.1:8001": f"127.0.0.1:{product.sandbox_port}",
        ".venv/bin/tongyu": str(TONGYU),
    }.items():
        assert written in script
        script = script.replace(written, here)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=product.folder,
        env=environment(product.folder),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    accepted, refused, seen, *audit = done.stdout.splitlines()
    assert '"level":"L1"' in accepted
    assert "周晓雯" in accepted
    assert "CODE_REPLAYED" in refused
    assert "湘雅医院住院结算窗口" in seen
    assert "430100" in seen
    assert seen.count('"accepted":true') == 1
    assert audit, done.stdout


def test_every_make_target_and_command_that_it_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z][a-z-]*)", README))
    assert named
    assert named <= targets, named - targets

    row = re.findall(r"^\| `tongyu (.*?) \|", README, re.MULTILINE)
    mentioned = {word for cell in row for word in re.findall(r"(?:^|`)([a-z]+)", cell)}
    assert mentioned == set(COMMANDS)


def test_every_make_target_is_in_the_readme_or_explains_itself():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert phony == explained


def test_every_file_that_it_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []

"""Where others' vectors are found: `TONGYU_VECTORS`, then `../shared/vectors` beside the repository."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("TONGYU_VECTORS", _ROOT.parent / "shared" / "vectors"))

requires_public_vectors = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the public vectors are not here: set TONGYU_VECTORS to their folder"
)


def vectors(folder: str) -> list[Any]:
    """One pytest parameter a file of `folder`, named by the file; empty when the vectors are not here."""
    paths = sorted((FOLDER / folder).glob("*.json"))
    return [pytest.param(json.loads(path.read_text("utf-8")), id=path.stem) for path in paths]

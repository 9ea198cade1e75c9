"""Writes the published documents as the JSON that the package carries.

`python -m backend.exchange.department_api.bundle docs/department-api`
"""

import sys
from pathlib import Path

import orjson
import yaml  # type: ignore[import-untyped]  # The library has no types; it is needed here only.

from backend.exchange.department_api.operations import Kind


def bundle(source: Path, target: Path) -> None:
    """Writes `<kind>.json` into `target` for each `<kind>.yaml` of `source`."""
    for kind in Kind:
        document = yaml.safe_load((source / f"{kind}.yaml").read_text("utf-8"))
        (target / f"{kind}.json").write_bytes(orjson.dumps(document) + b"\n")


if __name__ == "__main__":
    bundle(Path(sys.argv[1]), Path(__file__).parent)

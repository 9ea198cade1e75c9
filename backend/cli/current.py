"""The settings that a command typed here goes by."""

import os
from pathlib import Path
from typing import Final

from backend.core.settings import Settings

CURRENT: Final = "current.env"
"""Where `tongyu dev` writes down, in its data folder, how its run can be reached."""


def command_settings() -> Settings:
    """The environment's settings; what it leaves open comes from the `tongyu dev` that runs here, if any."""
    data_dir = Path(os.environ.get("TONGYU_DATA_DIR", ".tongyu"))
    return Settings(_env_file=data_dir / CURRENT)

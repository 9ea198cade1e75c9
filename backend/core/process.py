"""Processes that end with the one that started them."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with(parent: int) -> None:
    """Has the kernel send the calling process SIGTERM when `parent`, which started it, dies.

    It covers what no handler can, a parent killed with SIGKILL (Linux prctl(2), PR_SET_PDEATHSIG). Elsewhere
    it does nothing.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # It died before we asked.
        os.kill(os.getpid(), signal.SIGTERM)


def end_with_parent() -> Callable[[], None]:
    """What a child that this process starts calls first (`preexec_fn`), to end with this process."""
    return partial(end_with, os.getpid())

"""Processes that end with the one that started them."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], None]:
    """A function for a child to call first: the kernel then sends it SIGTERM when its parent's thread dies.

    It covers what no handler can, a parent killed with SIGKILL (Linux prctl(2), PR_SET_PDEATHSIG). Elsewhere
    it does nothing, and a supervisor's leftovers are found by their pid files.
    """
    if sys.platform != "linux":
        return lambda: None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # The parent died before we asked.
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


def end_with(parent: int) -> None:
    """Has the kernel send the calling process SIGTERM when `parent`, which started it, dies (Linux only).

    For a process that another library started, so that no function could be handed over to be called first.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)

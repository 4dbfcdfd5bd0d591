"""Child processes that end when their parent does, however it ends.

    python parent.py PROGRAM ARGUMENT…      run a program that is killed when its starter dies

For programs of our own `on_parents_death` does the same more gently.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["start", "with_parent", "on_parents_death", "KEEP_RUNNING"]

KEEP_RUNNING = "HEADRACE_KEEP_RUNNING"
_PR_SET_PDEATHSIG = 1
# The kernel ties a child to the *thread* that started it: one thread that lives as long as the process starts them all.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starter")


def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program that dies with this process, from whatever thread this is called."""
    child: subprocess.Popen[bytes] = _starter.submit(lambda: subprocess.Popen(with_parent(command), **options)).result()
    return child


def with_parent(command: list[str]) -> list[str]:
    """The command line of the same program, killed when the thread that starts it ends. Linux; elsewhere unchanged."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), *command]


def on_parents_death(act: Callable[[], None]) -> None:
    """Call the function, on a thread, when the process that started this one is gone."""
    parent = os.getppid()
    if os.environ.get(KEEP_RUNNING) or not hasattr(os, "pidfd_open"):
        return
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        act()
        return
    if os.getppid() != parent:
        act()
        return

    def watch() -> None:
        select.select([descriptor], [], [])
        act()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _become(command: list[str]) -> None:
    """Turn into the program, with the kernel's promise to kill it at its parent's death."""
    parent = os.getppid()
    if not os.environ.get(KEEP_RUNNING):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)  # it died before the kernel knew
    os.execvp(command[0], command)  # noqa: S606 - it is what this is for


if __name__ == "__main__":
    _become(sys.argv[1:])

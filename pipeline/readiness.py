"""A worker says in a file that it owns its partitions: what `up` waits for, and a container's readiness probe."""

import os

from pipeline.runfile import home

__all__ = ["is_ready", "say_ready"]


def say_ready(hop: str) -> None:
    """Note that this process is ready. In a folder that cannot be written nobody is waiting."""
    folder = home() / "ready"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hop).write_text(str(os.getpid()))
    except OSError:
        return


def is_ready(hop: str, pid: int) -> bool:
    """Whether the process of this id has said so."""
    try:
        return (home() / "ready" / hop).read_text() == str(pid)
    except OSError:
        return False

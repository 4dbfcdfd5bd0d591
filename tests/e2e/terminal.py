"""A command given on a terminal, by somebody who answers its question."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["on_a_terminal"]


def on_a_terminal(words: Sequence[str], folder: Path, answer: str) -> tuple[str, int]:
    """What is shown, and the exit code."""
    controller, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli.main", *words], cwd=folder, env=environment, stdin=terminal,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        os.close(terminal)
        os.write(controller, f"{answer}\n".encode())
        assert process.stdout is not None
        shown = process.stdout.read()
        code = process.wait(250)
    os.close(controller)
    return shown, code

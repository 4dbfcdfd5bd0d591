"""Child processes kept running: started in order, restarted with backoff, stopped together.

A child that dies is started again after a wait that doubles up to a cap; one that stays up for a while starts from
the shortest wait again. A child that keeps dying is said so, loudly, once a minute: it is not given up, for its
cause (a broker, a full disk) may go away.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

__all__ = ["ChildPlan", "Supervisor", "backoff_s"]

FIRST_WAIT_S = 0.5
WAIT_CAP_S = 15.0
STEADY_AFTER_S = 30.0
STOP_GRACE_S = 15.0


class ChildPlan(msgspec.Struct, frozen=True):
    """A process to keep running."""

    name: str
    command: list[str]
    environment: dict[str, str] = {}
    restart: bool = True
    """False for what cannot come back with its data: its death ends everything."""


def backoff_s(failures: int, jitter: float) -> float:
    """Seconds to wait before the restart after so many failures in a row; `jitter` is from 0 to 1."""
    ceiling: float = min(WAIT_CAP_S, FIRST_WAIT_S * 2 ** min(failures, 16))
    return ceiling * (0.5 + jitter / 2)


class _Running:
    """One child: its process, and when to start it again."""

    def __init__(self, plan: ChildPlan) -> None:
        self.plan = plan
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at_s = 0.0
        self.start_again_at_s = 0.0
        self.failures = 0


class Supervisor:
    """Keeps children running until `stop`. One thread uses it."""

    def __init__(self, logs: Path, tell: Callable[[str], None]) -> None:
        self._logs = logs
        self._tell = tell
        self._children: list[_Running] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, plan: ChildPlan) -> None:
        """Start a child; its output goes to a file of its name."""
        child = _Running(plan)
        self._children.append(child)
        self._launch(child)

    def pids(self) -> Mapping[str, int]:
        """The running children's process ids."""
        return {child.plan.name: child.process.pid for child in self._children if child.process is not None}

    def tend(self) -> bool:
        """Look after everyone once. True when a pid changed; raises RuntimeError when it cannot go on."""
        now_s = time.monotonic()
        changed = False
        for child in self._children:
            if child.process is None:
                if now_s >= child.start_again_at_s:
                    self._launch(child)
                    changed = True
            elif child.process.poll() is not None:
                self._note_death(child, now_s)
                changed = True
        return changed

    def stop(self) -> None:
        """Stop everyone, the last started first, each given time to end in order."""
        for child in reversed(self._children):
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                self._tell(f"{child.plan.name} did not stop within {STOP_GRACE_S:.0f} s and is killed")
                process.kill()
                process.wait()

    def _launch(self, child: _Running) -> None:
        log = (self._logs / f"{child.plan.name}.log").open("ab")
        with log:
            child.process = subprocess.Popen(
                child.plan.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **child.plan.environment},
                start_new_session=True,  # Ctrl-C goes to us, and we stop them in order
                preexec_fn=_end_with_supervisor if sys.platform == "linux" else None,
            )
        child.started_at_s = time.monotonic()

    def _note_death(self, child: _Running, now_s: float) -> None:
        assert child.process is not None
        code = child.process.returncode
        child.process = None
        if not child.plan.restart:
            raise RuntimeError(f"{child.plan.name} ended with {code}; see {self._logs / child.plan.name}.log")
        child.failures = 1 if now_s - child.started_at_s > STEADY_AFTER_S else child.failures + 1
        wait_s = backoff_s(child.failures - 1, random.random())  # noqa: S311 - jitter, no secret
        child.start_again_at_s = now_s + wait_s
        again = f" for the {child.failures}th time in a row" if child.failures > 3 else ""
        self._tell(
            f"{child.plan.name} ended with {code}{again}; it starts again in {wait_s:.1f} s "
            f"(its log: {self._logs / child.plan.name}.log)"
        )


def _end_with_supervisor() -> None:
    """In the child, before its program: the kernel ends it when we die, however we die."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGTERM)

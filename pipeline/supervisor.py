"""Child processes kept running: started in order, restarted with backoff, stopped together.

A child that dies is started again after a wait that doubles up to a cap; one that stayed up for a while starts from
the shortest wait again. One that keeps dying blows a fuse: it is said loudly, with the last lines of its log, and from
then on it is tried only once a minute. It is not given up, for its cause (a broker, a full disk) may go away.

A child ends with us, also when we are killed: its command is to be wrapped by pipeline.embedded.parent, and started
from the thread that lives as long as the process.
"""

import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

__all__ = ["ChildPlan", "ChildState", "Supervisor", "backoff_s", "last_lines"]

FIRST_WAIT_S = 0.5
WAIT_CAP_S = 15.0
STEADY_AFTER_S = 30.0
"""A child that ran so long was up: its next death is the first again."""
FUSE_AFTER = 5
"""So many deaths in a row are a crash loop."""
FUSE_WAIT_S = 60.0
STOP_GRACE_S = 20.0
"""A worker commits what is pending; that may take a transaction or two."""
LOG_BYTES_MAX = 16 * 1024 * 1024
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class ChildPlan(msgspec.Struct, frozen=True):
    """A process to keep running."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = {}
    restart: bool = True
    """False for what cannot come back with its data: its death ends everything."""
    stage: int = 0
    """Children of the highest stage are stopped first, all of a stage together."""
    stop_signal: int = signal.SIGTERM


class ChildState(msgspec.Struct, frozen=True):
    """What a child is doing."""

    pid: int | None
    """None while it waits to be started again."""
    failures: int
    """Deaths in a row."""

    @property
    def looping(self) -> bool:
        """Whether it dies again and again."""
        return self.failures >= FUSE_AFTER


def backoff_s(failures: int, jitter: float) -> float:
    """Seconds to wait before the restart after so many failures in a row; `jitter` is from 0 to 1."""
    if failures >= FUSE_AFTER:
        return FUSE_WAIT_S * (0.75 + jitter / 2)
    ceiling: float = min(WAIT_CAP_S, FIRST_WAIT_S * 2 ** max(0, failures - 1))
    return ceiling * (0.5 + jitter / 2)


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log that say something, without terminal codes."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [_TERMINAL_CODE.sub("", line).rstrip() for line in text.splitlines()]
    return [line for line in lines if line][-count:]


class _Running:
    """One child: its process, and when to start it again."""

    def __init__(self, plan: ChildPlan) -> None:
        self.plan = plan
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at_s = 0.0
        self.start_again_at_s = 0.0
        self.failures = 0


class Supervisor:
    """Keeps children running until `stop`. One thread uses it, the main one."""

    def __init__(self, logs: Path, tell: Callable[[str], None]) -> None:
        self._logs = logs
        self._tell = tell
        self._children: list[_Running] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, plan: ChildPlan) -> None:
        """Start a child; what it prints goes to a file of its name."""
        child = _Running(plan)
        self._children.append(child)
        self._launch(child)

    def states(self) -> dict[str, ChildState]:
        """What every child is doing."""
        return {
            child.plan.name: ChildState(child.process.pid if child.process else None, child.failures)
            for child in self._children
        }

    def log(self, name: str) -> Path:
        """The file of what the child prints."""
        return self._logs / f"{name}.log"

    def tend(self) -> bool:
        """Look after everyone once. True when a process changed; raises RuntimeError when it cannot go on."""
        now_s = time.monotonic()
        changed = False
        for child in self._children:
            if child.process is None:
                if now_s >= child.start_again_at_s:
                    self._launch(child)
                    changed = True
            elif child.process.poll() is not None:
                self._note_death(child, child.process.returncode, now_s)
                changed = True
            elif child.failures and now_s - child.started_at_s > STEADY_AFTER_S:
                child.failures = 0
                changed = True
        return changed

    def stop(self) -> None:
        """Stop everyone, stage by stage; whoever has not ended in time is killed."""
        for stage in sorted({child.plan.stage for child in self._children}, reverse=True):
            self._stop_together([child for child in self._children if child.plan.stage == stage])

    def _stop_together(self, children: Iterable[_Running]) -> None:
        running = [(child.plan, child.process) for child in children if child.process is not None]
        for plan, process in running:
            process.send_signal(plan.stop_signal)
        deadline = time.monotonic() + STOP_GRACE_S
        for plan, process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._tell(f"{plan.name} did not stop within {STOP_GRACE_S:.0f} s and is killed")
                process.kill()
                process.wait()

    def _launch(self, child: _Running) -> None:
        path = self.log(child.plan.name)
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            child.process = subprocess.Popen(
                child.plan.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **child.plan.environment},
                start_new_session=True,  # Ctrl-C goes to us, and we stop them in order
            )
        child.started_at_s = time.monotonic()

    def _note_death(self, child: _Running, code: int, now_s: float) -> None:
        name = child.plan.name
        child.process = None
        child.failures = 1 if now_s - child.started_at_s > STEADY_AFTER_S else child.failures + 1
        if not child.plan.restart:
            raise RuntimeError(f"{name} {_ending(code)}, and what it held is gone: start again. {self._cause(name)}")
        wait_s = backoff_s(child.failures, random.random())  # noqa: S311 - jitter, no secret
        child.start_again_at_s = now_s + wait_s
        if child.failures >= FUSE_AFTER:
            self._tell(
                f"*** CRASH LOOP: {name} {_ending(code)}, {child.failures} times in a row. Nothing is lost, but its "
                f"work waits. Next try in {wait_s:.0f} s. {self._cause(name)}"
            )
        else:
            self._tell(f"{name} {_ending(code)}; it starts again in {wait_s:.1f} s (its log: {self.log(name)})")

    def _cause(self, name: str) -> str:
        lines = last_lines(self.log(name), 5)
        return f"Its log, {self.log(name)}, ends:\n" + "\n".join(f"    {line}" for line in lines or ["(nothing)"])


def _ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"

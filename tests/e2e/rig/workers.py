"""Worker processes, two of each hop, started again when they end, as whatever supervises them would."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pipeline.embedded.parent import start

__all__ = ["Workers", "Ending", "HOPS"]

HOPS = ("accept", "resolve", "identify", "people", "deliver-clickhouse")
_LOOK_EVERY_S = 0.3
_AGAIN_AFTER_S = (0.5, 8.0)
"""At least and at most; each ending doubles the wait, a minute's life forgets it."""
_STEADY_AFTER_S = 60.0


class Ending(msgspec.Struct, frozen=True):
    """A worker process that ended by itself or was ended."""

    worker: str
    pid: int
    code: int


class Workers:
    """Named hop/number, such as `accept/2`. Only processes started here are ever signalled."""

    def __init__(self, folder: Path, config: Path, environment: Mapping[str, str], hops: Sequence[str] = HOPS) -> None:
        self._hops = hops
        self._folder = folder
        self._config = config
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._since: dict[str, float] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self.endings: list[Ending] = []

    @property
    def names(self) -> list[str]:
        """Every worker there should be."""
        return sorted(self._running)

    def start(self, each: int) -> None:
        """Start so many workers of every hop, and keep them running."""
        for hop in self._hops:
            for number in range(1, each + 1):
                self._running[f"{hop}/{number}"] = self._launch(f"{hop}/{number}")
        self._keeper.start()

    def kill(self, *names: str) -> None:
        """End workers at once, all of them before any is started again (SIGKILL)."""
        with self._lock:
            for name in names:
                self._running[name].kill()

    def ask_to_stop(self, name: str, within_s: float = 30.0) -> int:
        """End a worker kindly (SIGTERM); the code it ends with. It is started again."""
        with self._lock:
            process = self._running[name]
            process.terminate()
        return process.wait(within_s)

    def freeze(self, name: str) -> int:
        """Stop a worker in whatever it is doing (SIGSTOP); its process id."""
        with self._lock:
            process = self._running[name]
            process.send_signal(signal.SIGSTOP)
            return process.pid

    def wake(self, name: str, pid: int) -> bool:
        """Let a frozen worker go on (SIGCONT), if it still is that process."""
        with self._lock:
            process = self._running[name]
            if process.pid != pid or process.poll() is not None:
                return False
            process.send_signal(signal.SIGCONT)
            return True

    def of(self, hop: str) -> list[str]:
        """The workers of a hop."""
        return [name for name in self.names if name.startswith(f"{hop}/")]

    def log(self, name: str) -> str:
        """What the worker has said, over all its lives."""
        file = self._log(name)
        return file.read_text(errors="replace") if file.exists() else ""

    def stop(self, within_s: float = 60.0) -> list[Ending]:
        """End all of them kindly, then not; what did not end by itself within the time is in the answer.

        Its log ends with what every thread of it was doing.
        """
        self._closing.set()
        if self._keeper.is_alive():
            self._keeper.join(10)
        for process in self._running.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        deadline = time.monotonic() + within_s
        stubborn = []
        for name, process in self._running.items():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)
                process.wait()
                stubborn.append(Ending(name, process.pid, -signal.SIGABRT))
        return stubborn

    def _keep(self) -> None:
        waits: dict[str, float] = {}
        due: dict[str, float] = {}
        while not self._closing.wait(_LOOK_EVERY_S):
            with self._lock:
                for name, process in self._running.items():
                    code = process.poll()
                    if code is None:
                        continue
                    now_s = time.monotonic()
                    if name not in due:
                        self.endings.append(Ending(name, process.pid, code))
                        steady = now_s - self._since[name] > _STEADY_AFTER_S
                        waits[name] = _AGAIN_AFTER_S[0] if steady else min(2 * waits.get(name, 0.25), _AGAIN_AFTER_S[1])
                        due[name] = now_s + waits[name]
                    elif now_s >= due[name]:
                        del due[name]
                        self._running[name] = self._launch(name)

    def _launch(self, name: str) -> "subprocess.Popen[bytes]":
        self._since[name] = time.monotonic()
        hop = name.split("/")[0]
        words = ["deliver", hop.removeprefix("deliver-")] if hop.startswith("deliver-") else [hop]
        place = self._folder / "workers" / name
        place.mkdir(parents=True, exist_ok=True)
        environment = {
            **self._environment,
            "HEADRACE_HOME": str(place),
            "HEADRACE_STORE__PATH": str(place / "state"),
            "PYTHONFAULTHANDLER": "1",
        }
        with self._log(name).open("ab") as log:
            command = [sys.executable, "-m", "pipeline.cli.main", "run", *words, "--config", str(self._config)]
            return start(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def _log(self, name: str) -> Path:
        return self._folder / "workers" / name / "worker.log"

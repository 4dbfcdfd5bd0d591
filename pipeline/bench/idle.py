"""What an installation costs when nobody sends anything: `headrace up` in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from pipeline.bench.processes import family, usage
from pipeline.bench.result import Idle
from schemas.outcomes import Retry

__all__ = ["run_idle"]

START_S = 120.0
STOP_S = 60.0
SETTLE_S = 5.0
"""Imports, first fetches and the first look at the topics are over by then."""


def run_idle(folder: Path, seconds: float) -> Idle:
    """Start everything embedded, leave it alone, and count its CPU for so long."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    environment = {**kept, "HEADRACE_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "pipeline.cli.main", "up"]
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(process, folder)
        time.sleep(SETTLE_S)
        return _watch(process.pid, seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _watch(pid: int, seconds: float) -> Idle:
    members = family(pid)
    before = {member: usage(member).cpu_s for member in members}
    started_s = time.monotonic()
    time.sleep(seconds)
    watched_s = time.monotonic() - started_s
    shares: dict[str, float] = {}
    for member, command in members.items():
        name = _name(command)
        shares[name] = shares.get(name, 0.0) + (usage(member).cpu_s - before[member]) / watched_s * 100
    shares = {name: round(share, 2) for name, share in shares.items()}
    return Idle(
        watched_s=round(watched_s, 1),
        percent_of_a_core={**shares, "total": round(sum(shares.values()), 2)},
    )


def _wait_until_ready(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    run_file = folder / "home" / "run.json"
    deadline = time.monotonic() + START_S
    while not (run_file.exists() and msgspec.json.decode(run_file.read_bytes()).get("ready")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Retry(f"headrace up did not become ready: {(folder / 'up.log').read_text()[-1_500:]}")
        time.sleep(0.1)


def _name(command: str) -> str:
    """What a process is, from its command line."""
    for mark, name in (
        ("run accept", "accept"),
        ("run resolve", "resolve"),
        ("run identify", "identify"),
        ("run people", "people"),
        ("run deliver", "deliver"),
        ("embedded.clickhouse", "clickhouse"),
        (" broker ", "broker"),
        ("main up", "up"),
    ):
        if mark in command:
            return name
    return "other"

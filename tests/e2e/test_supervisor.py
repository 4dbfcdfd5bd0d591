"""The supervisor with real children that end in every way there is."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

import pipeline.supervisor
from pipeline.supervisor import FUSE_AFTER, ChildPlan, Supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.supervisor, "FIRST_WAIT_S", 0.01)


def tend_until_failed(supervisor: Supervisor, name: str, times: int) -> None:
    while supervisor.states()[name].failures < times:
        supervisor.tend()
        time.sleep(0.01)


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(tmp_path, told.append)
    supervisor.start(ChildPlan("worker", SLEEPER))
    first = supervisor.states()["worker"].pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    tend_until_failed(supervisor, "worker", 1)
    while supervisor.states()["worker"].pid is None:
        supervisor.tend()

    assert supervisor.states()["worker"].pid != first
    assert told[0].startswith("worker was ended by SIGKILL; it starts again in")
    supervisor.stop()


def test_a_crash_loop_is_said_loudly_with_the_end_of_the_log(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(tmp_path, told.append)
    supervisor.start(ChildPlan("worker", [sys.executable, "-c", "raise SystemExit('no disk')"]))

    tend_until_failed(supervisor, "worker", FUSE_AFTER)

    assert supervisor.states()["worker"].looping
    assert told[-1].startswith(f"*** CRASH LOOP: worker ended with exit code 1, {FUSE_AFTER} times in a row.")
    assert told[-1].endswith("    no disk")


def test_the_death_of_what_cannot_come_back_ends_everything(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, lambda _: None)
    supervisor.start(ChildPlan("broker", [sys.executable, "-c", ""], restart=False))

    with pytest.raises(RuntimeError, match="broker ended with exit code 0, and what it held is gone"):
        tend_until_failed(supervisor, "broker", 1)


def test_the_highest_stage_is_stopped_first(tmp_path: Path) -> None:
    note = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(print('end', time.monotonic_ns())))"
    wait = "print('up', flush=True); time.sleep(60)"
    supervisor = Supervisor(tmp_path, lambda _: None)
    for name, stage in (("service", 0), ("hop", 1)):
        supervisor.start(ChildPlan(name, [sys.executable, "-c", f"{note}\n{wait}"], stage=stage))
    logs = {name: tmp_path / f"{name}.log" for name in ("service", "hop")}
    while not all("up" in log.read_text() for log in logs.values()):
        time.sleep(0.01)

    supervisor.stop()

    ended = {name: int(log.read_text().split()[-1]) for name, log in logs.items()}
    assert ended["hop"] < ended["service"]


def test_a_child_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.supervisor, "STOP_GRACE_S", 0.2)
    told: list[str] = []
    supervisor = Supervisor(tmp_path, told.append)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    supervisor.start(ChildPlan("worker", [sys.executable, "-c", deaf]))
    while "up" not in supervisor.log("worker").read_text():
        time.sleep(0.01)

    supervisor.stop()

    assert told == ["worker did not stop within 0 s and is killed"]


def test_a_log_that_has_grown_too_large_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.supervisor, "LOG_BYTES_MAX", 10)
    (tmp_path / "worker.log").write_text("a long log of earlier days")
    supervisor = Supervisor(tmp_path, lambda _: None)

    supervisor.start(ChildPlan("worker", [sys.executable, "-c", ""]))

    assert (tmp_path / "worker.log.1").read_text() == "a long log of earlier days"
    supervisor.stop()

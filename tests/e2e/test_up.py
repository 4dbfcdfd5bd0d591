"""`headrace up` and what it promises, with real processes: started, restarted, stopped, and nobody left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.embedded.apache_kafka import ApacheKafka
from pipeline.embedded.clickhouse import command as clickhouse_command
from pipeline.runfile import Child, started_at
from schemas.event import RejectionCode

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOPS = ("accept", "resolve", "identify", "people", "deliver-clickhouse")
LINES = [
    f'10.0.0.{n % 50} - - [17/May/2015:{n // 60:02}:{n % 60:02}:00 +0000] "GET /page/{n} HTTP/1.1" 200 {n} "-" "curl/8"'
    for n in range(300)
]
IMPORT = ["import", "access.log", "--format", "access-log", "--token", "demo", "--wait"]


class Installation:
    """A folder in which `headrace` is used."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self._environment = {**clean, **environment}
        (folder / "access.log").write_text("\n".join([*LINES, "no log line", ""]))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli.main", *words],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        process = self.start(*words)
        out, err = process.communicate(given, timeout=200)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def ask(self, *words: str, given: str = "") -> Any:
        found = self.run(*words, "--json", given=given)
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    def sql(self, query: str) -> list[str]:
        found = self.run("sql", query, "--format", "TSV")
        assert found.returncode == 0, found.stderr
        return found.stdout.splitlines()

    def run_file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / ".headrace" / "run.json").read_bytes())
        return found

    def children(self) -> dict[str, Child]:
        return {name: Child(**child) for name, child in self.run_file()["children"].items()}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("running"))
    installation.ask("up", "--detach")
    yield installation
    installation.ask("down")


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A fresh folder; whatever a failed test leaves running is stopped."""
    installation = Installation(tmp_path)
    yield installation
    installation.ask("down")


def until(reached: Callable[[], bool], within_s: float = 60.0) -> bool:
    deadline = time.monotonic() + within_s
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_up_says_what_the_embedded_broker_does_not_promise(running: Installation) -> None:
    log = (running.folder / ".headrace" / "logs" / "up.log").read_text()

    assert "Exactly once is promised on Apache Kafka" in log


def test_up_returns_when_every_process_runs(running: Installation) -> None:
    processes = running.ask("status")["processes"]

    assert set(processes) == {"up", "broker", "clickhouse", *HOPS}
    assert {process["state"] for process in processes.values()} == {"running"}


def test_an_import_is_queryable_when_it_returns_and_again_changes_nothing(running: Installation) -> None:
    count = "SELECT count(), uniqExact(uuid), uniqExact(person_id) FROM events_resolved WHERE event = 'request'"
    first = running.ask(*IMPORT)

    assert first == {"lines": 301, "unparsable": 1, "queryable": True}
    assert running.sql(count) == ["300\t300\t50"]
    running.ask(*IMPORT)
    assert running.sql(count) == ["300\t300\t50"]


def test_an_unparsable_line_is_found_with_its_number_and_its_bytes(running: Installation) -> None:
    running.ask(*IMPORT)

    found = running.sql("SELECT DISTINCT code, value, position(message, 'line 301') > 0 FROM rejected_events")

    assert found == [f"{RejectionCode.UNPARSABLE_LINE}\tno log line\t1"]


def test_a_line_of_ndjson_keeps_its_own_token(running: Installation) -> None:
    lines = ['{"event":"own","distinct_id":"a","token":"nobody"}', '{"event":"given","distinct_id":"a"}']
    (running.folder / "events.ndjson").write_text("\n".join(lines))

    running.ask("import", "events.ndjson", "--format", "ndjson", "--token", "demo", "--wait")

    assert running.sql("SELECT event FROM events_resolved WHERE distinct_id = 'a'") == ["given"]
    assert running.sql("SELECT count() FROM rejected_events WHERE code = 'unknown_token'") == ["1"]


@pytest.mark.parametrize("hop", HOPS)
def test_a_killed_hop_is_started_again_and_goes_on(running: Installation, hop: str) -> None:
    before = running.children()[hop]
    os.kill(before.pid, signal.SIGKILL)

    assert until(lambda: running.children()[hop].alive and running.children()[hop].pid != before.pid)
    (running.folder / "one.ndjson").write_text(f'{{"event":"after {hop}","distinct_id":"b"}}')
    running.ask("import", "one.ndjson", "--format", "ndjson", "--token", "demo", "--wait")
    assert running.sql(f"SELECT count() FROM events_resolved WHERE event = 'after {hop}'") == ["1"]


def test_an_import_that_is_not_through_in_time_says_where_it_waits(running: Installation) -> None:
    deliver = running.children()["deliver-clickhouse"].pid
    (running.folder / "late.ndjson").write_text('{"event":"late","distinct_id":"c"}')
    os.kill(deliver, signal.SIGSTOP)

    found = running.run("import", "late.ndjson", "--format", "ndjson", "--token", "demo", "--wait", "--within", "2")

    os.kill(deliver, signal.SIGCONT)
    assert found.returncode == 4
    assert "deliver-clickhouse has not yet read all of events.prepared" in found.stderr


def test_a_second_up_in_the_same_folder_is_refused(running: Installation) -> None:
    found = running.run("up")

    assert found.returncode == 1
    assert "something is running here already" in found.stderr


def test_importing_again_after_down_and_up_changes_nothing(installation: Installation) -> None:
    for epoch in (1, 2):
        assert installation.ask("up", "--detach")["log_epoch"] == epoch
        installation.ask(*IMPORT)

        assert installation.sql("SELECT count(), uniqExact(uuid) FROM events_resolved") == ["300\t300"]
        assert installation.ask("audit")["unaccounted"] == 0
        assert installation.ask("down") == {"stopped": True}
    assert installation.ask("down") == {"stopped": False}


def test_ctrl_c_stops_everything_in_order(installation: Installation) -> None:
    process = installation.start("up")
    run_file = installation.folder / ".headrace" / "run.json"
    assert until(lambda: run_file.exists() and installation.run_file()["ready"])
    children = installation.children()

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=60)[0].endswith("stopping\n")
    assert process.returncode == 0
    assert [name for name, child in children.items() if child.alive] == []
    assert not run_file.exists()


def test_nobody_outlives_a_killed_supervisor(installation: Installation) -> None:
    installation.ask("up", "--detach")
    children = installation.children()

    os.kill(installation.run_file()["pid"], signal.SIGKILL)

    assert until(lambda: not any(child.alive for child in children.values()), within_s=15)
    installation.ask("up", "--detach")


def test_down_leaves_a_process_alone_that_only_has_the_same_id(installation: Installation) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        another = {"pid": stranger.pid, "started": f"{int(started_at(stranger.pid) or 0) - 1}"}
        content = {**another, "bootstrap": "", "clickhouse_url": "", "log_epoch": 1, "children": {"accept": another}}
        (installation.folder / ".headrace").mkdir()
        (installation.folder / ".headrace" / "run.json").write_text(json.dumps(content))

        assert installation.ask("down") == {"stopped": False}
        assert stranger.poll() is None
        stranger.kill()


def test_a_hop_that_cannot_start_fails_the_start_with_the_end_of_its_log(tmp_path: Path) -> None:
    installation = Installation(tmp_path, HEADRACE_STORE__KIND="rocksdb", HEADRACE_STORE__PATH="/proc/nowhere")

    found = installation.run("up", "--detach")

    assert found.returncode == 1
    assert "does not start. Its log, .headrace/logs/" in found.stderr
    assert "/proc/nowhere" in found.stderr


def test_a_broker_that_does_not_answer_fails_the_start_and_says_what_to_correct(installation: Installation) -> None:
    (installation.folder / "headrace.yaml").write_text("broker: {bootstrap: '127.0.0.1:1'}")

    found = installation.run("up")

    assert found.returncode == 3
    assert "no broker answers at 127.0.0.1:1" in found.stderr


@pytest.mark.kafka
def test_with_a_broker_and_a_clickhouse_of_its_own_up_runs_only_the_hops(
    installation: Installation, tmp_path: Path
) -> None:
    with _clickhouse(tmp_path) as port, ApacheKafka(tmp_path / "kafka") as kafka:
        (installation.folder / "headrace.yaml").write_text(
            f"broker: {{bootstrap: '{kafka.bootstrap}'}}\n"
            f"clickhouse: {{url: 'http://127.0.0.1:{port}', database: shop}}\n"
            "projects: [{id: 7, tokens: [demo]}]\n"
        )

        assert set(installation.ask("up", "--detach")["children"]) == set(HOPS)
        installation.ask(*IMPORT)
        assert installation.sql("SELECT project, count() FROM events_resolved GROUP BY project") == ["7\t300"]
        installation.ask("down")


@contextmanager
def _clickhouse(folder: Path) -> Iterator[str]:
    port_file = folder / "port"
    server = subprocess.Popen(clickhouse_command(folder / "clickhouse", 0, port_file))
    try:
        assert until(port_file.exists)
        yield port_file.read_text()
    finally:
        server.terminate()
        server.wait(30)

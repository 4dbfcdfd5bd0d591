"""The first thing that a stranger does: `make demo`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.demo.guest import others_events
from pipeline.demo.people import check_addresses
from pipeline.settings import Project, Settings
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.terminal import on_a_terminal
from tests.e2e.visits import MINUTE, NOON, Log, event

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def headrace(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    command = [sys.executable, "-m", "pipeline.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=250)


def test_the_demo_shows_the_report_and_the_proof_and_then_once_more(tmp_path: Path) -> None:
    first = headrace(tmp_path, "demo")
    again = headrace(tmp_path, "demo", "--stop", "--json")
    said = json.loads(again.stdout)
    audit, people = said["audit"], said["people"]

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr + again.stdout
    expected = ["9,980 events of 1,753 people", "Top pages", "/projects/xdotool/", "Events per", "unparsable_line"]
    expected += ["line 8899", "unaccounted 0", "headrace tap", "headrace down stops it"]
    expected += ["A batch computation over all of it, sorted by time, says the same.", "two users stay two"]
    assert [part for part in expected if part not in " ".join(first.stdout.split())] == []
    # The second time the log brings nothing new: 19 lines stand in it twice, and now all of them have come before.
    visitors = 2 * people["acts"][-1]["events"]
    accepted, delivered = 19_998 + visitors, 9_980 + visitors
    assert (audit["accepted"], audit["delivered"], audit["duplicates"]) == (accepted, delivered, 19 + 9_999)
    assert [act["people"] for act in people["acts"]] == [24, 12, 13, 12]
    assert people["differences"] == []
    assert all(fact["sent"] == fact["read"] for fact in audit["facts"])
    assert sum(fact["sent"] > 0 for fact in audit["facts"]) == len(audit["facts"])
    assert (audit["rejected"], audit["pending"], audit["unaccounted"]) == (2, 0, 0)
    assert headrace(tmp_path, "down").stdout == "nothing is running here\n"


def test_the_demo_asks_before_it_joins_events_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "mine.ndjson").write_text('{"event":"paid","distinct_id":"ada"}\n')
    headrace(tmp_path, "up", "--detach")
    sent = headrace(tmp_path, "import", "mine.ndjson", "--format", "ndjson", "--token", "demo", "--wait")

    unasked = headrace(tmp_path, "demo", "--stop")
    shown, code = on_a_terminal(["demo", "--stop"], tmp_path, "n")
    count = headrace(tmp_path, "sql", "SELECT count() FROM events", "--format", "TSV").stdout
    down = headrace(tmp_path, "down").stdout
    started = headrace(tmp_path, "demo")

    assert sent.returncode == 0, sent.stderr
    assert (unasked.returncode, started.returncode, code, count, down) == (2, 2, 1, "1\n", "stopped\n")
    assert "events that are not the demo's are here already (1)" in unasked.stderr
    assert "say --yes if that is well" in started.stderr
    assert "Go on? [y/N]" in shown
    assert headrace(tmp_path, "down").stdout == "nothing is running here\n"


def settings(warehouse: Warehouse) -> Settings:
    return Settings(clickhouse=warehouse.config, projects=[Project(id=1, tokens=["demo"])])


def request(number: int, timestamp: int, start: int | None = None, **said: object) -> dict[str, object]:
    return event(number, timestamp, start, event="request", distinct_id="10.0.0.1", **said)


def test_visits_of_the_log_are_compared_whatever_else_is_there(warehouse: Warehouse) -> None:
    log = Log(warehouse)
    log.events(request(1, NOON, NOON), request(2, NOON + 40 * MINUTE, NOON))
    log.events(event(3, NOON + 20 * MINUTE, NOON, event="paid", distinct_id="10.0.0.1"), request(4, NOON - 1, None))
    log.events(
        request(5, NOON + 90 * MINUTE, session="mine"), request(6, NOON + MINUTE, NOON + MINUTE) | {"project": 2}
    )

    assert check_addresses(settings(warehouse), "demo") == []

    log.events(request(7, NOON + MINUTE, NOON + MINUTE))
    assert check_addresses(settings(warehouse), "demo") != []


@pytest.mark.parametrize(
    ("said", "others"),
    [
        ({"event": "request", "url": "http://semicomplete.com/a"}, 0),
        ({"event": "request", "url": "http://example.com/a"}, 1),
        ({"event": "$pageview", "distinct_id": "phone-00-6920c0ff"}, 0),
        ({"event": "$identify", "distinct_id": "ada-6920c0ff"}, 0),
        ({"event": "$identify", "distinct_id": "ada"}, 1),
        ({"event": "paid", "distinct_id": "ada-6920c0ff"}, 1),
    ],
)
def test_events_of_somebody_else_are_told_from_the_demos(
    warehouse: Warehouse, said: dict[str, str], others: int
) -> None:
    Log(warehouse).events(event(1, NOON, **said))

    assert others_events(settings(warehouse), "demo", "http://semicomplete.com/") == others


def test_events_of_another_project_are_somebody_elses(warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON, event="request", url="http://semicomplete.com/a") | {"project": 2})

    assert others_events(settings(warehouse), "demo", "http://semicomplete.com") == 1

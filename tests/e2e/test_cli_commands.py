"""The commands of somebody who works with it: send, look, ask, check; what they print and what they exit with."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EVENTS = """
{"token":"demo","event":"signed up","distinct_id":"ada","uuid":"0190b5a0-0000-7000-8000-000000000001"}
{"type":"track","event":"seg","userId":"bob","writeKey":"demo","messageId":"m1"}

not json
"""
TOPICS_AT_LEAST = {"events.raw", "events.accepted", "events.prepared", "events.rejected", "accounts"}


class Folder:
    """Where the commands are given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}

    def run(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[bytes]":
        line = [sys.executable, "-m", "pipeline.cli.main", *words]
        return subprocess.run(
            line, cwd=self.path, env=self._environment, input=given.encode(), capture_output=True, timeout=120
        )

    def lines(self, *words: str, given: str = "") -> list[str]:
        found = self.run(*words, given=given)
        assert found.returncode == 0, found.stderr.decode()
        return found.stdout.decode().splitlines()

    def rows(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines("tap", *words, "--from-beginning", "--json")]

    def piped_into_head(self, *words: str) -> tuple[str, int]:
        """The first line, and the exit code after the reader has gone."""
        line = [sys.executable, "-m", "pipeline.cli.main", *words]
        with subprocess.Popen(line, cwd=self.path, env=self._environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            first = process.stdout.readline().decode()
            process.stdout.close()
            return first, process.wait(60)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    folder = Folder(tmp_path_factory.mktemp("commands"))
    folder.lines("up", "--detach")
    assert json.loads("\n".join(folder.lines("produce", "--json", given=EVENTS)))["sent"] == 3
    arrived = "SELECT (SELECT count() FROM events_resolved), (SELECT count() FROM rejected_events)"
    deadline = time.monotonic() + 60
    while folder.lines("sql", arrived, "--format", "TSV") != ["2\t1"]:
        assert time.monotonic() < deadline, "the events did not arrive"
    yield folder
    folder.lines("down")


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("event", ["signed up", "seg"])
def test_tap_shows_a_raw_record_of_any_form_as_accept_understands_it(running: Folder, event: str) -> None:
    [row] = running.rows("events.raw", "--event", event, "--limit", "1")

    assert (row["event"], row["project"]) == (event, 1)


def test_tap_says_of_a_raw_record_why_it_will_be_rejected(running: Folder) -> None:
    rows = running.rows("events.raw", "--limit", "3")

    assert [row["value"] for row in rows if row.get("rejected") == "not_json"] == ["not json"]


@pytest.mark.parametrize("topic", ["events.accepted", "events.prepared"])
def test_tap_opens_batches_and_finds_one_distinct_id(running: Folder, topic: str) -> None:
    [row] = running.rows(topic, "--distinct-id", "ada", "--project", "1", "--limit", "1")

    assert (row["event"], row["uuid"]) == ("signed up", "0190b5a0-0000-7000-8000-000000000001")


def test_tap_shows_rejections_and_accounts(running: Folder) -> None:
    [rejection] = running.rows("events.rejected", "--limit", "1")
    [account] = running.rows("accounts", "--limit", "1")

    assert (rejection["code"], rejection["stage"], rejection["value"]) == ("not_json", "accept", "not json")
    assert account["hop"] in ("accept", "resolve", "people", "deliver-clickhouse")


def test_tap_refuses_a_filter_that_could_never_match(running: Folder) -> None:
    found = running.run("tap", "accounts", "--event", "seg")

    assert (found.returncode, found.stderr) == (2, b"Error: accounts cannot be filtered by --event: leave it out\n")


def test_tap_ends_when_nobody_reads_on(running: Folder) -> None:
    first, code = running.piped_into_head("tap", "events.prepared", "--from-beginning")

    assert "distinct_id=" in first
    assert code == 0


def test_sql_prints_a_table_and_takes_a_statement_from_standard_input(running: Folder) -> None:
    query = "SELECT event, count() AS n FROM events_resolved GROUP BY event ORDER BY event"

    assert running.lines("sql", query) == running.lines("sql", "-", given=query)
    assert running.lines("sql", query)[-1] == "2 rows"


def test_sql_passes_any_format_on_byte_by_byte(running: Folder) -> None:
    parquet = running.run("sql", "SELECT number FROM numbers(100000)", "--format", "Parquet").stdout

    assert (parquet[:4], parquet[-4:]) == (b"PAR1", b"PAR1")


def test_sql_says_what_clickhouse_refuses(running: Folder) -> None:
    found = running.run("sql", "SELECT nothing_such")

    assert found.returncode == 1
    assert b"Error: ClickHouse refuses: Code: 47." in found.stderr


def test_sql_defines_and_fills_tables(running: Folder) -> None:
    running.lines("sql", "CREATE TABLE mine (a Int8) ENGINE = Memory")

    assert running.lines("sql", "INSERT INTO mine VALUES (1), (2)") == ["done: no rows"]
    assert running.lines("sql", "SELECT sum(a) FROM mine", "--format", "TSV") == ["3"]


def test_topics_are_listed_with_their_ids_and_created_once(running: Folder) -> None:
    found = json.loads("\n".join(running.lines("topics", "list", "--json")))

    assert {topic["topic"] for topic in found["topics"] if len(topic["id"]) == 32} > TOPICS_AT_LEAST
    assert json.loads("\n".join(running.lines("topics", "create", "--json"))) == {"created": [], "problems": []}


def test_topics_of_another_size_than_configured_are_an_error_with_its_remedy(running: Folder, tmp_path: Path) -> None:
    bootstrap = json.loads((running.path / ".headrace" / "run.json").read_bytes())["bootstrap"]
    (tmp_path / "headrace.yaml").write_text(f"broker: {{bootstrap: '{bootstrap}'}}\ntopics: {{raw_partitions: 9}}\n")

    found = Folder(tmp_path).run("topics", "create")

    assert found.returncode == 1
    assert b"events.raw has 4 partitions, configured are 9: set topics.raw_partitions to 4" in found.stderr


def test_migrate_again_changes_nothing(running: Folder) -> None:
    assert running.lines("migrate") == ["up to date"]
    assert json.loads("\n".join(running.lines("migrate", "--dry-run", "--json")))["migrations"] == []


def test_a_record_that_no_broker_takes_is_told_and_the_others_are_sent(running: Folder) -> None:
    found = running.run("produce", "--json", given="x" * 20_000_000 + "\nsmall\n")

    assert found.returncode == 1
    assert json.loads(found.stdout) == {"sent": 1, "refused": 1, "unanswered": 0}
    assert b"the first: record 1: " in found.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["topics", "list"],
        ["tap", "events.raw"],
        ["sql", "SELECT 1"],
        ["migrate"],
        ["produce"],
        ["audit"],
        ["run", "accept"],
    ],
)
def test_where_nothing_runs_a_command_says_how_to_start_it(empty: Folder, words: list[str]) -> None:
    found = empty.run(*words)

    assert found.returncode == 3
    assert found.stderr.startswith(b"Error: nothing is running here: start it with headrace up")


@pytest.mark.parametrize("words", [["topics", "list"], ["sql", "SELECT 1"]])
def test_a_service_that_does_not_answer_is_named_with_exit_code_3(empty: Folder, words: list[str]) -> None:
    text = "broker: {bootstrap: '127.0.0.1:1'}\nclickhouse: {url: 'http://127.0.0.1:1'}\n"
    (empty.path / "headrace.yaml").write_text(text)

    found = empty.run(*words)

    assert (found.returncode, len(found.stderr.splitlines())) == (3, 1)
    assert b"127.0.0.1:1 does not answer" in found.stderr or b"ClickHouse does not answer" in found.stderr


@pytest.mark.parametrize("words", [["run", "accept", "x"], ["run", "deliver"], ["tap", "nowhere"], ["nonsense"]])
def test_wrong_usage_has_exit_code_2(empty: Folder, words: list[str]) -> None:
    assert empty.run(*words).returncode == 2


def test_a_destination_nobody_configured_is_refused_with_those_that_are(empty: Folder) -> None:
    (empty.path / "headrace.yaml").write_text("broker: {bootstrap: '127.0.0.1:1'}")

    found = empty.run("run", "deliver", "warehouse")

    assert found.returncode == 2
    assert b"no destination is called 'warehouse'; configured are: clickhouse" in found.stderr


def test_lint_lists_everything_that_is_wrong_with_its_line(empty: Folder) -> None:
    (empty.path / "headrace.yaml").write_text(
        "limits:\n  depth: many\nregistri: x\nbroker:\n  ssl_ca_location: /gone\n"
    )

    found = empty.run("lint", "--json")

    assert found.returncode == 1
    wheres = [problem["where"] for problem in json.loads(found.stdout)["problems"]]
    assert wheres == ["headrace.yaml:2", "headrace.yaml:3"]


def test_lint_shows_no_secret(empty: Folder) -> None:
    (empty.path / "secret").write_text("hush")
    (empty.path / "headrace.yaml").write_text(
        "clickhouse: {password: '${file:secret}'}\nbroker: {sasl_password: hush}\n"
    )
    found = [empty.run("lint"), empty.run("lint", "--json")]

    assert [each.returncode for each in found] == [0, 0]
    assert not any(b"hush" in each.stdout + each.stderr for each in found)

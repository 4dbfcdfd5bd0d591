"""The audit against what really can happen to rows: in ClickHouse, in the logs, and while everything is moving."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from destinations.clickhouse.connect import new_client
from pipeline.audit import AuditReport
from pipeline.configuration import load
from pipeline.consumer import read_to_end
from pipeline.evidence import run_audit
from pipeline.producer import plain_producer
from pipeline.settings import Settings
from pipeline.topics import topic_ids

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
TABLES = ("events", "rejected_events")
# Repeats are remembered for a second only, so that they come through to ClickHouse.
FORGETFUL = {"HEADRACE_DEDUP__WINDOW_S": "1"}


class Place:
    """A folder in which everything runs on the embedded broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self._environment = {**clean, **FORGETFUL}

    @property
    def settings(self) -> Settings:
        with chdir(self.folder):
            return load(None, {})

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        command = [sys.executable, "-m", "pipeline.cli.main", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode in codes, f"headrace {' '.join(words)}: {done.returncode} {done.stdout} {done.stderr}"
        return done.stdout

    def audit(self) -> AuditReport:
        return run_audit(self.settings, wait_s=30)

    def send(self, *lines: str) -> None:
        (self.folder / "events.ndjson").write_text("\n".join(lines))
        self.run("import", "events.ndjson", "--format", "ndjson", "--token", "demo", "--wait")

    def sql(self, *statements: str) -> Any:
        """What the last statement answers."""
        client = new_client(self.settings.clickhouse)
        try:
            *rest, last = statements
            for statement in rest:
                client.command(statement)
            return client.query(last).result_rows
        finally:
            client.close()


def name(number: int) -> str:
    return f"0190a000-0000-7000-8000-{number:012}"


def event(number: int) -> str:
    return f'{{"event":"e","distinct_id":"ada","uuid":"{name(number)}","timestamp":"2026-01-01T00:00:00Z"}}'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = Place(tmp_path_factory.mktemp("audited"))
    found.run("up", "--detach")
    yield found
    found.run("down")


@pytest.fixture
def sound(place: Place) -> Iterator[Place]:
    """In order before, and after what the test does to the tables is undone."""
    place.send(*(event(number) for number in range(20)), '{"event":"no distinct id"}')
    save = "CREATE OR REPLACE TABLE saved_{0} ENGINE = MergeTree ORDER BY _offset AS SELECT * FROM {0}"
    restore = "INSERT INTO {0} SETTINGS insert_deduplicate = 0 SELECT * FROM saved_{0}"
    place.sql(*(save.format(table) for table in TABLES), "SELECT 1")
    yield place
    place.sql(
        *(f"TRUNCATE TABLE {table}" for table in TABLES), *(restore.format(table) for table in TABLES), "SELECT 1"
    )
    assert place.audit().unaccounted == 0


def test_a_repeat_that_collapsed_in_clickhouse_is_a_duplicate_and_not_missing(place: Place) -> None:
    place.send(event(900), event(901))
    before = place.audit()
    time.sleep(2.5)
    place.send(event(900))
    [[left]] = place.sql("OPTIMIZE TABLE events FINAL", f"SELECT count() FROM events WHERE uuid = '{name(900)}'")

    report = place.audit()

    assert (left, report.unaccounted, report.problems) == (1, 0, [])
    assert (report.accepted, report.delivered) == (before.accepted + 1, before.delivered)
    assert report.duplicates == before.duplicates + 1


def test_an_event_that_is_gone_from_clickhouse_is_named_by_its_place(sound: Place) -> None:
    where = f"uuid = '{name(7)}'"
    [[partition, offset, row], *_] = sound.sql(f"SELECT _partition, _offset, _row FROM events WHERE {where}")
    sound.sql(f"DELETE FROM events WHERE {where}", "SELECT 1")

    report = sound.audit()

    assert report.unaccounted > 0
    assert f"events.prepared[{partition}]" in report.problems[0]
    assert f"offset {offset} row {row}" in report.problems[0]
    assert f"unaccounted{report.unaccounted:>13}" in sound.run("audit", codes=(1,))


def test_an_event_that_was_replaced_by_another_is_noticed(sound: Place) -> None:
    where = f"uuid = '{name(8)}'"
    sound.sql(
        f"INSERT INTO events SELECT * REPLACE (generateUUIDv4() AS uuid) FROM events WHERE {where}",
        f"DELETE FROM events WHERE {where}",
        "SELECT 1",
    )

    assert sound.audit().unaccounted > 0


def test_rows_that_are_twice_in_clickhouse_under_one_place_count_once(sound: Place) -> None:
    twice = f"SELECT * FROM events WHERE uuid = '{name(9)}'"
    sound.sql(f"INSERT INTO events SETTINGS insert_deduplicate = 0 {twice}", "SELECT 1")

    assert sound.audit().unaccounted == 0


def test_a_rejection_that_is_gone_from_clickhouse_is_missed(sound: Place) -> None:
    sound.sql("DELETE FROM rejected_events WHERE code = 'missing_distinct_id'", "SELECT 1")

    assert sound.audit().unaccounted > 0


def test_a_message_that_stands_twice_in_a_log_of_this_broker_is_no_alarm(sound: Place) -> None:
    settings = sound.settings
    starts = {("events.prepared", partition): 0 for partition in range(settings.topics.partitions)}
    [batch, *_] = [batch for batch, _ in read_to_end(settings, starts, topic_ids(settings, ["events.prepared"]))]
    producer = plain_producer(settings)
    producer.produce(
        "events.prepared", batch.values[0], partition=batch.partition, headers=list(batch.headers[0] or ())
    )
    producer.flush(30)

    report = sound.audit()

    # It shows what a crashed worker wrote as well: one too many is told, and is no proof that anything is wrong.
    assert (report.unaccounted, report.redelivered > 0) == (0, True)


def test_logs_of_a_former_broker_are_named(place: Place) -> None:
    place.send(event(1))
    read = place.audit().hops[0]["read"]
    time.sleep(7)  # the accounts table is filled every 5 s
    place.run("down")
    place.run("up", "--detach")

    report = place.audit()

    assert read in [log.rows for log in report.closed_logs if log.topic == "events.raw"]
    assert (report.accepted, report.unaccounted) == (0, 0)

"""Every part of the benchmark in small, with counts that are right. How fast anything is, is not asked here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
HEAD = {"cpu_s_per_million", "ratio_to_floor", "events_per_s", "freshness_ms", "peak_mb", "recovery_s"}


def test_freshness_merging_and_idling_are_measured_on_the_embedded_broker(tmp_path: Path) -> None:
    parts = ("--only", "freshness", "--only", "idle")

    found = _bench(tmp_path, "--broker", "embedded", "--events", "3000", "--seconds", "2", *parts)

    assert found.keys() >= HEAD
    assert found["freshness_ms"]["probes"] > 0
    assert found["brokers"]["embedded"]["merging_ms"]["longest"] > 0
    assert "total" in found["idle"]["percent_of_a_core"]


@pytest.mark.kafka
def test_hostile_records_are_counted_in_full_on_kafka(tmp_path: Path) -> None:
    parts = ("--only", "hostile", "--only", "recovery")

    found = _bench(tmp_path, "--broker", "kafka", "--events", "12000", "--keys", "2000", *parts)

    hostile = found["brokers"]["kafka"]["hostile"]
    assert found["recovery_s"] > 0
    assert hostile["expected"]["bad_avro"] == hostile["counted"]["bad_avro"] == hostile["in_table"]["bad_avro"] == 1
    assert [path.name for path in tmp_path.glob("out/latest.json")] == []


@pytest.mark.kafka
def test_the_path_puts_every_event_into_clickhouse_once_and_every_hop_has_its_cost_on_kafka(tmp_path: Path) -> None:
    parts = ("--only", "path", "--only", "stall", "--only", "hops", "--only", "transforms")

    found = _bench(tmp_path, "--broker", "kafka", "--events", "5000", "--seconds", "2", *parts)

    path = found["brokers"]["kafka"]["path"]
    assert path["in_clickhouse"] == path["fates"]["resolve"]["moved"] == 5_000 - 155
    assert found["cpu_s_per_million"].keys() == {
        *("accept", "resolve", "identify", "people", "deliver_clickhouse", "total", "floor"),
        *("accept_with_transforms", "total_with_transforms"),
    }


def _bench(folder: Path, *words: str) -> dict[str, Any]:
    """The JSON of a run; exit code 1, wrong counts, fails it."""
    places = ("--out", str(folder / "out"), "--work", str(folder / "work"))
    command = [sys.executable, "-m", "pipeline.cli.main", "bench", "--json", *places, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3_000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found

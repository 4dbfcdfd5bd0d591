"""What a worker shows Prometheus, and that the closed set of names is kept."""

from types import SimpleNamespace

from prometheus_client import CollectorRegistry, generate_latest

from pipeline.accounts import LogCounters
from pipeline.metrics import METRICS, WorkerCollector
from pipeline.steps import Tally


def scraped() -> str:
    counters = LogCounters("events.raw", "ab" * 16)
    counters.add_read(3, 0)
    counters.count("moved", 1, "cd" * 16, 2, 9)
    counters.count("rejected", 0, "not_json", 1)
    counters.position, counters.repaired, counters.late = 7, 2, 1
    owned = SimpleNamespace(partition=4, counters={"events.raw": counters})
    tallies = {"tidy": Tally(seen=5, changed=3, failed=1, nanoseconds=2_000_000)}
    runner = SimpleNamespace(
        hop_name="accept", work={4: SimpleNamespace(owned=owned, bytes=5)}, tallies=tallies, disabled={"tidy"}
    )
    registry = CollectorRegistry()
    registry.register(WorkerCollector(runner))
    return generate_latest(registry).decode()


def test_every_fate_is_a_counter_of_its_own() -> None:
    text = scraped()

    assert 'headrace_rows_total{detail="not_json",fate="rejected",hop="accept",partition="4",project="0"' in text
    assert 'headrace_rows_read_total{hop="accept",partition="4",topic="events.raw"} 3.0' in text
    assert 'headrace_position{hop="accept",partition="4",topic="events.raw"} 7.0' in text
    assert 'headrace_repaired_surrogates_total{hop="accept",partition="4",topic="events.raw"} 2.0' in text
    assert 'headrace_late_events_total{hop="accept",partition="4",topic="events.raw"} 1.0' in text


def test_what_a_transformation_did_is_counted_by_its_name() -> None:
    text = scraped()

    assert 'headrace_transform_events_total{transform="tidy",what="changed"} 3.0' in text
    assert 'headrace_transform_seconds_total{transform="tidy"} 0.002' in text
    assert 'headrace_transform_disabled{hop="accept",transform="tidy"} 1.0' in text


def test_only_named_metrics_are_shown_and_each_is_explained() -> None:
    shown = {line.split()[2].removesuffix("_total") for line in scraped().splitlines() if line.startswith("# HELP")}

    assert shown == METRICS.keys()
    assert all(text.endswith(".") for text in METRICS.values())

"""What a worker tells Prometheus: its counters as they stand, read when it is asked, at no cost to the hot path.

The names are a closed set, each under the sentence that defines it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.ownership import Owned
from pipeline.settings import Metrics
from pipeline.steps import Tally

__all__ = ["METRICS", "Watched", "WorkerCollector", "serve"]

METRICS = {
    "headrace_rows": "Rows of a source that ended in one way: moved, applied, rejected or dropped.",
    "headrace_rows_read": "Rows read of a source; equals the sum of headrace_rows, or an alert must fire.",
    "headrace_position": "The next offset to read of a partition.",
    "headrace_expired_offsets": "Offsets that retention removed before they were read: loss, and a page.",
    "headrace_repaired_surrogates": "Lone surrogates in accepted events that were replaced by U+FFFD.",
    "headrace_late_events": "Events more than sessions.lateness_s behind the newest of their distinct id: they have no "
    "session until headrace session rebuild.",
    "headrace_pending_bytes": "Bytes taken in and not yet committed; bounded by commit.pending_bytes_max.",
    "headrace_partitions": "Partitions this worker owns.",
    "headrace_transform_events": "Events a transformation was called for, and how often it changed, dropped, rejected "
    "or failed on one.",
    "headrace_transform_seconds": "Time a transformation took, its filter included.",
    "headrace_transform_disabled": "1 for a transformation that cost too much: events skip it until the worker starts "
    "again.",
}


class Watched(Protocol):
    """What is shown of a runner."""

    hop_name: str
    work: dict[int, Any]
    tallies: Mapping[str, Tally]
    disabled: Collection[str]


class WorkerCollector:
    """Reads the counters of every owned partition at each scrape."""

    def __init__(self, runner: Watched) -> None:
        self._runner = runner

    def collect(self) -> Iterator[Metric]:
        hop = self._runner.hop_name
        work = list(self._runner.work.values())
        yield self._gauge("headrace_partitions", [([], len(work))])
        yield self._gauge("headrace_pending_bytes", [([], sum(one.bytes for one in work))])
        yield from self._of_logs(hop, [one.owned for one in work])
        yield from self._of_transforms()

    def _of_logs(self, hop: str, owned: list[Owned]) -> Iterator[Metric]:
        rows = CounterMetricFamily(
            "headrace_rows", METRICS["headrace_rows"], labels=["hop", "topic", "partition", "fate", "project", "detail"]
        )
        read = CounterMetricFamily(
            "headrace_rows_read", METRICS["headrace_rows_read"], labels=["hop", "topic", "partition"]
        )
        repaired = CounterMetricFamily(
            "headrace_repaired_surrogates",
            METRICS["headrace_repaired_surrogates"],
            labels=["hop", "topic", "partition"],
        )
        late = CounterMetricFamily(
            "headrace_late_events", METRICS["headrace_late_events"], labels=["hop", "topic", "partition"]
        )
        positions, expired = [], []
        for one in owned:
            for counters in list(one.counters.values()):
                place = [counters.topic, str(one.partition)]
                read.add_metric([hop, *place], counters.rows)
                repaired.add_metric([hop, *place], counters.repaired)
                late.add_metric([hop, *place], counters.late)
                positions.append((place, counters.position))
                expired.append((place, counters.expired))
                for (kind, project, detail), (count, _sum) in counters.fates().items():
                    rows.add_metric([hop, *place, kind, str(project), "" if kind == "moved" else detail], count)
        yield rows
        yield read
        yield repaired
        yield late
        yield self._gauge("headrace_position", positions, ["topic", "partition"])
        yield self._gauge("headrace_expired_offsets", expired, ["topic", "partition"])

    def _of_transforms(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "headrace_transform_events", METRICS["headrace_transform_events"], labels=["transform", "what"]
        )
        seconds = CounterMetricFamily(
            "headrace_transform_seconds", METRICS["headrace_transform_seconds"], labels=["transform"]
        )
        for name, tally in self._runner.tallies.items():
            for what in ("seen", "changed", "dropped", "rejected", "failed"):
                events.add_metric([name, what], getattr(tally, what))
            seconds.add_metric([name], tally.nanoseconds / 1e9)
        yield events
        yield seconds
        disabled = [([name], int(name in self._runner.disabled)) for name in self._runner.tallies]
        yield self._gauge("headrace_transform_disabled", disabled, ["transform"])

    def _gauge(self, name: str, values: list[tuple[list[str], int]], labels: list[str] | None = None) -> Metric:
        gauge = GaugeMetricFamily(name, METRICS[name], labels=["hop", *(labels or [])])
        for place, value in values:
            gauge.add_metric([self._runner.hop_name, *place], value)
        return gauge


def serve(runner: Watched, settings: Metrics) -> None:
    """Answer scrapes on the configured port; none when it is 0."""
    if settings.port:
        registry = CollectorRegistry()
        registry.register(WorkerCollector(runner))
        start_http_server(settings.port, settings.host, registry=registry)

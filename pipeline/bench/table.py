"""The benchmark's figures as a page of Markdown, between two marks of bench/README.md."""

from collections.abc import Iterable, Iterator

from pipeline.bench.result import BrokerResult, HopRun, Report

__all__ = ["render", "put_into", "BEGIN", "END"]

BEGIN = "<!-- figures: written by headrace bench -->"
END = "<!-- end of figures -->"
DISTURBED = 1.0
"""Above it other work shares the cores and their caches: CPU figures then rise by half and more."""
NAMES = {"kafka": "Apache Kafka", "embedded": "embedded broker"}


def render(report: Report) -> str:
    """Everything that was measured, as tables."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    pieces = [f"Measured {report.date} at {report.commit} on {report.machine}; {versions}."]
    if report.load_before > DISTURBED:
        pieces.append(f"**Disturbed:** the load average was {report.load_before} before it began; measure again.")
    for kind, found in report.brokers.items():
        pieces += [f"### {NAMES[kind]}", f"{found.events:,} events of {found.event_bytes:,} bytes."]
        pieces += _tables(found)
    if report.idle:
        rows = [(name, f"{share:.2f} %") for name, share in report.idle.percent_of_a_core.items()]
        pieces += ["### Idle", f"`headrace up`, nothing sent, watched for {report.idle.watched_s:.0f} s."]
        pieces.append(_table(("process", "of one core"), rows))
    return "\n\n".join(pieces)


def put_into(page: str, figures: str) -> str:
    """The page with its figures replaced. Raises ValueError when it has no place for them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}: put them where the figures belong")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def _tables(found: BrokerResult) -> Iterator[str]:
    if found.hops:
        yield _hops(found)
    if found.path:
        yield (
            f"All at once, with broker and ClickHouse on the same machine: "
            f"**{found.path.events_per_s:,} events/s**, {found.path.cpu_s_per_million} CPU-seconds per million events."
        )
    rows = list(_others(found))
    if rows:
        yield _table(("what", "measured"), rows)


def _hops(found: BrokerResult) -> str:
    cost = found.cpu_s_per_million()
    rows = [_hop_row(hop, run, cost[hop.replace("-", "_")]) for hop, run in found.hops.items()]
    ratio = found.ratio_to_floor()
    rows.append(("**total**", f"**{cost['total']:.1f}**", "", ""))
    if found.accept_with_transforms:
        three = "accept with three transformations"
        rows.append(_hop_row(three, found.accept_with_transforms, cost["accept_with_transforms"]))
        rows.append(("**total with them**", f"**{cost['total_with_transforms']:.1f}**", "", ""))
    if found.floor:
        rows.append(_hop_row("floor: fetch and decode only", found.floor, cost["floor"]))
    if ratio is not None:
        rows.append(("total over floor", f"{ratio} ×", "", ""))
    return _table(("worker", "CPU-seconds per million events", "rows/s, alone", "peak memory"), rows)


def _hop_row(name: str, run: HopRun, cost: float) -> tuple[str, str, str, str]:
    return name, f"{cost:.1f}", f"{run.events_per_s:,}", f"{run.peak_mb:,.0f} MB"


def _others(found: BrokerResult) -> Iterator[tuple[str, str]]:
    recovery, hostile, stall = found.recovery, found.hostile, found.stall
    for fresh in filter(None, (found.freshness_ms, found.freshness_light_ms)):
        yield (
            f"freshness at {fresh.load_per_s:,} events/s, {fresh.probes:,} probes",
            f"p50 {fresh.p50:,.0f} · p95 {fresh.p95:,.0f} · p99 {fresh.p99:,.0f} · longest {fresh.longest:,.0f} ms",
        )
    if found.merging_ms:
        merging = found.merging_ms
        yield (
            f"a login shows in the device's events, at {merging.load_per_s:,} events/s, {merging.merges} logins",
            f"p50 {merging.p50:,.0f} · longest {merging.longest:,.0f} ms",
        )
    if recovery:
        yield (
            f"resolve ready with {recovery.keys:,} keys of state, store in memory",
            f"{recovery.recovery_s:.1f} s from its start ({recovery.empty_s:.1f} s without state), "
            f"{recovery.cpu_s:.1f} s of CPU, peak {recovery.peak_mb:,.0f} MB",
        )
    if hostile:
        yield (
            f"accept with 1 hostile record in {hostile.every:,}",
            f"{hostile.throughput_ratio:.2f} of the clean throughput, {hostile.cpu_ratio:.2f} of its CPU; "
            f"{'every one counted and kept' if hostile.complete else '**counts differ**'}",
        )
    if stall:
        yield (
            f"deliver while ClickHouse hangs for {stall.stalled_s:.0f} s, backlog {stall.backlog_events:,} events",
            f"{stall.resident_mb[-1]:,.0f} MB at the end, peak {stall.peak_mb:,.0f} MB",
        )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) + ("---:",) * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""The whole benchmark, part after part, on one broker after the other."""

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import msgspec

from pipeline.bench.floor import measure_floor
from pipeline.bench.freshness import run_freshness
from pipeline.bench.generator import expected, records
from pipeline.bench.hops import run_hop, run_hops, run_path, start_all
from pipeline.bench.hostile import run_hostile
from pipeline.bench.idle import run_idle
from pipeline.bench.merging import run_merging
from pipeline.bench.processes import machine
from pipeline.bench.recovery import run_recovery
from pipeline.bench.result import BrokerResult, Freshness, Report
from pipeline.bench.stall import run_stall
from pipeline.bench.stand import BrokerKind, Stand
from pipeline.settings import Settings, TransformEntry

__all__ = ["Plan", "run_benchmark", "PARTS", "Tell"]

PARTS = ("hops", "path", "freshness", "stall", "recovery", "hostile", "transforms", "idle")
"""hops with the floor; freshness and stall need path and bring it along."""
TRANSFORMS = ("split_url", "extract_campaign", "anonymize_ip")
"""Three that look at every event: two add properties, one changes one."""
LIBRARIES = ("headrace", "faust-streaming", "confluent-kafka", "msgspec", "pyarrow", "clickhouse-connect", "chdb")
Tell = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure and how long."""

    events: int = 1_000_000
    embedded_events: int = 200_000
    """The embedded broker holds everything in memory and takes 10,000 events a second: it gets a smaller job."""
    embedded_per_s: int = 400
    """Its pace for freshness, of which half is sent. The embedded broker gets slower with each record it holds: after
    200,000 it takes a few hundred a second, so there freshness is watched on topics of its own."""
    keys: int = 1_000_000
    freshness_s: float = 30.0
    stall_s: float = 30.0
    idle_s: float = 30.0
    parts: Collection[str] = PARTS

    @property
    def logins(self) -> int:
        """How many merges are watched: one every two seconds that freshness is watched for."""
        return max(2, round(self.freshness_s / 2))


def run_benchmark(
    plan: Plan, brokers: Sequence[BrokerKind], folder: Path, date: str, tell: Tell
) -> Iterator[tuple[Report, list[str]]]:
    """The report so far after each broker, and what in it is wrong: figures of a run that lost events mean nothing.

    Raises Retry when something does not start or a hop is stuck; what was reported before it holds.
    """
    load = round(os.getloadavg()[0], 1)
    idle = None
    if "idle" in plan.parts:
        tell("idle: headrace up with nothing to do")
        idle = run_idle(folder / "idle", plan.idle_s)
    found: dict[str, BrokerResult] = {}
    for kind in brokers:
        tell(f"{kind}: starting")
        with Stand(kind, folder / kind) as stand:
            found[kind] = _measure(stand, plan, tell)
        report = Report(
            date=date,
            commit=_commit(),
            machine=machine(),
            load_before=load,
            versions={"Python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}},
            brokers=found,
            idle=idle,
        )
        yield report, [problem for done in found for problem in problems(done, found[done])]


def problems(kind: str, found: BrokerResult) -> list[str]:
    """Where the counts differ from what the generator promised."""
    wrong = []
    wanted = expected(found.events)
    if found.path and found.path.in_clickhouse != wanted["moved"]:
        wrong.append(f"{kind}: {found.path.in_clickhouse} events in ClickHouse where there must be {wanted['moved']}")
    if found.hostile and not found.hostile.complete:
        wrong.append(f"{kind}: hostile records: expected {found.hostile.expected}, counted {found.hostile.counted}")
    return wrong


def _measure(stand: Stand, plan: Plan, tell: Tell) -> BrokerResult:
    parts = plan.parts
    count = plan.events if stand.kind == "kafka" else min(plan.events, plan.embedded_events)
    sample = list(itertools.islice(records(10_000), min(count, 10_000)))
    found = BrokerResult(events=count, event_bytes=round(sum(len(one.value) for one in sample) / len(sample)))
    if "hops" in parts:
        settings = stand.installation("hops")
        tell(f"{stand.kind}: producing {count:,} events")
        stand.fill(settings, records(count))
        tell(f"{stand.kind}: floor, then accept, resolve and deliver, each alone")
        floor = measure_floor(settings, count)
        found = msgspec.structs.replace(found, floor=floor, hops=run_hops(stand, settings, count))
    if "transforms" in parts:
        tell(f"{stand.kind}: accept with {', '.join(TRANSFORMS)}")
        steps = [TransformEntry(use=name) for name in TRANSFORMS]
        settings = msgspec.structs.replace(stand.installation("transforms"), transforms=steps)
        stand.fill(settings, records(count))
        found = msgspec.structs.replace(found, accept_with_transforms=run_hop(stand, settings, "accept", count))
    if {"path", "freshness", "stall"} & set(parts):
        found = _measure_path(found, stand, plan, tell)
    if "recovery" in parts:
        keys = plan.keys if stand.kind == "kafka" else min(plan.keys, plan.embedded_events)
        tell(f"{stand.kind}: recovery of {keys:,} keys")
        found = msgspec.structs.replace(found, recovery=run_recovery(stand, keys))
    if "hostile" in parts:
        tell(f"{stand.kind}: hostile input")
        found = msgspec.structs.replace(found, hostile=run_hostile(stand, count))
    return found


def _measure_path(found: BrokerResult, stand: Stand, plan: Plan, tell: Tell) -> BrokerResult:
    """The three hops at once; then, as long as they run, freshness at half their pace and less; then the stall."""
    count = found.events
    settings = stand.installation("path")
    tell(f"{stand.kind}: producing {count:,} events for all hops at once")
    stand.fill(settings, records(count))
    freshness = light = merging = stall = None
    with ExitStack() as everyone:
        path = run_path(stand, settings, count, everyone)
        tell(f"{stand.kind}: {path.events_per_s:,} events/s with everything on this machine")
        if "freshness" in plan.parts and stand.kind == "kafka":
            freshness, light = _freshness(settings, path.events_per_s, plan)
            merging = run_merging(settings, path.events_per_s // 2, plan.logins)
    if "freshness" in plan.parts and stand.kind == "embedded":
        fresh = stand.installation("fresh")
        with ExitStack() as everyone:
            start_all(stand, fresh, everyone)
            freshness, light = _freshness(fresh, plan.embedded_per_s, plan)
            merging = run_merging(fresh, plan.embedded_per_s // 2, plan.logins)
    if "stall" in plan.parts:
        tell(f"{stand.kind}: deliver with a ClickHouse that hangs")
        stall = run_stall(stand, settings, count, plan.stall_s)
    return msgspec.structs.replace(
        found, path=path, freshness_ms=freshness, freshness_light_ms=light, merging_ms=merging, stall=stall
    )


def _freshness(settings: Settings, pace_per_s: int, plan: Plan) -> tuple[Freshness, Freshness]:
    """At half the pace and at a fifth of it."""
    seconds = plan.freshness_s
    return run_freshness(settings, pace_per_s // 2, seconds), run_freshness(settings, pace_per_s // 5, seconds)


def _commit() -> str:
    """The version measured, where this is a git checkout."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or version("headrace")

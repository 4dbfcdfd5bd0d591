"""What a benchmark found: the document under bench/results/, and nothing that is not in it is in the table."""

import msgspec

__all__ = [
    "BrokerResult",
    "Freshness",
    "Hostile",
    "HopRun",
    "Idle",
    "Merging",
    "PathRun",
    "Recovery",
    "Report",
    "Stall",
]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the report."""


class HopRun(Found, frozen=True):
    """One worker alone on a backlog: from ready to the last commit."""

    events: int
    """Rows it read."""
    cpu_s: float
    wall_s: float
    peak_mb: float

    @property
    def cpu_s_per_million(self) -> float:
        """User and system CPU of the worker process per million rows it read."""
        return round(self.cpu_s / self.events * 1e6, 2)

    @property
    def events_per_s(self) -> int:
        """Rows read per second of wall time, with the machine to itself."""
        return round(self.events / self.wall_s)


class PathRun(Found, frozen=True):
    """A worker of each hop at once on a backlog of raw events, all on this machine with broker and ClickHouse."""

    events: int
    wall_s: float
    hops: dict[str, HopRun]
    fates: dict[str, dict[str, int]]
    """Per hop, how many rows ended in each way."""
    in_clickhouse: int
    """Distinct events that a query finds when all is done."""

    @property
    def events_per_s(self) -> int:
        """Raw events per second of wall time until the last is in ClickHouse."""
        return round(self.events / self.wall_s)

    @property
    def cpu_s_per_million(self) -> float:
        """CPU of the worker processes per million raw events."""
        return round(sum(hop.cpu_s for hop in self.hops.values()) / self.events * 1e6, 2)


class Freshness(Found, frozen=True):
    """Produced until queryable, of probes among a steady load."""

    load_per_s: int
    """Events per second that were really sent meanwhile."""
    probes: int
    p50: float
    p95: float
    p99: float
    longest: float
    """Milliseconds, like the percentiles; a probe is looked for every `polled_every_ms`."""
    polled_every_ms: float


class Merging(Found, frozen=True):
    """From a login until the device's events carry the user's person, among a steady load."""

    load_per_s: int
    merges: int
    p50: float
    longest: float
    """Milliseconds, like `p50`; a device sends an event every `watched_every_ms`."""
    watched_every_ms: float


class Recovery(Found, frozen=True):
    """A worker of resolve from its start until it is ready, with so much state to read back."""

    keys: int
    recovery_s: float
    """Start of the process until ready, the imports of Python included."""
    empty_s: float
    """The same with no state at all."""
    cpu_s: float
    """CPU of the whole start."""
    peak_mb: float


class Hostile(Found, frozen=True):
    """accept on the same number of records with one hostile among so many, beside the clean run before it."""

    every: int
    clean: HopRun
    hostile: HopRun
    expected: dict[str, int]
    counted: dict[str, int]
    """What the accounts say."""
    in_table: dict[str, int]
    """Rejected records in ClickHouse by code."""

    @property
    def throughput_ratio(self) -> float:
        """Events per second with hostile records over those without: 1 means they cost nothing."""
        return round(self.hostile.events_per_s / self.clean.events_per_s, 3)

    @property
    def cpu_ratio(self) -> float:
        """CPU with hostile records over that without."""
        return round(self.hostile.cpu_s / self.clean.cpu_s, 3)

    @property
    def complete(self) -> bool:
        """Every record is counted as what it is, and every rejected one is in the table."""
        rejected = {code: n for code, n in self.expected.items() if code not in ("moved", "duplicate")}
        moved = self.expected["moved"] + self.expected["duplicate"]
        return self.counted == {"moved": moved, **rejected} and self.in_table == rejected


class Stall(Found, frozen=True):
    """deliver while ClickHouse answers nothing, with a backlog before it."""

    stalled_s: float
    backlog_events: int
    before_mb: float
    resident_mb: list[float]
    """Once a second."""
    peak_mb: float


class Idle(Found, frozen=True):
    """`headrace up` with nothing to do."""

    watched_s: float
    percent_of_a_core: dict[str, float]
    """Per process, and `total`."""


class BrokerResult(Found, frozen=True):
    """Everything measured on one kind of broker. A part that was not asked for is missing."""

    events: int
    event_bytes: int
    hops: dict[str, HopRun] = {}
    floor: HopRun | None = None
    accept_with_transforms: HopRun | None = None
    """accept alone on the same events, with three transformations that look at all of them."""
    path: PathRun | None = None
    freshness_ms: Freshness | None = None
    """At half of what the path takes on a backlog."""
    freshness_light_ms: Freshness | None = None
    """At a fifth, where the processors have air."""
    merging_ms: Merging | None = None
    """At half of what the path takes on a backlog."""
    recovery: Recovery | None = None
    hostile: Hostile | None = None
    stall: Stall | None = None

    def cpu_s_per_million(self) -> dict[str, float]:
        """Per hop, in total and the floor: every hop's CPU against the raw events, whatever it reads itself."""
        found = {hop.replace("-", "_"): round(run.cpu_s / self.events * 1e6, 2) for hop, run in self.hops.items()}
        if self.hops:
            found["total"] = round(sum(run.cpu_s for run in self.hops.values()) / self.events * 1e6, 2)
        if self.hops and self.accept_with_transforms:
            more = self.accept_with_transforms.cpu_s - self.hops["accept"].cpu_s
            found["accept_with_transforms"] = self.accept_with_transforms.cpu_s_per_million
            found["total_with_transforms"] = round(found["total"] + more / self.events * 1e6, 2)
        if self.floor:
            found["floor"] = self.floor.cpu_s_per_million
        return found

    def ratio_to_floor(self) -> float | None:
        """How many times the floor the whole path costs."""
        cost = self.cpu_s_per_million()
        return round(cost["total"] / cost["floor"], 1) if {"total", "floor"} <= cost.keys() else None


class Report(Found, frozen=True):
    """One run of the benchmark."""

    date: str
    commit: str
    machine: str
    load_before: float
    """Processes that wanted to run before the first was started, over a minute: far above 0, others disturbed it."""
    versions: dict[str, str]
    brokers: dict[str, BrokerResult]
    idle: Idle | None = None

    def document(self) -> dict[str, object]:
        """The JSON: the figures that others read at the top, from Kafka where it was measured, then everything."""
        main = self.brokers.get("kafka") or next(iter(self.brokers.values()), None)
        head: dict[str, object] = {}
        if main is not None:
            head = {
                "cpu_s_per_million": main.cpu_s_per_million(),
                "ratio_to_floor": main.ratio_to_floor(),
                "events_per_s": main.path.events_per_s if main.path else None,
                "freshness_ms": main.freshness_ms,
                "peak_mb": {hop.replace("-", "_"): run.peak_mb for hop, run in main.hops.items()},
                "recovery_s": main.recovery.recovery_s if main.recovery else None,
            }
        return head | {name: getattr(self, name) for name in self.__struct_fields__}

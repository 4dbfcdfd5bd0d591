"""Everything that can be configured, with its default and the reason for it.

One frozen struct a section, unknown keys refused; pipeline/configuration.py reads files and the environment.
"""

import hashlib
import random
from typing import Annotated, Any, Literal

import msgspec

from destinations.clickhouse.config import Config as ClickHouseConfig
from pipeline.dedupe import DedupRules
from pipeline.identity import IdentityRules
from pipeline.registers import PeopleRules
from pipeline.sessions import SessionRules
from schemas.limits import Limits

__all__ = [
    "Settings",
    "Broker",
    "Topics",
    "Project",
    "Commit",
    "Deliver",
    "Fetch",
    "Store",
    "Retries",
    "Metrics",
    "TransformEntry",
]


Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Partitions = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the configuration: immutable, and a misspelt key is an error."""


class Broker(Section, frozen=True):
    """The Kafka cluster."""

    bootstrap: str = "127.0.0.1:9092"
    """host:port, several separated by commas."""
    embedded: bool = False
    """The broker that comes with the package; for a laptop and for tests: it forgets everything when it stops."""
    session_timeout_s: Seconds = 6.0
    """A worker that is silent for so long has lost its partitions; shorter means more false alarms."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the brokers are talked to; SASL needs the three settings below."""
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    """How the user proves itself, with SASL."""
    sasl_username: str = ""
    """The user, with SASL."""
    sasl_password: str = ""
    """A secret: write `${NAME}` or `${file:/path}`. It is shown nowhere."""
    ssl_ca_location: str = ""
    """A file of certificates to trust, with SSL; the system's when empty."""

    def __repr__(self) -> str:
        """Without the secret: settings end up in tracebacks."""
        return f"Broker(bootstrap={self.bootstrap!r}, embedded={self.embedded})"


class Topics(Section, frozen=True):
    """Names and sizes of the topics."""

    prefix: str = ""
    """Put before every topic name, for several installations on one cluster."""
    raw_partitions: Partitions = 8
    """Of events.raw: the most accept workers there can be."""
    partitions: Partitions = 8
    """Of every internal topic: the most workers a hop can have."""
    replication: Positive = 1
    """Copies of every partition; 3 on a cluster that may lose a broker."""

    def named(self, topic: str) -> str:
        """The topic's name on the broker."""
        return f"{self.prefix}{topic}"


class TransformEntry(Section, frozen=True):
    """A step that every event takes which it applies to."""

    use: str
    """Which transformation: one of `headrace transform list`, built in or of a plugin."""
    name: str = ""
    """How it is called in counts, unique over all lists; by default like `use`."""
    config: dict[str, Any] = {}
    """Its own settings: `headrace transform show NAME` lists them."""
    when: str = ""
    """A filter in CEL: only events that meet it. Empty for all."""
    on_error: Literal["skip", "reject", ""] = ""
    """When it fails on an event: `skip` lets the event go on unchanged, `reject` keeps the original. By default skip,
    but reject for what protects privacy, which cannot be skipped."""
    max_us_per_event: Positive = 1_000
    """Microseconds an event may take, or every 500 bytes of large ones, on average; what takes more is disabled (what
    protects privacy stops the worker). A thousand times what most need: for what is stuck, not for what is slow."""
    max_ms_per_call: Positive = 1_500
    """Milliseconds one call may take before it is cut off, which costs the event what on_error says; a quarter of a
    second is the least that is told apart. Keep it well below broker.session_timeout_s: meanwhile the worker stands.
    To hash the values of an event of 900 KB takes 90 ms."""

    def __repr__(self) -> str:
        """Without its settings: they may hold secrets."""
        return f"TransformEntry(use={self.use!r}, name={self.name!r})"


class Project(Section, frozen=True):
    """A tenant and the tokens its events carry."""

    id: int
    """An integer of your choice; it is part of every key and never changes."""
    name: str = ""
    """For people."""
    tokens: list[str] = []
    """What its events carry; several, so that one can be retired. ASCII, at most 64 bytes."""
    transforms: list[TransformEntry] = []
    """What its events take after the steps of all projects."""


class Commit(Section, frozen=True):
    """How often everything pending goes into a transaction."""

    interval_ms: Positive = 150
    """Latency against the number of times a changed key is written."""
    events_max: Positive = 50_000
    """Commit sooner than the interval when so many rows are pending."""
    message_bytes: Positive = 900_000
    """A message between hops aims at this size compressed; the topics take 8 MiB."""
    pending_bytes_max: Positive = 64 * 1024 * 1024
    """Above it nothing is fetched until something was committed: the bound on a worker's memory."""
    transaction_timeout_s: Seconds = 30.0
    """A dead worker's open transaction blocks readers at most so long; its successor ends it sooner."""


class Deliver(Section, frozen=True):
    """Blocks that go into a destination."""

    linger_ms: NotNegative = 500
    """A block is sent so long after its first message at the latest."""
    facts_apart_ms: NotNegative = 3_000
    """Blocks of what is no event (people, mappings, visits, warnings, rejected records) are so far apart in each
    partition: one costs a destination about what a block of events costs, 20 ms, and there are five kinds of them."""
    accounts_linger_ms: NotNegative = 5_000
    """The same for the accounts table, which nobody watches by the second."""
    rows_max: Positive = 100_000
    """Rows of a block: what is sent again after a crash."""
    bytes_max: Positive = 32 * 1024 * 1024
    """A block's size opened in memory; while it is sent it is held twice, as columns and as the bytes of the insert."""
    concurrency: Positive = 4
    """Blocks on their way at once, of different partitions."""


class Fetch(Section, frozen=True):
    """How the source is read."""

    records_max: Positive = 5_000
    """Records of events.raw per read."""
    batches_max: Positive = 16
    """Messages of the other topics per read; each holds thousands of events."""
    gather_ms: NotNegative = 20
    """After the first record, how long to gather more: fewer, larger batches."""
    wait_ms: Positive = 500
    """How long the broker holds an empty fetch; new records answer it at once. The embedded broker does not notice
    them: it looks after half the time, after half of what is left then, and so on."""
    log_check_s: Seconds = 5.0
    """How often an idle worker makes sure that its topics still are the logs it knows."""
    queue_kilobytes: Positive = 32_768
    """The client's read-ahead."""


class Store(Section, frozen=True):
    """Where committed state lives."""

    kind: Literal["memory", "rocksdb"] = "memory"
    """`memory`, or `rocksdb` for more state than memory and a quicker start."""
    path: str = ".headrace/state"
    """The folder of a store on disk; a worker's own, not shared."""
    rewrite_after_bytes: Positive = 16 * 1024 * 1024
    """A partition's changelog that has grown by so much is written anew, and what stood before is let go. Less reads
    back sooner after a start, and writes more; a log never gets shorter than the state."""


class Retries(Section, frozen=True):
    """Waiting between attempts: exponential with full jitter."""

    first_s: Seconds = 0.2
    """The wait before the first repeat; it doubles from there."""
    cap_s: Seconds = 30.0
    """No wait is longer, so that what comes back is noticed within it."""

    def wait_s(self, attempt: int, at_least_s: float) -> float:
        """Seconds to wait before the given attempt (1 is the first repeat)."""
        ceiling = min(self.cap_s, self.first_s * 2 ** min(attempt, 16))
        return min(self.cap_s, max(at_least_s, random.uniform(0, ceiling)))  # noqa: S311 - jitter, no secret


class Metrics(Section, frozen=True):
    """The Prometheus endpoint of a worker."""

    host: str = "127.0.0.1"
    """The address it listens on."""
    port: NotNegative = 0
    """0: none."""


class DestinationEntry(Section, frozen=True):
    """A destination that a deliver worker may be started for."""

    name: str
    """What `headrace run deliver NAME` is given; part of the consumer group."""
    kind: Literal["clickhouse"] = "clickhouse"
    """Which kind it is; `clickhouse` is configured in the section of that name."""


class Settings(Section, frozen=True):
    """The whole configuration."""

    app: str = "headrace"
    """Prefix of consumer groups, transactional ids and state topics."""
    log_epoch: NotNegative = 0
    """Raised when the broker's logs begin anew beside an old ClickHouse; part of every version."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    """A worker logs to standard error."""
    broker: Broker = Broker()
    topics: Topics = Topics()
    projects: list[Project] = []
    """Whose events are accepted; an event of another token is rejected."""
    plugins: list[str] = []
    """Python files with transformations of your own; those of installed packages are found by themselves."""
    transforms: list[TransformEntry] = []
    """The steps that events take in accept, in this order."""
    registry: str = ""
    """A folder of .avsc files or the URL of a Confluent-compatible registry; a user and a password in it are shown
    nowhere."""
    limits: Limits = Limits()
    dedup: DedupRules = DedupRules()
    sessions: SessionRules = SessionRules()
    identity: IdentityRules = IdentityRules()
    people: PeopleRules = PeopleRules()
    commit: Commit = Commit()
    deliver: Deliver = Deliver()
    fetch: Fetch = Fetch()
    store: Store = Store()
    retry: Retries = Retries()
    metrics: Metrics = Metrics()
    destinations: list[DestinationEntry] = msgspec.field(default_factory=lambda: [DestinationEntry(name="clickhouse")])
    """Where events are delivered to, each by workers of its own."""
    clickhouse: ClickHouseConfig = ClickHouseConfig()

    @property
    def tokens(self) -> dict[str, int]:
        """The project's id of each token."""
        return {token: project.id for project in self.projects for token in project.tokens}

    def __repr__(self) -> str:
        """Without the registry's password: settings end up in tracebacks."""
        return f"Settings(app={self.app!r}, fingerprint={self.fingerprint()!r})"

    def fingerprint(self) -> str:
        """A short name of what decides about events, noted with every commit."""
        content = msgspec.json.encode(
            [
                *(self.projects, self.limits, self.dedup, self.sessions, self.identity, self.people, self.registry),
                *(self.plugins, self.transforms),
            ]
        )
        return hashlib.sha256(content).hexdigest()[:12]

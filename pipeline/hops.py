"""Accept and resolve as the shell sees them: what they read, where they write, and outcomes for a batch."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import pyarrow as pa

from pipeline.accept import AcceptRules
from pipeline.dedupe import Sweep
from pipeline.outcome import Outcome, Read
from pipeline.ownership import Owned
from pipeline.registry import Registry
from pipeline.resolve import AcceptedBatch, ResolveRules
from pipeline.settings import Settings
from pipeline.spine import accept, resolve
from schemas.batches import ACCEPTED, check_headers, from_wire
from schemas.decoding import DecodeContext
from schemas.record import RawBatch

__all__ = ["Hop", "AcceptHop", "ResolveHop"]

ROWS_AT_ONCE = 2_000
"""Some 2.5 MB of events; a batch costs 0.1 ms whatever its size, and above this size nothing more is gained."""


class Hop(Protocol):
    """One stage between two topics."""

    name: str
    sources: tuple[str, ...]
    output: str
    output_log: str

    def bind(self, logs: Mapping[str, bytes]) -> None:
        """The topics' ids of this assignment."""

    def lacks(self, batch: RawBatch) -> bool:
        """Whether `provide` must be called before the batch can be worked on."""

    def provide(self, batch: RawBatch) -> None:
        """Fetch from outside what the batch needs; blocks, and raises Retry."""

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        """One outcome per message or batch, in order; state changes must be applied between them."""

    def tend(self, owned: Owned, batch: RawBatch) -> None:
        """Upkeep that rides the commit this batch causes."""


class AcceptHop:
    """events.raw to events.accepted: stateless."""

    name = "accept"

    def __init__(self, settings: Settings) -> None:
        self.sources: tuple[str, ...] = (settings.topics.named("events.raw"),)
        self.output = settings.topics.named("events.accepted")
        self.output_log = ""
        self._registry = Registry(settings.registry)
        tokens = {token: project.id for project in settings.projects for token in project.tokens}
        context = DecodeContext(projects=tokens, limits=settings.limits, avro=self._registry.known)
        self._rules = AcceptRules(decoding=context, partitions=settings.topics.partitions)

    def bind(self, logs: Mapping[str, bytes]) -> None:
        self.output_log = logs[self.output].hex()

    def lacks(self, batch: RawBatch) -> bool:
        return bool(self._registry.missing(batch.values))

    def provide(self, batch: RawBatch) -> None:
        self._registry.fetch(self._registry.missing(batch.values))

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        yield accept(batch, self._rules)

    def tend(self, owned: Owned, batch: RawBatch) -> None:
        """Nothing is kept, so nothing needs upkeep."""


class ResolveHop:
    """events.accepted to events.prepared: remembers recent uuids per distinct id."""

    name = "resolve"

    def __init__(self, settings: Settings) -> None:
        self.sources: tuple[str, ...] = (settings.topics.named("events.accepted"),)
        self.output = settings.topics.named("events.prepared")
        self.output_log = ""
        self._rules = ResolveRules(dedup=settings.dedup)
        self._sweeps: dict[int, Sweep] = {}

    def bind(self, logs: Mapping[str, bytes]) -> None:
        self.output_log = logs[self.output].hex()
        self._sweeps.clear()

    def lacks(self, batch: RawBatch) -> bool:
        return False

    def provide(self, batch: RawBatch) -> None:
        """Everything is in the batch and the state."""

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        for messages in _gathered(batch):
            yield resolve(AcceptedBatch.joined(batch.topic_id, batch.partition, messages), read, self._rules)

    def tend(self, owned: Owned, batch: RawBatch) -> None:
        """Forget a few expired uuids; the time is the newest record's own."""
        sweep = self._sweeps.setdefault(owned.partition, Sweep(self._rules.dedup))
        oldest_s = max(batch.timestamps) // 1000 - self._rules.dedup.window_s
        owned.overlay.update(sweep.step(owned.store.items, owned.overlay.get, oldest_s))


def _gathered(batch: RawBatch) -> Iterator[list[tuple[int, pa.RecordBatch]]]:
    """The messages opened, with their offsets, in groups that are worth the fixed cost of a batch."""
    group: list[tuple[int, pa.RecordBatch]] = []
    rows = 0
    for offset, value, headers in zip(batch.offsets, batch.values, batch.headers, strict=True):
        check_headers(dict(headers or ()))
        group.append((offset, from_wire(value or b"", ACCEPTED)))
        rows += group[-1][1].num_rows
        if rows >= ROWS_AT_ONCE:
            yield group
            group, rows = [], 0
    if group:
        yield group

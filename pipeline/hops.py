"""Accept and resolve as the shell sees them: what they read, where they write, and outcomes for a batch."""

import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.accept import AcceptRules
from pipeline.claims import IdentifyRules
from pipeline.columns import integers
from pipeline.cut_off import guarded
from pipeline.known import KnownRules
from pipeline.log_batch import LogBatch
from pipeline.lookups import Refresher
from pipeline.outcome import Outcome, Read
from pipeline.ownership import Owned
from pipeline.person_changes import PersonRules
from pipeline.registry import Registry
from pipeline.resolve import ResolveRules
from pipeline.settings import Settings
from pipeline.spine import accept, describe, identify, people, rename, resolve
from pipeline.steps import Tally
from pipeline.sweep import Sweep
from pipeline.transform_list import opened_steps
from schemas.batches import check_headers, from_wire, schema_of, size_of
from schemas.decoding import DecodeContext
from schemas.record import RawBatch

__all__ = ["ROWS_AT_ONCE", "AcceptHop", "Hop", "IdentifyHop", "PeopleHop", "ResolveHop", "opened"]

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 2_000
"""Of facts: what is known of a person may weigh a megabyte, and a column holds under two gigabytes.
No message has more of either, for all that follows from one is held at once."""
EVENTS_AT_ONCE = 4_000
"""Of events that carry little of their people: a batch costs resolve 1 ms whatever its size; above this size little
more is gained."""
BYTES_AT_ONCE = 8 * 1024 * 1024
"""Messages are joined up to here: where events are large, what a batch costs is little beside them."""
_MADE_BYTES = 4 * BYTES_AT_ONCE
"""What a batch of more than ROWS_AT_ONCE events may become."""
_COLUMN_BYTES_MAX = (1 << 31) - 1


class Hop(Protocol):
    """One stage between two topics."""

    name: str
    sources: tuple[str, ...]
    output: str
    """Where the rows that move on go; empty where none do."""
    output_log: str
    beside: tuple[str, ...]
    """Topics for what follows beside the rows that move on."""
    beside_logs: Mapping[str, str]
    """The ids of these topics in hexadecimal, by their names without the installation's prefix."""
    tallies: Mapping[str, Tally]
    """What transformations did, by their names."""
    disabled: Collection[str]
    """Transformations that cost too much, and are skipped."""
    rows_at_once: int
    """After so many rows of messages there may be a commit, lest too much follows from all of them; 0 for any."""

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

    def close(self) -> None:
        """After the last batch, in an orderly stop; raises nothing."""


class _Ordinary:
    """What most hops do beside their batches: nothing."""

    tallies: Mapping[str, Tally] = {}
    disabled: Collection[str] = ()
    rows_at_once = ROWS_AT_ONCE

    def lacks(self, batch: RawBatch) -> bool:
        return False

    def provide(self, batch: RawBatch) -> None:
        """Everything is in the batch and the state."""

    def tend(self, owned: Owned, batch: RawBatch) -> None:
        """Nothing expires."""

    def close(self) -> None:
        """Nothing is open."""


class AcceptHop(_Ordinary):
    """events.raw to events.accepted: stateless."""

    name = "accept"
    rows_at_once = 0

    def __init__(self, settings: Settings) -> None:
        self.sources: tuple[str, ...] = (settings.topics.named("events.raw"),)
        self.output = settings.topics.named("events.accepted")
        self.output_log = ""
        self.beside: tuple[str, ...] = ()
        self.beside_logs: Mapping[str, str] = {}
        self._registry = Registry(settings.registry)
        self._transforms = opened_steps(settings, Path(settings.store.path) / "lookups")
        transforms, self._fuses = guarded(self._transforms, settings.limits, settings.commit.pending_bytes_max)
        self._refresher = Refresher(self._transforms.tables, logger.warning)
        self.tallies, self.disabled = self._fuses.totals, self._fuses.blown
        context = DecodeContext(projects=settings.tokens, limits=settings.limits, avro=self._registry.known)
        self._rules = AcceptRules(decoding=context, partitions=settings.topics.partitions, transforms=transforms)

    def bind(self, logs: Mapping[str, bytes]) -> None:
        self.output_log = logs[self.output].hex()

    def lacks(self, batch: RawBatch) -> bool:
        return bool(self._registry.missing(batch.values))

    def provide(self, batch: RawBatch) -> None:
        self._registry.fetch(self._registry.missing(batch.values))

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        outcome = accept(batch, self._rules)
        if outcome.tallies:
            self._fuses.watch(outcome.tallies, batch.bytes)
        yield outcome

    def close(self) -> None:
        self._refresher.stop()
        self._transforms.close()


class ResolveHop(_Ordinary):
    """events.accepted to events.prepared, and the answers of identify and people."""

    name = "resolve"
    rows_at_once = EVENTS_AT_ONCE

    def __init__(self, settings: Settings) -> None:
        named = settings.topics.named
        self._accepted, self._mappings = named("events.accepted"), named("identity.mappings")
        self.sources: tuple[str, ...] = (self._accepted, self._mappings, named("person.views"))
        self.output = named("events.prepared")
        self.output_log = ""
        beside = ("session.starts", "identity.claims", "person.changes", "ingestion.warnings")
        self._beside = {topic: named(topic) for topic in beside}
        self.beside: tuple[str, ...] = tuple(self._beside.values())
        self.beside_logs: Mapping[str, str] = {}
        self._rules = ResolveRules(
            known=KnownRules(dedup=settings.dedup, sessions=settings.sessions),
            people=settings.people,
            identity=settings.identity,
            partitions=settings.topics.partitions,
        )
        self._events_max = ROWS_AT_ONCE
        self._sweeps: dict[int, Sweep] = {}
        self._received_s: dict[int, int] = {}
        """By partition: when the newest of its events was received."""

    def bind(self, logs: Mapping[str, bytes]) -> None:
        self.output_log = logs[self.output].hex()
        self.beside_logs = {topic: logs[name].hex() for topic, name in self._beside.items()}
        self._sweeps.clear()
        self._received_s.clear()

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        are_events = batch.topic == self._accepted
        for rows in opened(batch, self._events_max if are_events else ROWS_AT_ONCE):
            if are_events:
                newest = int(integers(rows.rows.column("received_at")).max(initial=0)) // 1_000_000
                self._received_s[batch.partition] = max(newest, self._received_s.get(batch.partition, 0))
                outcome = resolve(rows, read, self._rules)
                self._events_max = self._next_max(outcome)
                yield outcome
            elif batch.topic == self._mappings:
                yield rename(rows, read, self._rules)
            else:
                yield describe(rows, read)

    def _next_max(self, outcome: Outcome) -> int:
        """How many events to take at once, by what the last ones became: each may carry all that is shown of a person.

        More than the usual only while they stay light. A worker that a sudden weight has ended begins with the usual.
        """
        made = sum(size_of(rows) for _, rows in outcome.moved)
        fit = _MADE_BYTES * outcome.rows // max(1, made)
        return min(EVENTS_AT_ONCE, _COLUMN_BYTES_MAX // self._rules.people.view_bytes_max, max(ROWS_AT_ONCE, fit))

    def tend(self, owned: Owned, batch: RawBatch) -> None:
        """Forget a few expired uuids. The time is that of the events' own receipt, which may be long ago."""
        received_s = self._received_s.get(owned.partition)
        if received_s is None:
            return
        sweep = self._sweeps.setdefault(owned.partition, Sweep(self._rules.known.dedup))
        oldest_s = min(received_s, max(batch.timestamps) // 1000) - self._rules.known.dedup.window_s
        owned.overlay.update(sweep.step(owned.store.items, owned.overlay.get, oldest_s))


class _StateHop(_Ordinary):
    """A hop that turns facts into state and answers: nothing moves on."""

    source = ""
    answers: tuple[str, ...] = ()

    def __init__(self, settings: Settings) -> None:
        named = settings.topics.named
        self.sources: tuple[str, ...] = (named(self.source),)
        self.output = ""
        self.output_log = ""
        self._beside = {topic: named(topic) for topic in self.answers}
        self.beside: tuple[str, ...] = tuple(self._beside.values())
        self.beside_logs: Mapping[str, str] = {}

    def bind(self, logs: Mapping[str, bytes]) -> None:
        self.beside_logs = {topic: logs[name].hex() for topic, name in self._beside.items()}


class IdentifyHop(_StateHop):
    """identity.claims to identity.mappings: the single writer of who is who, per project."""

    name = "identify"
    source = "identity.claims"
    answers = ("identity.mappings", "person.changes", "ingestion.warnings")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._rules = IdentifyRules(identity=settings.identity, partitions=settings.topics.partitions)

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        for rows in opened(batch):
            yield identify(rows, read, self._rules)


class PeopleHop(_StateHop):
    """person.changes to persons and person.views: the single writer of a person's properties."""

    name = "people"
    source = "person.changes"
    answers = ("persons", "person.views")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._rules = PersonRules(people=settings.people, partitions=settings.topics.partitions)

    def outcomes(self, batch: RawBatch, read: Read) -> Iterator[Outcome]:
        for rows in opened(batch):
            yield people(rows, read, self._rules)


def opened(batch: RawBatch, rows_max: int | None = None) -> Iterator[LogBatch]:
    """The messages of an internal topic, in groups that are worth the fixed cost of a batch, and no larger ones.

    A row may carry many times what it came with (a person's properties), so that the size of a message says little.
    """
    schema = schema_of(batch.topic)
    most = rows_max or ROWS_AT_ONCE
    group: list[tuple[int, pa.RecordBatch]] = []
    count = weight = 0
    for offset, value, headers in zip(batch.offsets, batch.values, batch.headers, strict=True):
        check_headers(dict(headers or ()))
        rows = from_wire(value or b"", schema)
        size = size_of(rows)
        if group and (count + rows.num_rows > most or weight + size > BYTES_AT_ONCE):
            yield LogBatch.joined(batch.topic_id, batch.partition, group)
            group, count, weight = [], 0, 0
        if rows.num_rows <= most:
            group.append((offset, rows))
            count += rows.num_rows
            weight += size
            continue
        for first in range(0, rows.num_rows, most):
            part = [(offset, rows.slice(first, most))]
            yield LogBatch.joined(batch.topic_id, batch.partition, part, first=first)
    if group:
        yield LogBatch.joined(batch.topic_id, batch.partition, group)

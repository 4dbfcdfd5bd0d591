"""What one owned partition of accept or resolve has done since its last commit.

Batches are absorbed while the frozen ones before them are being committed. Nothing here is visible to anyone
until the transaction has been committed; nothing of it survives when the partition is lost.
"""

from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa

from pipeline.hops import ROWS_AT_ONCE, Hop
from pipeline.outcome import MOVED, Outcome
from pipeline.ownership import CommitRecord, Owned
from pipeline.producer import Outgoing
from schemas.batches import batch_headers, size_of, to_wire
from schemas.record import RawBatch

__all__ = ["Frozen", "PartitionWork", "Piece", "cut", "gather", "wired"]

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""Half of what the topics take: the rest is for headers, and for a row that is larger than all others."""
COMPRESSION_MAX = 8
"""Rows are not expected to become smaller than by this: a message opened is so many times the size aimed at."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Rows that wait to be written, weighed once."""

    rows: pa.RecordBatch
    bytes: int

    @classmethod
    def of(cls, rows: pa.RecordBatch) -> "Piece":
        """These rows; of a slice counts what it shows."""
        return cls(rows, size_of(rows))


class Frozen(msgspec.Struct, frozen=True):
    """Everything of one transaction, ready to be written in a thread."""

    rows: int
    weight: int
    moved: dict[int, list[Piece]]
    sent: dict[tuple[str, int], list[Piece]]
    rejected: list[Piece]
    changes: dict[bytes, bytes | None]
    record: CommitRecord


class PartitionWork:
    """Absorb, freeze, commit, settle: in this order, over and over."""

    def __init__(self, hop: Hop, owned: Owned) -> None:
        self.owned = owned
        self.rows = 0
        self.bytes = 0
        self._fresh_bytes = 0
        self._hop = hop
        self._moved: dict[int, list[Piece]] = {}
        self._sent: dict[tuple[str, int], list[Piece]] = {}
        self._rejected: list[Piece] = []
        self._bytes_per_row = {"moved": 600.0, "rejected": 2000.0}

    def absorb(self, batch: RawBatch) -> None:
        """Work a batch in. Raises only on a bug: bad input is an outcome."""
        position = self.owned.counters[batch.topic].position
        assert batch.offsets[0] >= position, f"offset {batch.offsets[0]} again, the position is {position}"
        assert batch.after in (None, position), f"read on from {batch.after}, but the position is {position}"
        made = 0
        for outcome in self._hop.outcomes(batch, self.owned.overlay.get):
            made += self._add(batch, outcome)
        self.owned.counters[batch.topic].position = batch.offsets[-1] + 1
        self._hop.tend(self.owned, batch)
        # What follows from a batch may weigh many times the batch: every event carries the properties of its person.
        weight = max(batch.bytes, made)
        self._fresh_bytes += weight
        self.bytes += weight

    def freeze(self) -> Frozen:
        """Hand over what has gathered; the next batches go into the next transaction."""
        frozen = Frozen(
            rows=self.rows,
            weight=self._fresh_bytes,
            moved=self._moved,
            sent=self._sent,
            rejected=self._rejected,
            changes=self.owned.freeze(),
            record=self.owned.record(),
        )
        self.rows, self._fresh_bytes, self._moved, self._sent, self._rejected = 0, 0, {}, {}, []
        return frozen

    def commit(self, frozen: Frozen) -> int:
        """Write one transaction; runs in a thread. Raises Fenced or CommitFailed."""
        settings = self.owned.settings
        outgoing: list[Outgoing] = []
        for partition, pieces in frozen.moved.items():
            outgoing += self._messages(self._hop.output, partition, pieces, "moved")
        for (topic, partition), pieces in frozen.sent.items():
            outgoing += self._messages(settings.topics.named(topic), partition, pieces, topic)
        if frozen.rejected:
            home = self.owned.partition % settings.topics.partitions
            outgoing += self._messages(settings.topics.named("events.rejected"), home, frozen.rejected, "rejected")
        return self.owned.commit(outgoing, frozen.changes, frozen.record, publish=True)

    def settle(self, frozen: Frozen, position: int) -> int | None:
        """The transaction is committed: its state becomes what the store says. See `Owned.settle`."""
        self.bytes -= frozen.weight
        return self.owned.settle(position)

    def _add(self, batch: RawBatch, outcome: Outcome) -> int:
        """Take an outcome in; the bytes that wait in memory for it until the transaction is written."""
        weight = 0
        counters = self.owned.counters[batch.topic]
        counters.add_read(outcome.rows, outcome.uuid_sum)
        counters.repaired += outcome.repaired
        counters.late += outcome.late
        for fate in outcome.fates:
            detail = self._hop.output_log if fate.kind == MOVED else fate.detail
            counters.count(fate.kind, fate.project, detail, fate.rows, fate.uuid_sum)
        for partition, rows in outcome.moved:
            piece = Piece.of(rows)
            weight += piece.bytes
            self._moved.setdefault(partition, []).append(piece)
        for sent in outcome.sent:
            piece = Piece.of(sent.rows)
            weight += piece.bytes
            self._sent.setdefault((sent.topic, sent.partition), []).append(piece)
            counters.send(self._hop.beside_logs[sent.topic], sent.rows.num_rows)
        if outcome.rejected is not None:
            self._rejected.append(Piece.of(outcome.rejected))
        self.owned.overlay.update(outcome.changes)
        self.rows += outcome.rows
        return weight

    def _messages(self, topic: str, partition: int, pieces: Sequence[Piece], kind: str) -> Iterator[Outgoing]:
        target = self.owned.settings.commit.message_bytes
        size = rows = 0
        for gathered in gather(pieces, target):
            by_guess = int(target / self._bytes_per_row.get(kind, 100.0))
            by_weight = gathered.rows.num_rows * target * COMPRESSION_MAX // max(1, gathered.bytes)
            for slice_ in cut(gathered.rows, min(by_guess, by_weight, ROWS_AT_ONCE)):
                for part, value in wired(slice_):
                    size += len(value)
                    rows += part.num_rows
                    yield Outgoing(topic, partition, value, headers=batch_headers(part))
        # The next cut aims by what this one compressed to; a factor of two off does no harm.
        self._bytes_per_row[kind] = max(1.0, size / rows)


def gather(pieces: Sequence[Piece], bytes_min: int) -> Iterator[Piece]:
    """Small pieces joined until they weigh enough; a large one goes as it is, uncopied."""
    waiting: list[Piece] = []
    weight = 0
    for piece in pieces:
        waiting.append(piece)
        weight += piece.bytes
        if weight >= bytes_min:
            yield _joined(waiting)
            waiting, weight = [], 0
    if waiting:
        yield _joined(waiting)


def wired(part: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, bytes]]:
    """The rows as messages that the topics take, whatever was expected of their size: halved until they fit."""
    value = to_wire(part)
    if len(value) <= MESSAGE_BYTES_MAX or part.num_rows == 1:
        yield part, value
        return
    half = part.num_rows // 2
    yield from wired(part.slice(0, half))
    yield from wired(part.slice(half))


def _joined(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    return Piece(pa.concat_batches([piece.rows for piece in pieces]), sum(piece.bytes for piece in pieces))


def cut(batch: pa.RecordBatch, rows_max: int) -> Iterator[pa.RecordBatch]:
    """Slices of at most `rows_max` rows, evenly sized; a single row is never refused."""
    slices = -(-batch.num_rows // max(1, rows_max))
    step = -(-batch.num_rows // slices)
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)

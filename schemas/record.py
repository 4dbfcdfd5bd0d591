"""Records as they were read from a log, in columns: what the pure hops work on."""

from collections.abc import Sequence

import msgspec

__all__ = ["RawBatch", "Headers"]

Headers = Sequence[tuple[str, bytes | None]]


class RawBatch(msgspec.Struct, frozen=True, gc=False):
    """Records of one partition in log order; all sequences have the same length.

    `topic_id` is the log's KIP-516 id (16 bytes): a topic deleted and created again is another log.
    `timestamps` are the records' own, in milliseconds since 1970.
    """

    topic: str
    topic_id: bytes
    partition: int
    offsets: Sequence[int]
    timestamps: Sequence[int]
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    headers: Sequence[Headers | None]
    after: int | None = None
    """Where the reader stood before: from there to the first offset there is no record. None where nobody asks."""

    @property
    def bytes(self) -> int:
        """How much the values weigh; what limits on memory are counted in."""
        return sum(map(len, filter(None, self.values)))

    def part(self, start: int, end: int) -> "RawBatch":
        """The records from number `start` on and before `end`."""
        return RawBatch(
            self.topic,
            self.topic_id,
            self.partition,
            self.offsets[start:end],
            self.timestamps[start:end],
            self.values[start:end],
            self.keys[start:end],
            self.headers[start:end],
            self.offsets[start - 1] + 1 if start and self.after is not None else self.after,
        )

    def __len__(self) -> int:
        return len(self.values)

"""What follows from one batch: rows that move on, rows rejected, state changed, and a count for every row."""

from collections.abc import Callable

import msgspec
import pyarrow as pa

__all__ = ["Outcome", "Fate", "Read", "MOVED", "REJECTED", "DROPPED", "DUPLICATE"]

MOVED, REJECTED, DROPPED = "moved", "rejected", "dropped"
DUPLICATE = "duplicate"
"""The rule under which a repeat of the same event is dropped."""

Read = Callable[[bytes], bytes | None]
"""Looks a state key up; the core never sees where it is kept."""


class Fate(msgspec.Struct, frozen=True, gc=False):
    """How many rows ended in one way, with the sum of their uuid hashes (0 where they have no uuid)."""

    kind: str
    """`moved`, `rejected` or `dropped`."""
    project: int
    detail: str
    """The rejection code or the rule; empty for moved rows, whose log the shell knows."""
    rows: int
    uuid_sum: int = 0


class Outcome(msgspec.Struct, frozen=True):
    """The result of one hop for one batch. `rows` in, and the fates add up to exactly that."""

    rows: int
    uuid_sum: int
    fates: list[Fate]
    moved: list[tuple[int, pa.RecordBatch]]
    """(partition of the next topic, its rows), in the order of the batch within each partition."""
    rejected: pa.RecordBatch | None = None
    changes: dict[bytes, bytes | None] = {}
    repaired: int = 0
    """Lone surrogates that were replaced in the rows that moved on."""

    def __post_init__(self) -> None:
        counted = sum(fate.rows for fate in self.fates)
        assert counted == self.rows, f"{self.rows} rows in, {counted} accounted for"

"""What follows from one batch: rows that move on, rows rejected, state changed, and a count for every row."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy
import pyarrow as pa

from pipeline.columns import integers
from pipeline.steps import Tally
from schemas.batches import hashes_of

__all__ = [
    "Outcome",
    "applied",
    "by_project",
    "Fate",
    "Read",
    "Sent",
    "MOVED",
    "REJECTED",
    "APPLIED",
    "COMMAND",
    "DROPPED",
    "DUPLICATE",
]

MOVED, REJECTED, DROPPED = "moved", "rejected", "dropped"
APPLIED = "applied"
"""Of what is no event: it has been worked into the state."""
COMMAND = "command"
"""Of what was applied: somebody has written it by a command, no hop has."""
DUPLICATE = "duplicate"
"""The rule under which a repeat of the same event is dropped."""

Read = Callable[[bytes], bytes | None]
"""Looks a state key up; the core never sees where it is kept."""


class Fate(msgspec.Struct, frozen=True, gc=False):
    """How many rows ended in one way, with the sum of their uuid hashes (0 where they have no uuid)."""

    kind: str
    """`moved`, `rejected` or `dropped`; `applied` for what is no event."""
    project: int
    detail: str
    """The rejection code or the rule; empty for moved rows, whose log the shell knows."""
    rows: int
    uuid_sum: int = 0


class Sent(msgspec.Struct, frozen=True):
    """Rows that follow from a batch beside those that move on: facts, claims, warnings."""

    topic: str
    """Without the installation's prefix."""
    partition: int
    rows: pa.RecordBatch


class Outcome(msgspec.Struct, frozen=True):
    """The result of one hop for one batch. `rows` in, and the fates add up to exactly that."""

    rows: int
    uuid_sum: int
    fates: list[Fate]
    moved: list[tuple[int, pa.RecordBatch]]
    """(partition of the next topic, its rows), in the order of the batch within each partition."""
    rejected: pa.RecordBatch | None = None
    sent: list[Sent] = []
    changes: dict[bytes, bytes | None] = {}
    repaired: int = 0
    """Lone surrogates that were replaced in the rows that moved on."""
    late: int = 0
    """Rows that moved on without a session, because they came too late for one."""
    tallies: Mapping[str, Tally] = {}
    """What each transformation did, by the name of its entry."""

    def __post_init__(self) -> None:
        counted = sum(fate.rows for fate in self.fates)
        assert counted == self.rows, f"{self.rows} rows in, {counted} accounted for"


def by_project(rows: pa.RecordBatch, kind: str, detail: str) -> list[Fate]:
    """Events that have all ended in one way: a fate for each project, with the sum of their uuid hashes."""
    projects = integers(rows.column("project"))
    hashes = hashes_of(rows.column("uuid"))
    if not len(projects) or (projects == projects[0]).all():
        total = int(hashes.sum(dtype=numpy.uint64))
        return [Fate(kind, int(projects[0]), detail, len(projects), total)] if len(projects) else []
    order = numpy.argsort(projects, kind="stable")
    found, starts, counts = numpy.unique(projects[order], return_index=True, return_counts=True)
    totals = numpy.add.reduceat(hashes[order].astype(numpy.uint64), starts)
    each = zip(found.tolist(), counts.tolist(), totals.tolist(), strict=True)
    return [Fate(kind, project, detail, count, total) for project, count, total in each]


def applied(
    rows: pa.RecordBatch, beside: list[Sent], changes: dict[bytes, bytes | None], commands: Sequence[int] = ()
) -> Outcome:
    """Of rows that are no events: they have become state. `commands` are the projects of those that no hop has sent."""
    by_command = Counter(commands)
    sent = Counter(integers(rows.column("project")).tolist()) - by_command
    fates = [Fate(APPLIED, project, "", count) for project, count in sorted(sent.items())]
    fates += [Fate(APPLIED, project, COMMAND, count) for project, count in sorted(by_command.items())]
    return Outcome(rows.num_rows, 0, fates, moved=[], sent=beside, changes=changes)

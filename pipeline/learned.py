"""What became of a batch's events in resolve: columns of one entry for each event, and facts beside them."""

import msgspec
import numpy
from numpy.typing import NDArray

from pipeline.sessions import LATE

__all__ = ["Learned", "StartFacts"]


class StartFacts(msgspec.Struct, frozen=True):
    """What changed about the starts of sessions, in lists of one entry for each fact."""

    rows: list[int]
    """The event that changed it."""
    starts: list[int]
    ids: list[bytes]
    """16 bytes each."""
    dead: list[bool]

    def add(self, rows: list[int], starts: list[int], ids: list[bytes], dead: bool = False) -> None:
        """Facts of the same kind."""
        self.rows.extend(rows)
        self.starts.extend(starts)
        self.ids.extend(ids)
        self.dead.extend([dead] * len(rows))


class Learned(msgspec.Struct, frozen=True):
    """What became of a batch's events, in arrays of one entry for each event."""

    repeats: NDArray[numpy.bool_]
    """Whether the event was seen before; the other arrays say nothing about it then."""
    starts: NDArray[numpy.int64]
    """Of its session, in microseconds; LATE where the event has none, or one that its sender named."""
    sessions: NDArray[numpy.void]
    """16 bytes each; zeros where there is none."""
    people: NDArray[numpy.void]
    """16 bytes each."""
    identified: NDArray[numpy.bool_]
    described: NDArray[numpy.bool_]
    """Whether properties of the person are known: they stand under a key of their own."""
    facts: StartFacts
    created: dict[bytes, int]
    """State keys whose earliest event is now another."""

    @classmethod
    def nothing(cls, count: int) -> "Learned":
        """Of so many events, not yet looked at."""
        flags = numpy.zeros((3, count), bool)
        ids = numpy.zeros((2, count), "V16")
        starts = numpy.full(count, LATE, numpy.int64)
        return cls(flags[0], starts, ids[0], ids[1], flags[1], flags[2], StartFacts([], [], [], []), {})

    def kept(self) -> "Learned":
        """Without the repeats; facts go on to name rows of the whole batch."""
        if not self.repeats.any():
            return self
        keep = ~self.repeats
        return Learned(
            self.repeats,
            self.starts[keep],
            self.sessions[keep],
            self.people[keep],
            self.identified[keep],
            self.described[keep],
            self.facts,
            self.created,
        )

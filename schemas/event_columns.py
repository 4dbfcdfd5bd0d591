"""Events in columns: what most of them are handed on as, because an object for each costs more than its fields."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.event import Event

__all__ = ["EventColumns"]


class EventColumns(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of `Event`, row by row. What most events lack is told by the number of the row that has it."""

    uuid: bytes
    """16 bytes a row."""
    project: NDArray[numpy.int64]
    event: Sequence[str]
    distinct_id: Sequence[str]
    timestamp: NDArray[numpy.int64]
    received_at: NDArray[numpy.int64]
    properties: bytes
    """All of them, one behind the other."""
    sizes: NDArray[numpy.int64]
    """Bytes of the properties of each row."""
    set: Mapping[int, bytes]
    set_once: Mapping[int, bytes]
    unset: Mapping[int, bytes]
    historical: Sequence[int]
    """The rows that are."""
    marks: Mapping[int, bytes]
    applied: Mapping[int, str] = {}
    failed: Mapping[int, str] = {}
    repaired: int = 0
    """In all of them together."""

    def __len__(self) -> int:
        return len(self.event)

    @classmethod
    def of(cls, events: Sequence[Event]) -> "EventColumns":
        """The same events."""
        count = len(events)
        return cls(
            uuid=b"".join([event.uuid for event in events]),
            project=numpy.fromiter([event.project for event in events], numpy.int64, count),
            event=[event.event for event in events],
            distinct_id=[event.distinct_id for event in events],
            timestamp=numpy.fromiter([event.timestamp for event in events], numpy.int64, count),
            received_at=numpy.fromiter([event.received_at for event in events], numpy.int64, count),
            properties=b"".join([event.properties for event in events]),
            sizes=numpy.fromiter([len(event.properties) for event in events], numpy.int64, count),
            set={row: event.set for row, event in enumerate(events) if event.set},
            set_once={row: event.set_once for row, event in enumerate(events) if event.set_once},
            unset={row: event.unset for row, event in enumerate(events) if event.unset},
            historical=[row for row, event in enumerate(events) if event.historical],
            marks={row: event.marks for row, event in enumerate(events) if event.marks},
            applied={row: event.applied for row, event in enumerate(events) if event.applied},
            failed={row: event.failed for row, event in enumerate(events) if event.failed},
            repaired=sum([event.repaired for event in events]),
        )

    def events(self) -> Iterator[Event]:
        """One by one. Of columns that were decoded: nothing is applied, failed or repaired in them."""
        special = bool(self.applied or self.failed or self.repaired)
        assert not special, "what was transformed or repaired is put into columns only to be written"
        uuids = [self.uuid[at : at + 16] for at in range(0, len(self.uuid), 16)]
        ends = numpy.concatenate(([0], numpy.cumsum(self.sizes))).tolist()
        texts = [self.properties[start:end] for start, end in pairwise(ends)]
        of_set, of_set_once, of_unset, of_marks = self.set.get, self.set_once.get, self.unset.get, self.marks.get
        historical = frozenset(self.historical)
        rows = zip(
            uuids,
            self.project.tolist(),
            self.event,
            self.distinct_id,
            self.timestamp.tolist(),
            self.received_at.tolist(),
            texts,
            strict=True,
        )
        for row, (uuid, project, event, distinct_id, timestamp, received_at, properties) in enumerate(rows):
            yield Event(
                uuid=uuid,
                project=project,
                event=event,
                distinct_id=distinct_id,
                timestamp=timestamp,
                received_at=received_at,
                properties=properties,
                set=of_set(row, b""),
                set_once=of_set_once(row, b""),
                unset=of_unset(row, b""),
                historical=row in historical,
                marks=of_marks(row, b""),
            )

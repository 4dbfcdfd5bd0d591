"""Events in columns: what most of them are handed on as, because an object for each costs more than its fields."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, pairwise, repeat

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.event import Event

__all__ = ["RARE", "EventColumns", "EventRow"]

RARE = ("set", "set_once", "unset", "marks", "applied", "failed")
"""Fields that most events lack."""
_TEXTS = RARE[:4]


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
    """The rows that are, in their order."""
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
        """One by one. Of columns that were decoded, and transformed since: nothing is repaired in them."""
        assert not self.repaired, "what was repaired is put into columns only to be written"
        texts = self.texts(0, len(self), numpy.cumsum(self.sizes).tolist())
        return map(EventRow.whole, self.rows(range(len(self)), texts))

    def only(self, chosen: Sequence[bool]) -> "EventColumns":
        """These rows alone; the others have no properties any more."""
        kept = numpy.array(chosen, numpy.bool_)
        rows = {row: number for number, row in enumerate(numpy.flatnonzero(kept).tolist())}
        return msgspec.structs.replace(
            self,
            uuid=numpy.frombuffer(self.uuid, "V16")[kept].tobytes(),
            project=self.project[kept],
            event=list(compress(self.event, chosen)),
            distinct_id=list(compress(self.distinct_id, chosen)),
            timestamp=self.timestamp[kept],
            received_at=self.received_at[kept],
            sizes=self.sizes[kept],
            historical=[rows[row] for row in self.historical if row in rows],
            **{name: {rows[row]: value for row, value in getattr(self, name).items() if row in rows} for name in RARE},
        )

    def texts(self, start: int, end: int, ends: Sequence[int]) -> list[memoryview]:
        """The properties of some rows, not copied; `ends` are where those of all rows end."""
        first = ends[start - 1] if start else 0
        text = memoryview(self.properties)
        return [text[at:end] for at, end in pairwise((first, *ends[start:end]))]

    def rows(self, numbers: Sequence[int], texts: Iterable[memoryview]) -> list["EventRow"]:
        """Some of them, as events by themselves; `texts` are their properties."""
        projects, names = self.project[numbers].tolist(), map(self.event.__getitem__, numbers)
        fields = [getattr(self, name) for name in _TEXTS]
        said = [map(field.get, numbers, repeat(b"")) if field else repeat(b"") for field in fields]
        return list(map(EventRow, repeat(self), numbers, projects, names, map(bytes, texts), *said))


class EventRow(msgspec.Struct, frozen=True, eq=False):
    """One event in columns, with what is asked for often at hand: it has the attributes of an `Event`."""

    columns: EventColumns
    row: int
    project: int
    event: str
    properties: bytes
    set: bytes = b""
    set_once: bytes = b""
    unset: bytes = b""
    marks: bytes = b""

    @property
    def uuid(self) -> bytes:
        """16 bytes."""
        return self.columns.uuid[self.row * 16 : self.row * 16 + 16]

    @property
    def distinct_id(self) -> str:
        """How the sender names the actor."""
        return self.columns.distinct_id[self.row]

    @property
    def timestamp(self) -> int:
        """When it happened, in microseconds."""
        return int(self.columns.timestamp[self.row])

    @property
    def received_at(self) -> int:
        """When the edge got it, in microseconds."""
        return int(self.columns.received_at[self.row])

    def whole(self) -> Event:
        """The event by itself."""
        historical = self.columns.historical
        at = bisect_left(historical, self.row)
        return Event(
            uuid=self.uuid,
            project=self.project,
            event=self.event,
            distinct_id=self.distinct_id,
            timestamp=self.timestamp,
            received_at=self.received_at,
            properties=self.properties,
            set=self.set,
            set_once=self.set_once,
            unset=self.unset,
            historical=at < len(historical) and historical[at] == self.row,
            marks=self.marks,
            applied=self.columns.applied.get(self.row, ""),
            failed=self.columns.failed.get(self.row, ""),
        )

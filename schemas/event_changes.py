"""Events in columns are changed without being taken out of them: what is new is gathered, and put in at once."""

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Any

import msgspec
import numpy
from numpy.typing import NDArray

from schemas.event import Event
from schemas.event_columns import RARE, EventColumns
from schemas.property_text import Place, Texts

__all__ = ["EventChanges"]


class EventChanges:
    """What becomes of some columns. Rows are told about in any order, each once at most."""

    def __init__(self, columns: EventColumns) -> None:
        self._ends = numpy.cumsum(columns.sizes)
        self.ends: list[int] = self._ends.tolist()
        """Where the properties of each row end."""
        self._columns = columns
        self._places: list[Place] = []
        self._rare: dict[str, dict[int, Any]] = {name: dict(getattr(columns, name)) for name in RARE}
        self._names: dict[str, list[str]] = {}
        self._gone: list[int] = []
        self._growth = 0

    def texts(self, start: int, end: int) -> Texts:
        """The properties of these rows, to look for names in them."""
        return Texts(self._columns.properties, self.ends[start - 1] if start else 0, self.ends[start:end])

    def met(self, start: int, applied: Sequence[str], failed: Sequence[str]) -> None:
        """What rows from a place on have met; said before anything else of them."""
        for name, found in (("applied", applied), ("failed", failed)):
            self._rare[name].update(compress(enumerate(found, start), found))

    def put(self, row: int, places: list[Place] | None, fields: dict[str, Any]) -> None:
        """What has become of a row, as `changes` says it."""
        if places:
            self._places += places
            for _, _, written in places:
                self._growth += len(written)
        if fields:
            self._replace(row, fields)

    def put_in(self, places: Iterable[Place]) -> None:
        """The same for many rows of which nothing but the properties has changed."""
        self._places += places

    def replace(self, row: int, event: Event) -> None:
        """The event that a row is now; when and where it happened it does not change."""
        self._replace(row, {name: getattr(event, name) for name in ("event", "distinct_id", "properties", *RARE)})

    def take_growth(self) -> int:
        """Bytes that have come to the texts since the last call, those put into many rows at once left out."""
        growth, self._growth = self._growth, 0
        return growth

    def remove(self, row: int) -> None:
        """The event has ended."""
        self._whole(row, b"")
        self._gone.append(row)

    def written(self) -> tuple[EventColumns, list[bool] | None]:
        """The columns as they are now; and which rows are left, None for all."""
        columns = self._columns
        self._places.sort()
        fields: dict[str, Any] = {**self._names, **self._rare, "sizes": self._sizes(), "properties": self._text()}
        found = msgspec.structs.replace(columns, **fields)
        if not self._gone:
            return found, None
        gone = frozenset(self._gone)
        left = [row not in gone for row in range(len(columns))]
        return found.only(left), left

    def _replace(self, row: int, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if name == "properties":
                self._whole(row, value)
            elif name not in self._rare:
                if name not in self._names:
                    self._names[name] = list(getattr(self._columns, name))
                self._names[name][row] = value
            elif value:
                self._rare[name][row] = value
            else:
                self._rare[name].pop(row, None)

    def _whole(self, row: int, text: bytes) -> None:
        start = self.ends[row - 1] if row else 0
        self._places.append((start, self.ends[row], text))
        self._growth += len(text) - self.ends[row] + start

    def _sizes(self) -> NDArray[numpy.int64]:
        """Bytes of the properties of each row."""
        count = len(self._places)
        starts = numpy.fromiter([start for start, _, _ in self._places], numpy.int64, count)
        growth = numpy.fromiter(
            [len(written) - end + start for start, end, written in self._places], numpy.int64, count
        )
        sizes = self._columns.sizes.copy()
        numpy.add.at(sizes, numpy.searchsorted(self._ends, starts, side="right"), growth)
        return sizes

    def _text(self) -> bytes:
        text, at = memoryview(self._columns.properties), 0
        pieces: list[bytes | memoryview] = []
        for start, end, written in self._places:
            pieces += text[at:start], written
            at = end
        return b"".join((*pieces, text[at:]))

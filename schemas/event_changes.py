"""Events in columns are changed without being taken out of them: what is new is gathered, and put in at once."""

from typing import Any

import msgspec
import numpy

from schemas.event import Event
from schemas.event_columns import RARE, EventColumns
from schemas.property_text import Place, Texts

__all__ = ["EventChanges"]


class EventChanges:
    """What becomes of some columns. Rows are told about in their order, each once at most."""

    def __init__(self, columns: EventColumns) -> None:
        self.ends: list[int] = numpy.cumsum(columns.sizes).tolist()
        """Where the properties of each row end."""
        self._columns = columns
        self._pieces: list[bytes] = []
        self._at = 0
        """How far the properties are written."""
        self._growth: dict[int, int] = {}
        self._rare: dict[str, dict[int, Any]] = {name: dict(getattr(columns, name)) for name in RARE}
        self._applied, self._failed = self._rare["applied"], self._rare["failed"]
        self._names: dict[str, list[str]] = {}
        self._gone: list[int] = []

    def texts(self, start: int, end: int) -> Texts:
        """The properties of these rows, to look for names in them."""
        return Texts(self._columns.properties, self.ends[start - 1] if start else 0, self.ends[start:end])

    def put(self, row: int, places: list[Place] | None, fields: dict[str, Any], applied: str, failed: str) -> None:
        """What has become of a row, as `changes` says it, and what it has met."""
        if places:
            self._put(row, places)
        if fields:
            self._replace(row, fields)
        if applied:
            self._applied[row] = applied
        if failed:
            self._failed[row] = failed

    def replace(self, row: int, event: Event) -> None:
        """The event that a row is now; when and where it happened it does not change."""
        self._replace(row, {name: getattr(event, name) for name in ("event", "distinct_id", "properties", *RARE)})

    def remove(self, row: int) -> None:
        """The event has ended."""
        self._whole(row, b"")
        self._gone.append(row)

    def written(self) -> tuple[EventColumns, list[bool] | None]:
        """The columns as they are now; and which rows are left, None for all."""
        columns = self._columns
        self._pieces.append(columns.properties[self._at :])
        sizes = columns.sizes.copy()
        sizes[list(self._growth)] += numpy.array(list(self._growth.values()), numpy.int64)
        fields: dict[str, Any] = {**self._names, **self._rare, "sizes": sizes, "properties": b"".join(self._pieces)}
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
                self._names.setdefault(name, list(getattr(self._columns, name)))[row] = value
            elif value:
                self._rare[name][row] = value
            else:
                self._rare[name].pop(row, None)

    def _put(self, row: int, places: list[Place]) -> None:
        text, at, growth = self._columns.properties, self._at, 0
        for start, end, written in places:
            self._pieces += text[at:start], written
            growth += len(written) - (end - start)
            at = end
        self._at = at
        self._growth[row] = growth

    def _whole(self, row: int, text: bytes) -> None:
        start = self.ends[row - 1] if row else 0
        self._put(row, [(start, self.ends[row], text)])

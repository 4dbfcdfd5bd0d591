"""What another list of transformations would make of the same records: field by field, counted, with examples."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pipeline.steps import TransformRules
from pipeline.transforming import transformed
from schemas.decoding import DecodeContext, decode
from schemas.event import Dropped, Event, Rejected, RejectionCode, Verdict
from schemas.json_text import parsed
from schemas.record import RawBatch

__all__ = ["Comparison", "Side"]

EXAMPLES_KEPT = 3
"""Of each field: enough to see what changed, and no flood."""
FIELDS_KEPT = 1_000
"""Properties may have any names; what comes after so many is counted together."""
OTHERS = "(other fields)"
MESSAGES_KEPT = 1_000
"""Messages may hold any names, likewise."""
OTHER_MESSAGES = "(other messages)"
_VALUE_CHARS = 120


class Side(msgspec.Struct, frozen=True):
    """A configuration: how it decodes, and its steps."""

    decoding: DecodeContext
    transforms: TransformRules
    provide: Callable[[RawBatch], None] = lambda _: None
    """Fetches what is missing to decode a batch; raises Retry where it cannot be had."""

    def decoded(self, batch: RawBatch) -> Sequence[Verdict]:
        """What the records say. Raises Retry."""
        self.provide(batch)
        return decode(batch, self.decoding)


class FieldChange(msgspec.Struct):
    """A field that differs: how often it was added, removed, or has another value; and where for example."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    examples: list[dict[str, Any]] = []


class Comparison:
    """Takes in batches of raw records, and says in the end what differs."""

    def __init__(self, current: Side, other: Side) -> None:
        self._sides = (current, other)
        self.records = 0
        self.same = 0
        self.fields: dict[str, FieldChange] = {}
        self.fates: Counter[tuple[str, str]] = Counter()
        """(fate now, fate then) where they differ."""
        self.violations: Counter[str] = Counter()
        """Events that the other list rejects and the current one does not, by the start of the message."""
        self.nanoseconds = [0, 0]

    def take(self, batch: RawBatch) -> None:
        """Compare what becomes of every record. Raises Retry where one cannot be decoded yet."""
        before, after = (self._through(number, batch) for number in (0, 1))
        for old, new in zip(before, after, strict=True):
            self.records += 1
            if old == new:
                self.same += 1
            elif isinstance(old, Event) and isinstance(new, Event):
                self.same += not self._compare(old, new)
            else:
                self._fate(old, new)

    @property
    def dropped(self) -> int:
        """Events that went on and would be dropped."""
        return sum(count for (now, then), count in self.fates.items() if now == "moved" and then.startswith("dropped"))

    @property
    def rejected(self) -> int:
        """Events that went on and would be rejected."""
        return sum(count for (now, then), count in self.fates.items() if now == "moved" and then.startswith("rejected"))

    @property
    def added(self) -> int:
        """Events that did not go on and would."""
        return sum(count for (_, then), count in self.fates.items() if then == "moved")

    def report(self) -> dict[str, Any]:
        """Everything, for people and machines."""
        fields = sorted(self.fields.items(), key=lambda item: (-_times(item[1]), item[0]))
        return {
            "records": self.records,
            "same": self.same,
            "changed": self.records - self.same - sum(self.fates.values()),
            "dropped": self.dropped,
            "rejected": self.rejected,
            "added": self.added,
            "violations": sum(self.violations.values()),
            "fields": {name: msgspec.to_builtins(change) for name, change in fields},
            "fates": [{"now": now, "then": then, "events": n} for (now, then), n in self.fates.most_common()],
            "violations_by_message": dict(self.violations.most_common()),
            "us_per_record": [round(ns / 1_000 / max(1, self.records), 3) for ns in self.nanoseconds],
        }

    def _through(self, number: int, batch: RawBatch) -> list[Verdict]:
        side = self._sides[number]
        found = transformed(side.decoded(batch), side.transforms)
        self.nanoseconds[number] += sum(tally.nanoseconds for tally in found.tallies.values())
        return list(found.verdicts)

    def _fate(self, old: Verdict, new: Verdict) -> None:
        if _fate_of(old) == _fate_of(new):
            self.same += 1  # Another message for the same end is none that anybody asks for.
            return
        self.fates[_fate_of(old), _fate_of(new)] += 1
        if isinstance(new, Rejected) and new.code == RejectionCode.SCHEMA_VIOLATION:
            message = new.message[:_VALUE_CHARS]
            if message not in self.violations and len(self.violations) >= MESSAGES_KEPT:
                message = OTHER_MESSAGES
            self.violations[message] += 1

    def _compare(self, old: Event, new: Event) -> bool:
        """Whether any field differs; which steps were taken to it is none."""
        flat_old, flat_new = dict(_fields(old)), dict(_fields(new))
        differs = False
        for name in sorted(flat_old.keys() | flat_new.keys()):
            was, is_now = flat_old.get(name), flat_new.get(name)
            if was != is_now:
                differs = True
                self._note(name, was, is_now, old.event)
        return differs

    def _note(self, name: str, was: Any, is_now: Any, event: str) -> None:
        if name not in self.fields and len(self.fields) >= FIELDS_KEPT:
            name = OTHERS
        change = self.fields.setdefault(name, FieldChange(examples=[]))
        kind = "added" if was is None else "removed" if is_now is None else "changed"
        setattr(change, kind, getattr(change, kind) + 1)
        if len(change.examples) < EXAMPLES_KEPT:
            change.examples.append({"event": event, "now": _short(was), "then": _short(is_now)})


def _times(change: FieldChange) -> int:
    return change.added + change.removed + change.changed


def _fate_of(verdict: Verdict) -> str:
    if isinstance(verdict, Event):
        return "moved"
    if isinstance(verdict, Dropped):
        return f"dropped by {verdict.rule}"
    return f"rejected as {verdict.code}"


def _fields(event: Event) -> Iterator[tuple[str, Any]]:
    yield "event", event.event
    yield "distinct_id", event.distinct_id
    yield "transforms_failed", event.failed or None
    for place, text in (("properties", event.properties), ("$set", event.set), ("$set_once", event.set_once)):
        content: Mapping[str, Any] = parsed(text) if text else {}
        for name, value in content.items():
            yield f"{place}.{name}", _text(value)
    yield "$unset", event.unset.decode() or None


def _text(value: Any) -> str:
    """As JSON, so that 1 and true and "1" differ."""
    return msgspec.json.encode(value).decode()


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _VALUE_CHARS else text[: _VALUE_CHARS - 1] + "…"

"""The transformations of accept: every event through the steps that apply to it, in their order.

Steps are called for many events in turn: events of one project and name have the same steps ahead of them, so which
these are is asked once, and an event that no step applies to costs a look into a dictionary. An event that some step
renames has other steps ahead of it from there on.

Of the properties no more is read than the steps say they look at (schemas/property_text.py), as far as all of them say.

Whatever a step does to one event stays with that event. If it raises, or returns what is no event, its `on_error`
decides: `skip` lets the event go on as it was, with the step's name in `failed`; `reject` keeps the original.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy

from pipeline.steps import (
    Chain,
    Step,
    Tally,
    TransformRules,
    answer,
    chain_of,
    disabled,
    ended,
    failure,
    is_skipped,
)
from schemas.closed_event import changes, closed
from schemas.decoding import Decoded
from schemas.event import Dropped, Event, Rejected, Verdict
from schemas.event_changes import EventChanges
from schemas.event_columns import EventRow
from schemas.open_event import OpenEvent
from schemas.property_text import Reading

__all__ = ["Transformed", "transformed"]

EVENTS_AT_ONCE = 256
"""Decoded, they fit into the processor's cache; thousands at once cost three times as much an event."""


class Transformed(msgspec.Struct, frozen=True):
    """One verdict per verdict that went in, in the same order; and what every step did."""

    verdicts: Sequence[Verdict]
    tallies: Mapping[str, Tally] = {}


def transformed(verdicts: Sequence[Verdict], rules: TransformRules) -> Transformed:
    """Take every event through its steps. No step makes it raise."""
    if not any(rules.steps.values()):
        return Transformed(verdicts)
    with rules.watch.over(len(verdicts), _size_of(verdicts)):
        return _transformed(verdicts, rules)


def _size_of(verdicts: Sequence[Verdict]) -> int:
    if isinstance(verdicts, Decoded):
        return int(verdicts.plain.sizes.sum()) + _size_of(list(verdicts.others.values()))
    return sum([len(verdict.properties) for verdict in verdicts if type(verdict) is Event])


def _transformed(verdicts: Sequence[Verdict], rules: TransformRules) -> Transformed:
    tallies: dict[str, Tally] = {}
    if isinstance(verdicts, Decoded):
        return Transformed(_in_columns(verdicts, rules, tallies), tallies)
    found: list[Verdict] = []
    for start in range(0, len(verdicts), EVENTS_AT_ONCE):
        part = list(verdicts[start : start + EVENTS_AT_ONCE])
        batch = _Batch([verdict if type(verdict) is Event else None for verdict in part], rules, tallies)
        batch.run()
        for index, after in batch.closed():
            part[index] = after
        found += part
    return Transformed(found, tallies)


def _in_columns(decoded: Decoded, rules: TransformRules, tallies: dict[str, Tally]) -> Decoded:
    """The same, where most events stay in their columns."""
    columns = decoded.plain
    new = EventChanges(columns)
    over: dict[int, Verdict] = {}
    for start in range(0, len(columns), EVENTS_AT_ONCE):
        end = min(start + EVENTS_AT_ONCE, len(columns))
        rows = columns.rows(range(start, end), columns.texts(start, end, new.ends))
        batch = _Batch(rows, rules, tallies)
        batch.run()
        for row, verdict in batch.put(new, start):
            over[row] = verdict
    others = _transformed(list(decoded.others.values()), rules)
    for name, tally in others.tallies.items():
        if name in tallies:
            tallies[name] += tally
        else:
            tallies[name] = tally
    found = dict(zip(decoded.others, others.verdicts, strict=True))
    places = decoded.places
    columns, left = new.written()
    if left is not None:
        found |= {int(places[row]): verdict for row, verdict in over.items()}
        found = dict(sorted(found.items()))
        places = places[numpy.array(left)]
    return Decoded(places, columns, found)


class _Batch:
    def __init__(
        self, events: Sequence[Event | EventRow | None], rules: TransformRules, tallies: dict[str, Tally]
    ) -> None:
        self._rules = rules
        self._events = events
        """None for what is no event."""
        self._open: list[OpenEvent | None] = [None] * len(events)
        self._ended: dict[int, Rejected | Dropped] = {}
        self._applied = [""] * len(events)
        """The labels of the steps that changed an event, with spaces between them."""
        self._failed = [""] * len(events)
        self._guarded: set[int] = set()
        """Events that a private step was asked about."""
        self._tallies = tallies
        self._chains: dict[int, Chain] = {}

    def run(self) -> None:
        """Every event through its steps."""
        waiting: dict[tuple[int, str, int], list[int]] = defaultdict(list)
        for index, event in enumerate(self._events):
            if event is not None:
                waiting[event.project, event.event, 0].append(index)
        while waiting:
            (project, name, position), indices = waiting.popitem()
            for other in self._through(project, name, position, indices):
                waiting[other[:3]].append(other[3])

    def closed(self) -> Iterator[tuple[int, Verdict]]:
        """What has become of those that are not what they were."""
        limits = self._rules.limits
        for index, event, guarded in self._touched():
            if event is None:
                yield index, self._ended[index]
                continue
            seen, met = self._chains[event._of.project].seen, (self._applied[index], self._failed[index])
            try:
                yield index, closed(event, limits, *met, anew=guarded, seen=seen)
            except Exception:  # noqa: BLE001 - some step made what cannot go on; which one is found out
                yield index, self._one_by_one(self._whole(index))

    def put(self, changed: EventChanges, start: int) -> Iterator[tuple[int, Verdict]]:
        """The same for a part of some columns, which begins at a row: what goes on is put into them."""
        limits, texts = self._rules.limits, changed.texts(start, start + len(self._events))
        changed.met(start, self._applied, self._failed)
        for index, event, guarded in self._touched():
            row = start + index
            if event is None:
                changed.remove(row)
                yield row, self._ended[index]
                continue
            try:
                seen = self._chains[event._of.project].seen
                places, fields = changes(event, limits, texts, index, anew=guarded, seen=seen)
            except Exception:  # noqa: BLE001 - as above
                verdict = self._one_by_one(self._whole(index))
                if type(verdict) is Event:
                    changed.replace(row, verdict)
                else:
                    changed.remove(row)
                    yield row, verdict
            else:
                changed.put(row, places, fields)

    def _touched(self) -> Iterator[tuple[int, OpenEvent | None, bool]]:
        """Those to look at in the end, in their order; None for an event that has ended; and whether it is guarded."""
        rows = zip(self._open, self._applied, self._failed, strict=True)
        for index, (event, applied, failed) in enumerate(rows):
            if event is not None:
                guarded = index in self._guarded
                if applied or failed or guarded:
                    yield index, event, guarded
            elif index in self._ended:
                yield index, None, False

    def _whole(self, index: int) -> Event:
        event = self._events[index]
        assert event is not None
        return event if type(event) is Event else event.whole()  # type: ignore[union-attr]

    def _through(self, project: int, event: str, position: int, indices: list[int]) -> list[tuple[int, str, int, int]]:
        """All steps for events of one name; those that get another name leave, with the step they go on with."""
        chain = self._chain_of(project)
        steps = chain.steps
        renamed = []
        for number in range(position, len(steps)):
            step = steps[number]
            applies = step.applies(project, event)
            if applies is False or not indices:
                continue
            if not self._step(step, chain.reading, indices, asks=applies is None):
                continue
            left = []
            for index in indices:
                found = self._open[index]
                if found is None:
                    continue
                if found.event == event:
                    left.append(index)
                else:
                    renamed.append((project, found.event, number + 1, index))
            indices = left
        return renamed

    def _step(self, step: Step, reading: Reading, indices: list[int], asks: bool) -> bool:
        """One step for all these events; whether some of them may have ended, or have another name now."""
        tally = self._tallies.get(step.name) or self._tallies.setdefault(step.name, Tally())
        tally.asked += len(indices)
        events, given, applied = self._open, self._events, self._applied
        if step.private:
            self._guarded.update(indices)
        call, matches = step.bound(), step.when.matches if asks and step.when else None
        if step.name in self._rules.disabled:
            call = disabled
        label, seen, changed, moved = step.label, 0, 0, False
        labels = {"": label}
        (watch := self._rules.watch).begin(step.name)
        started = self._rules.clock()
        for index in indices:
            event = events[index]
            if event is None:
                event = events[index] = OpenEvent(given[index], reading)  # type: ignore[arg-type]
            try:
                watch.call = index
                if matches is not None and not matches(event):
                    watch.call = -1
                    continue
                seen += 1
                result = call(event)
                watch.call = -1
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # noqa: BLE001 - a bug in it, or a panic, costs one event, never the batch
                watch.call = -1
                if step.name in self._rules.disabled:
                    call = disabled
                self._fail(step, tally, index, problem)
                moved = True
                continue
            if result is event:
                continue
            if type(result) is OpenEvent:
                changed += 1
                events[index] = result
                before = applied[index]
                applied[index] = labels.get(before) or labels.setdefault(before, f"{before} {label}")
                moved = moved or result._of is not event._of
            else:
                self._end(step, tally, index, result)
                moved = True
        tally.nanoseconds += self._rules.clock() - started
        tally.seen += seen
        tally.changed += changed
        return moved

    def _end(self, step: Step, tally: Tally, index: int, result: Any) -> None:
        """The step has ended the event: dropped or rejected, or something that is nothing of the kind."""
        try:
            verdict = ended(step, tally, result, self._project(index))
        except (TypeError, ValueError) as problem:
            self._fail(step, tally, index, problem)
        else:
            self._finish(index, verdict)

    def _fail(self, step: Step, tally: Tally, index: int, problem: BaseException) -> None:
        tally.failed += 1
        if is_skipped(step, problem):
            self._failed[index] = f"{self._failed[index]} {step.label}".lstrip()
        else:
            self._finish(index, failure(step, problem, self._project(index)))

    def _finish(self, index: int, verdict: Rejected | Dropped) -> None:
        self._ended[index] = verdict
        self._open[index] = None

    def _project(self, index: int) -> int:
        event = self._events[index]
        assert event is not None
        return event.project

    def _one_by_one(self, original: Event) -> Verdict:
        """The same for one event, looked at after every step: so that it is known which one went wrong."""
        current, whole = OpenEvent(original), original
        applied: list[str] = []
        failed: list[str] = []
        anew = False
        for step in self._chain_of(original.project).steps:
            if step.applies(original.project, current.event) is False:
                continue
            tally = self._tallies.setdefault(step.name, Tally())
            anew = anew or step.private
            try:
                result = answer(step, current, self._rules)
                if type(result) is not OpenEvent:
                    return ended(step, tally, result, original.project)
                whole = closed(result, self._rules.limits, anew=anew)
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # noqa: BLE001 - as above
                tally.failed += 1
                if not is_skipped(step, problem):
                    return failure(step, problem, original.project)
                failed.append(step.label)
                continue
            if result is not current:
                applied.append(step.label)
            current = result
        return msgspec.structs.replace(whole, applied=" ".join(applied), failed=" ".join(failed))

    def _chain_of(self, project: int) -> Chain:
        if project not in self._chains:
            steps = self._rules.steps.get(project)
            self._chains[project] = chain_of(self._rules.steps.get(0, ()) if steps is None else steps)
        return self._chains[project]

"""The transformations of accept: every event through the steps that apply to it, in their order.

Steps are called for many events in turn: which of them apply is asked once for all events of one project and name, and
an event that no step applies to costs a look into a dictionary. An event that some step renames has other steps ahead
of it from there on.

Of the properties no more is read than the steps say they look at (schemas/property_text.py), as far as all of them say.
As long as steps do nothing but add properties, an event in columns goes the short way (pipeline/short_way.py), and from
there on the long one, which is here.

Whatever a step does to one event stays with that event. If it raises, or returns what is no event, its `on_error`
decides: `skip` lets the event go on as it was, with the step's name in `failed`; `reject` keeps the original.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy

from pipeline.one_by_one import one_by_one
from pipeline.short_way import ShortWay
from pipeline.steps import Chain, Step, Tally, TransformRules, disabled, ended, failure, is_skipped
from pipeline.ways import Plan, Ways
from schemas.closed_event import changes, closed
from schemas.decoding import Decoded
from schemas.event import Dropped, Event, Rejected, Verdict
from schemas.event_changes import EventChanges
from schemas.event_columns import EventRow
from schemas.open_event import OpenEvent
from schemas.property_text import Texts

__all__ = ["Transformed", "transformed"]

EVENTS_AT_ONCE = 256
"""Decoded, they fit into the processor's cache; thousands at once cost three times as much an event."""


class Transformed(msgspec.Struct, frozen=True):
    """One verdict per verdict that went in, in the same order; and what every step did."""

    verdicts: Sequence[Verdict]
    tallies: Mapping[str, Tally] = {}


def transformed(verdicts: Sequence[Verdict], rules: TransformRules) -> Transformed:
    """Take every event through its steps. No step makes it raise.

    Raises Overgrown where the events become too large to be held at once: then nothing has come of it.
    """
    if not any(rules.steps.values()):
        return Transformed(verdicts)
    with rules.watch.over(len(verdicts), _size_of(verdicts)):
        ways = Ways(rules, len(verdicts))
        if isinstance(verdicts, Decoded):
            return Transformed(_in_columns(verdicts, ways), ways.tallies)
        return Transformed(_in_turn(verdicts, ways), ways.tallies)


def _size_of(verdicts: Sequence[Verdict]) -> int:
    if isinstance(verdicts, Decoded):
        return int(verdicts.plain.sizes.sum()) + _size_of(list(verdicts.others.values()))
    return sum([len(verdict.properties) for verdict in verdicts if type(verdict) is Event])


def _in_turn(verdicts: Sequence[Verdict], ways: Ways) -> list[Verdict]:
    found = list(verdicts)
    events = [(place, verdict) for place, verdict in enumerate(found) if type(verdict) is Event]
    for start in range(0, len(events), EVENTS_AT_ONCE):
        places, part = zip(*events[start : start + EVENTS_AT_ONCE], strict=True)
        projects, names = [event.project for event in part], [event.event for event in part]
        batch = _Batch(projects, names, ways, [""] * len(part), set())
        for (chain, plan), indices in ways.together(projects, names).items():
            if not plan:
                continue
            batch.enter(chain, plan, 0, indices, [OpenEvent(part[index], chain.reading) for index in indices])
        batch.run()
        for index, after in batch.closed():
            found[places[index]] = after
            if type(after) is Event:
                ways.grown(len(after.properties) - len(part[index].properties))
    return found


def _in_columns(decoded: Decoded, ways: Ways) -> Decoded:
    """The same, where most events stay in their columns."""
    columns = decoded.plain
    new = EventChanges(columns)
    people = frozenset[int]().union(columns.set, columns.set_once, columns.unset)
    over: dict[int, Verdict] = {}
    for start in range(0, len(columns), EVENTS_AT_ONCE):
        end = min(start + EVENTS_AT_ONCE, len(columns))
        projects, names = columns.project[start:end].tolist(), columns.event[start:end]
        short = ShortWay(columns, start, columns.texts(start, end, new.ends), people, ways)
        batch = _Batch(projects, names, ways, short.applied, short.guarded)
        for (chain, plan), indices in ways.together(projects, names).items():
            for leaving in short.through(chain, plan, indices):
                batch.enter(*leaving)
        batch.run()
        new.met(start, batch.applied, batch.failed)
        texts = new.texts(start, end)
        for leaving in short.put(new, texts):
            batch.enter(*leaving)
        for row, verdict in batch.put(new, start, texts):
            over[row] = verdict
        ways.grown(new.take_growth())
    found = dict(zip(decoded.others, _in_turn(list(decoded.others.values()), ways), strict=True))
    places = decoded.places
    columns, left = new.written()
    if left is not None:
        found |= {int(places[row]): verdict for row, verdict in over.items()}
        found = dict(sorted(found.items()))
        places = places[numpy.array(left)]
    return Decoded(places, columns, found)


class _Batch:
    """Events on the long way, by their numbers among some."""

    def __init__(
        self, projects: Sequence[int], names: Sequence[str], ways: Ways, applied: list[str], guarded: set[int]
    ) -> None:
        self._ways, self._rules = ways, ways.rules
        self._projects, self._names = projects, [*names]
        self.applied, self.failed = applied, [""] * len(names)
        """The labels of the steps that each event has met, with spaces between them."""
        self._guarded = guarded
        """Events that a private step was asked about."""
        self._events: dict[int, Event | EventRow] = {}
        self._open: list[OpenEvent | None] = [None] * len(names)
        self._ended: dict[int, Rejected | Dropped] = {}
        self._waiting: dict[tuple[Chain, Plan, int], list[int]] = {}

    def enter(self, chain: Chain, plan: Plan, number: int, indices: Sequence[int], events: Sequence[OpenEvent]) -> None:
        """Events that are to be taken through the steps that are planned, from one of them on."""
        for index, event in zip(indices, events, strict=True):
            self._events[index], self._open[index] = event._of, event
        self._waiting.setdefault((chain, plan, number), []).extend(indices)

    def run(self) -> None:
        """All that have entered through their steps."""
        while self._waiting:
            (chain, plan, position), indices = self._waiting.popitem()
            for index, number in self._through(chain, plan, position, indices):
                ahead = self._ways.ahead(self._projects[index], self._names[index])
                self._waiting.setdefault((*ahead, number), []).append(index)

    def closed(self) -> Iterator[tuple[int, Verdict]]:
        """What has become of those that are not what they were."""
        for index in self._touched():
            event, seen = self._open[index], self._ways.chain(self._projects[index]).seen
            if event is None:
                yield index, self._ended[index]
                continue
            met, anew = (self.applied[index], self.failed[index]), index in self._guarded
            try:
                yield index, closed(event, self._rules.limits, *met, anew=anew, seen=seen)
            except Exception:  # noqa: BLE001 - some step made what cannot go on; which one is found out
                yield index, self._one_by_one(index)

    def put(self, changed: EventChanges, start: int, texts: Texts) -> Iterator[tuple[int, Verdict]]:
        """The same for a part of some columns, which begins at a row: what goes on is put into them."""
        for index in self._touched():
            row = start + index
            event = self._open[index]
            if event is None:
                changed.remove(row)
                yield row, self._ended[index]
                continue
            try:
                seen = self._ways.chain(self._projects[index]).seen
                places, fields = changes(
                    event, self._rules.limits, texts, index, anew=index in self._guarded, seen=seen
                )
            except Exception:  # noqa: BLE001 - as above
                verdict = self._one_by_one(index)
                if type(verdict) is Event:
                    changed.replace(row, verdict)
                else:
                    changed.remove(row)
                    yield row, verdict
            else:
                changed.put(row, places, fields)

    def _touched(self) -> Iterator[int]:
        """Those to look at in the end."""
        for index in self._events:
            if self.applied[index] or self.failed[index] or index in self._guarded or index in self._ended:
                yield index

    def _one_by_one(self, index: int) -> Verdict:
        event = self._events[index]
        whole = event if type(event) is Event else event.whole()  # type: ignore[union-attr]
        return one_by_one(whole, self._ways.chain(whole.project), self._rules, self._ways.tallies)

    def _through(self, chain: Chain, plan: Plan, position: int, indices: list[int]) -> list[tuple[int, int]]:
        """The steps that are planned from a position on, for events that have the same ahead of them; those that get
        another name leave, with the step they go on with."""
        renamed = []
        for number, asks in plan:
            if not indices:
                break
            if number < position or not self._step(chain.steps[number], indices, asks):
                continue
            left = []
            for index in indices:
                found = self._open[index]
                if found is None:
                    continue
                if found.event == self._names[index]:
                    left.append(index)
                else:
                    self._names[index] = found.event
                    renamed.append((index, number + 1))
            indices = left
        return renamed

    def _step(self, step: Step, indices: list[int], asks: bool) -> bool:
        """One step for all these events; whether some of them may have ended, or have another name now."""
        tally = self._ways.tally(step.name)
        tally.asked += len(indices)
        events, applied = self._open, self.applied
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
            assert event is not None
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
            verdict = ended(step, tally, result, self._projects[index])
        except (TypeError, ValueError) as problem:
            self._fail(step, tally, index, problem)
        else:
            self._finish(index, verdict)

    def _fail(self, step: Step, tally: Tally, index: int, problem: BaseException) -> None:
        tally.failed += 1
        if is_skipped(step, problem):
            self.failed[index] = f"{self.failed[index]} {step.label}".lstrip()
        else:
            self._finish(index, failure(step, problem, self._projects[index]))

    def _finish(self, index: int, verdict: Rejected | Dropped) -> None:
        self._ended[index] = verdict
        self._open[index] = None

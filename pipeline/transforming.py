"""The transformations of accept: every event through the steps that apply to it, in their order.

Steps are called for many events in turn: events of one project and name have the same steps ahead of them, so which
these are is asked once, and an event that no step applies to costs a look into a dictionary. An event that some step
renames has other steps ahead of it from there on.

Of the properties no more is read than the steps say they look at (schemas/property_text.py), as far as all of them say.

Whatever a step does to one event stays with that event. If it raises, or returns what is no event, its `on_error`
decides: `skip` lets the event go on as it was, with the step's name in `failed`; `reject` keeps the original.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from pipeline.filters import FilterFailed
from pipeline.steps import Chain, Step, chain_of
from schemas.closed_event import closed
from schemas.event import Dropped, Event, Rejected, RejectionCode, Verdict
from schemas.limits import Limits
from schemas.open_event import OpenEvent
from schemas.property_text import Reading
from schemas.refused import Refused

__all__ = ["Step", "Tally", "Transformed", "TransformRules", "transformed"]

EVENTS_AT_ONCE = 256
"""Decoded, they fit into the processor's cache; thousands at once cost three times as much an event."""
_MESSAGE_CHARS_MAX = 500
"""Of a message that a step gives: it goes into a column that people read."""
_EXCEPTION = "{step} failed: {said}; correct it, or set on_error: skip"
# The text of an exception may hold values of the event: it is not shown.


class Disabled(Exception):
    """The step has cost too much: it fails on every event until the worker starts again."""


class TransformRules(msgspec.Struct, frozen=True):
    """The steps of each project, and what the engine needs to know beside them."""

    steps: Mapping[int, tuple[Step, ...]] = {}
    """By project; under 0, of all other projects."""
    limits: Limits = Limits()
    clock: Callable[[], int] = lambda: 0
    """Nanoseconds of any origin, to tell what a step costs."""
    disabled: Collection[str] = frozenset()
    """Names of steps that have cost too much: they are skipped."""


class Tally(msgspec.Struct):
    """What a step did in a batch."""

    asked: int = 0
    """Events of which its filter was asked, or that it was called for without one."""
    seen: int = 0
    """Events it was called for."""
    changed: int = 0
    failed: int = 0
    dropped: int = 0
    rejected: int = 0
    nanoseconds: int = 0

    def __iadd__(self, other: "Tally") -> "Tally":
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


class Transformed(msgspec.Struct, frozen=True):
    """One verdict per verdict that went in, in the same order; and what every step did."""

    verdicts: Sequence[Verdict]
    tallies: Mapping[str, Tally] = {}


def transformed(verdicts: Sequence[Verdict], rules: TransformRules) -> Transformed:
    """Take every event through its steps. No step makes it raise."""
    if not any(rules.steps.values()):
        return Transformed(verdicts)
    found: list[Verdict] = []
    tallies: dict[str, Tally] = {}
    for start in range(0, len(verdicts), EVENTS_AT_ONCE):
        found += _Batch(verdicts[start : start + EVENTS_AT_ONCE], rules, tallies).run()
    return Transformed(found, tallies)


class _Batch:
    def __init__(self, verdicts: Sequence[Verdict], rules: TransformRules, tallies: dict[str, Tally]) -> None:
        self._rules = rules
        self._verdicts = list(verdicts)
        self._open: list[OpenEvent | None] = [None] * len(verdicts)
        self._applied: dict[int, str] = {}
        """The labels of the steps that changed an event, with spaces between them."""
        self._failed: dict[int, str] = {}
        self._guarded: set[int] = set()
        """Events that a private step was asked about."""
        self._tallies = tallies
        self._chains: dict[int, Chain] = {}

    def run(self) -> list[Verdict]:
        waiting: dict[tuple[int, str, int], list[int]] = defaultdict(list)
        for index, verdict in enumerate(self._verdicts):
            if type(verdict) is Event:
                waiting[verdict.project, verdict.event, 0].append(index)
        while waiting:
            (project, event, position), indices = waiting.popitem()
            for other in self._through(project, event, position, indices):
                waiting[other[:3]].append(other[3])
        self._close()
        return self._verdicts

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
                if found is None or found.event == event:
                    if type(self._verdicts[index]) is Event:
                        left.append(index)
                else:
                    renamed.append((project, found.event, number + 1, index))
            indices = left
        return renamed

    def _step(self, step: Step, reading: Reading, indices: list[int], asks: bool) -> bool:
        """One step for all these events; whether some of them may have ended, or have another name now."""
        tally = self._tallies.setdefault(step.name, Tally())
        tally.asked += len(indices)
        events, verdicts, applied = self._open, self._verdicts, self._applied
        if step.private:
            self._guarded.update(indices)
        call, matches = step.call, step.when.matches if asks and step.when else None
        if step.name in self._rules.disabled:
            call = _disabled
        label, seen, changed, moved = step.label, 0, 0, False
        started = self._rules.clock()
        for index in indices:
            event = events[index]
            if event is None:
                event = events[index] = OpenEvent(verdicts[index], reading)  # type: ignore[arg-type]
            try:
                if matches is not None and not matches(event):
                    continue
                seen += 1
                result = call(event)
            except (Exception, SystemExit) as problem:  # noqa: BLE001 - a plugin's bug costs one event, never the batch
                self._fail(step, tally, index, problem)
                moved = True
                continue
            if result is event:
                continue
            if type(result) is OpenEvent:
                changed += 1
                events[index] = result
                applied[index] = f"{applied[index]} {label}" if index in applied else label
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
            verdict = _ended(step, tally, result, self._verdicts[index].project)
        except (TypeError, ValueError) as problem:
            self._fail(step, tally, index, problem)
        else:
            self._finish(index, verdict)

    def _fail(self, step: Step, tally: Tally, index: int, problem: BaseException) -> None:
        tally.failed += 1
        if step.on_error == "skip":
            failed = self._failed
            failed[index] = f"{failed[index]} {step.label}" if index in failed else step.label
        else:
            self._finish(index, _failure(step, problem, self._verdicts[index].project))

    def _finish(self, index: int, verdict: Rejected | Dropped) -> None:
        self._verdicts[index] = verdict
        self._open[index] = None

    def _close(self) -> None:
        verdicts, limits, applied, failed = self._verdicts, self._rules.limits, self._applied, self._failed
        for index in {*applied, *failed, *self._guarded}:
            event = self._open[index]
            if event is None:
                continue
            guarded, seen = index in self._guarded, self._chains[event._of.project].seen
            try:
                verdicts[index] = closed(
                    event, limits, applied.get(index, ""), failed.get(index, ""), anew=guarded, seen=seen
                )
            except Exception:  # noqa: BLE001 - some step made what cannot go on; which one is found out
                verdicts[index] = self._one_by_one(verdicts[index])  # type: ignore[arg-type]

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
                if step.when is not None and not step.when.matches(current):
                    continue
                result = (_disabled if step.name in self._rules.disabled else step.call)(current)
                if type(result) is not OpenEvent:
                    return _ended(step, tally, result, original.project)
                whole = closed(result, self._rules.limits, anew=anew)
            except (Exception, SystemExit) as problem:  # noqa: BLE001 - as above
                tally.failed += 1
                if step.on_error == "reject":
                    return _failure(step, problem, original.project)
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


def _disabled(event: OpenEvent) -> OpenEvent:
    raise Disabled


def _ended(step: Step, tally: Tally, result: Any, project: int) -> Rejected | Dropped:
    """What became of an event that a step has ended, counted. Raises TypeError or ValueError for what is no answer."""
    if type(result) is Dropped:
        tally.dropped += 1
        return Dropped(step.name, project)
    if type(result) is Rejected:
        message = f"{step.name}: {result.message}"[:_MESSAGE_CHARS_MAX]
        verdict = Rejected(RejectionCode(result.code), message.encode(errors="replace").decode(), project)
        tally.rejected += 1
        return verdict
    raise TypeError("a transformation answered with what is no event, no rejection and nothing dropped")


def _failure(step: Step, problem: BaseException, project: int) -> Rejected:
    said = str(problem) if isinstance(problem, FilterFailed | Refused) else type(problem).__name__
    message = _EXCEPTION.format(step=step.name, said=said)[:_MESSAGE_CHARS_MAX]
    return Rejected(RejectionCode.TRANSFORM_FAILED, message, project)

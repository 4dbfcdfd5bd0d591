"""The steps of a project: transformations as they are configured, which properties they look at, and what they did."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any, Literal

import msgspec

from pipeline.filters import Filter, FilterFailed
from schemas.event import Dropped, Rejected, RejectionCode
from schemas.limits import Limits
from schemas.marks import MARKING
from schemas.open_event import OpenEvent
from schemas.property_text import NOTHING_CHOSEN, Reading, reading_of
from schemas.refused import Refused

__all__ = [
    "MANY",
    "Chain",
    "CutOff",
    "Disabled",
    "Overgrown",
    "Step",
    "Tally",
    "TransformRules",
    "Watch",
    "answer",
    "chain_of",
    "disabled",
    "ended",
    "failure",
    "is_skipped",
]

MANY = 1 << 30
"""Instead of an event's number: one of several calls, it is not known which."""
CHAINS_KEPT = 256
"""Of so many projects it is remembered what their steps look at."""
_MESSAGE_CHARS_MAX = 500
"""Of a message that a step gives: it goes into a column that people read."""
_EXCEPTION = "{step} failed: {said}; correct it, or set on_error: skip"
# The text of an exception may hold values of the event: it is not shown.


class Disabled(Exception):
    """The step has cost too much: it fails on every event until the worker starts again."""


class Overgrown(Exception):
    """Events have become so much larger than they came that fewer of them have to be taken at once."""


class CutOff(BaseException):
    """Raised inside a call that did not return in time. Not an Exception: those are caught by many a plugin."""

    def __str__(self) -> str:
        return "it did not return in time (max_ms_per_call)"


class Watch:
    """Where the engine is: what looks may raise CutOff as long as `call` is not negative. This one never looks."""

    __slots__ = ("begun", "call", "step")

    def __init__(self) -> None:
        self.step = ""
        self.begun = 0
        """Grows with every step and group of events."""
        self.call = -1
        """Which event of the group is in a transformation or its filter, or MANY; negative while none is."""

    def over(self, rows: int, read_bytes: int) -> AbstractContextManager[None]:
        """Around a batch of so many events, with so many bytes of properties."""
        return nullcontext()

    def begin(self, step: str) -> None:
        """The events of a group are about to go through a step."""
        self.step = step
        self.begun += 1


class Step(msgspec.Struct, frozen=True, eq=False):
    """An entry of the configuration, ready to be called."""

    name: str
    """How the entry is called in counts: unique in its list."""
    label: str
    """What provenance records: name@version."""
    call: Callable[[OpenEvent], Any]
    when: Filter | None = None
    on_error: Literal["skip", "reject"] = "skip"
    private: bool = False
    """It keeps something from being stored: what it has looked at is written anew, even where it changed nothing, for
    it has seen only the last of several properties of one name."""

    def applies(self, project: int, event: str) -> bool | None:
        """Whether it applies to events of this name; None where that depends on the event."""
        return True if self.when is None else self.when.by_name(project, event)

    def bound(self) -> Callable[[OpenEvent], Any]:
        """What to call for many events in turn: a method costs half as much as an object that can be called."""
        method = getattr(type(self.call), "__call__", None)  # noqa: B004 - what it is, not whether it is there
        return MethodType(method, self.call) if type(method) is FunctionType else self.call

    def additions(self) -> "Additions | None":
        """How to ask for what it adds, where it can say that (transforms/interface.py); not where a class that was made
        from another has a `__call__` of its own."""
        kinds = type(self.call).__mro__
        own = [kind for kind in kinds if "additions" in vars(kind) or "__call__" in vars(kind)]
        if not own or "additions" not in vars(own[0]):
            return None
        persons = getattr(self.call, "persons", False) is True
        return Additions(self.call.additions, "__call__" not in vars(own[0]), persons)  # type: ignore[attr-defined]

    def names(self) -> tuple[frozenset[str], frozenset[str]] | None:
        """The properties that it asks every event for, and those it asks for now and then; None where it may be any."""
        asked = self.when.properties if self.when else frozenset()
        try:
            reads = self.call.reads()  # type: ignore[attr-defined]
            if asked is None or reads is None:
                return None
            return asked | frozenset(reads), frozenset(self.call.gives())  # type: ignore[attr-defined]
        except Exception:  # noqa: BLE001 - a plugin that does not know this page, or has a bug in it
            return None


class Additions(msgspec.Struct, frozen=True):
    """A step that can be asked for what it adds to properties, and what of an event it may change beside them."""

    ask: Callable[[Mapping[str, Any]], Any]
    alone: bool
    """Nothing."""
    persons: bool
    """`$set` and `$set_once`, each as it does properties; where this is false too, nobody knows."""


class TransformRules(msgspec.Struct, frozen=True):
    """The steps of each project, and what the engine needs to know beside them."""

    steps: Mapping[int, tuple[Step, ...]] = {}
    """By project; under 0, of all other projects."""
    limits: Limits = Limits()
    clock: Callable[[], int] = lambda: 0
    """Nanoseconds of any origin, to tell what a step costs."""
    disabled: Collection[str] = frozenset()
    """Names of steps that have cost too much: they are skipped."""
    growth_max: int | None = None
    """Bytes by which the events of a batch may grow together; None for any."""
    watch: Watch = msgspec.field(default_factory=Watch)


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


class Chain(msgspec.Struct, frozen=True, eq=False):
    """The steps of a project, and what they look at."""

    steps: tuple[Step, ...]
    reading: Reading
    seen: frozenset[str] | None
    """The properties that private steps look at; None where it may be any."""
    additions: tuple[Additions | None, ...]
    """Of each step that needs to know no more than what is read first, what it adds by that; None of the others."""
    filtered: bool
    """Some of the steps do not apply to every event."""


@lru_cache(maxsize=CHAINS_KEPT)
def chain_of(steps: tuple[Step, ...]) -> Chain:
    """What a project's steps look at, remembered."""
    named = [(step, step.names()) for step in steps]
    guarded = [names for step, names in named if step.private]
    seen = None if None in guarded else frozenset().union(*(name for names in guarded if names for name in names))
    reading = NOTHING_CHOSEN
    # Where one looks at every event, and as a whole, to read in part would only come on top.
    if all(names is not None or step.when is not None for step, names in named):
        always = (name for _, names in named if names for name in names[0])
        sometimes = (name for _, names in named if names for name in names[1])
        reading = reading_of([*MARKING, *always], sometimes)
    additions = (step.additions() if names and names[0] <= reading.first else None for step, names in named)
    return Chain(steps, reading, seen, tuple(additions), any(step.when for step in steps))


def disabled(event: OpenEvent) -> OpenEvent:
    """In place of a step that has cost too much. Raises Disabled."""
    raise Disabled


def answer(step: Step, event: OpenEvent, rules: TransformRules) -> Any:
    """What a step says of one event, under the watch; the event where its filter leaves it out."""
    rules.watch.begin(step.name)
    try:
        rules.watch.call = 0
        if step.when is not None and not step.when.matches(event):
            return event
        return (disabled if step.name in rules.disabled else step.call)(event)
    finally:
        rules.watch.call = -1


def ended(step: Step, tally: Tally, result: Any, project: int) -> Rejected | Dropped:
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


def is_skipped(step: Step, problem: BaseException) -> bool:
    """Whether the event goes on without the step. Without one whose fuse has blown it does, whatever its `on_error`:
    all events would be rejected, until somebody starts the worker again."""
    return step.on_error == "skip" or (isinstance(problem, Disabled) and not step.private)


def failure(step: Step, problem: BaseException, project: int) -> Rejected:
    """The verdict on an event on which a step failed that must not fail."""
    said = str(problem) if isinstance(problem, FilterFailed | Refused | CutOff) else type(problem).__name__
    message = _EXCEPTION.format(step=step.name, said=said)[:_MESSAGE_CHARS_MAX]
    return Rejected(RejectionCode.TRANSFORM_FAILED, message, project)

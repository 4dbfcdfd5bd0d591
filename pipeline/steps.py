"""The steps of a project: transformations as they are configured, and which properties they look at."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import msgspec

from pipeline.filters import Filter
from schemas.marks import MARKING
from schemas.open_event import OpenEvent
from schemas.property_text import NOTHING_CHOSEN, Reading, reading_of

__all__ = ["Chain", "Step", "chain_of"]

CHAINS_KEPT = 256
"""Of so many projects it is remembered what their steps look at."""


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


class Chain(msgspec.Struct, frozen=True, eq=False):
    """The steps of a project, and what they look at."""

    steps: tuple[Step, ...]
    reading: Reading
    seen: frozenset[str] | None
    """The properties that private steps look at; None where it may be any."""


@lru_cache(maxsize=CHAINS_KEPT)
def chain_of(steps: tuple[Step, ...]) -> Chain:
    """What a project's steps look at, remembered."""
    named = [(step, step.names()) for step in steps]
    guarded = [names for step, names in named if step.private]
    seen = None if None in guarded else frozenset().union(*(name for names in guarded if names for name in names))
    if any(names is None and step.when is None for step, names in named):
        # It looks at every event, and as a whole: to read in part would only come on top.
        return Chain(steps, NOTHING_CHOSEN, seen)
    always = (name for _, names in named if names for name in names[0])
    sometimes = (name for _, names in named if names for name in names[1])
    return Chain(steps, reading_of([*MARKING, *always], sometimes), seen)

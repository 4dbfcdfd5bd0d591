"""Properties get the names that your reports use."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from schemas.event_parts import Part, others, properties_of, rewritten
from schemas.property_paths import GONE
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["RenameProperties"]


class Config(TransformConfig, frozen=True):
    names: Annotated[dict[str, str], about("From the old name to the new one.", min_length=1)]
    conflict: Annotated[
        Literal["keep", "overwrite"], about("Where the new name is taken: keep both as they are, or the old one wins.")
    ] = "keep"
    parts: Annotated[tuple[Part, ...], about("Where in the event they are renamed.")] = ("properties",)

    def __post_init__(self) -> None:
        for old, new in self.names.items():
            if not old or not new:
                raise ValueError(
                    f"names: {old!r} becomes {new!r}: neither may be empty; to remove, use filter_properties"
                )
            if old == new:
                raise ValueError(f"names: {old!r} becomes itself: remove the entry")


class RenameProperties(Transform[Config]):
    """Give properties other names, so that what two applications call differently is one.

    All names are looked up in the event as it came: `{a: b, b: a}` swaps the two, and `{a: b, b: c}` shifts them.
    Names are taken literally, dots included, and only what stands at the top of a part is renamed. A null is a value.

    Where the new name is taken by a property that is not renamed itself, `conflict` decides: `keep` leaves both as they
    are, so nothing is lost; `overwrite` puts the renamed one in its place. Of two that get the same name, the first in
    the configuration counts with `keep`, the last with `overwrite`. In `$unset`, names are renamed without asking.
    """

    name = "rename_properties"
    Config = Config
    examples = (
        Example(
            says="One name for what two applications send; nothing is lost",
            config={"names": {"userPlan": "plan", "user_plan": "plan"}},
            before={"properties": {"userPlan": "pro", "user_plan": "free"}},
            after={"properties": {"plan": "pro", "user_plan": "free"}},
        ),
        Example(
            says="The renamed one wins, also for the person",
            config={"names": {"mail": "email"}, "conflict": "overwrite", "parts": ["properties", "$set", "$unset"]},
            before={"properties": {"mail": "new@example.com", "email": "old@example.com"}, "$set": {"mail": "m@x.org"}},
            after={"properties": {"email": "new@example.com"}, "$set": {"email": "m@x.org"}},
        ),
    )

    def open(self) -> None:
        self._pairs = tuple(self.config.names.items())
        self._old = frozenset(self.config.names)
        self._names = self._old.union(self.config.names.values())
        self._of_event = "properties" in self.config.parts
        self._others = others(self.config.parts)
        self._keeps = self.config.conflict == "keep"

    def reads(self) -> Collection[str]:
        return self._names

    def __call__(self, event: OpenEvent) -> Result:
        return rewritten(self._properties(event), self._others, self._renamed, self._unset)

    def _properties(self, event: OpenEvent) -> OpenEvent:
        content = event._some(self._names)
        if not self._of_event or self._old.isdisjoint(content):
            return event
        moves = self._moves(content)
        if not moves:
            return event
        found: dict[str, Any] = {old: GONE for old, _ in moves}
        if any(new in found for _, new in moves):
            # A name that one leaves and another gets stands at the end then, as all that are new.
            return event._with_properties(_moved(properties_of(event), moves))
        for old, new in moves:
            found[new] = content[old]
        return event._edited(found)

    def _renamed(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        moves = self._moves(content)
        return _moved(content, moves) if moves else None

    def _moves(self, content: Mapping[str, Any]) -> list[tuple[str, str]]:
        moves = [(old, new) for old, new in self._pairs if old in content]
        return _free(moves, content) if moves and self._keeps else moves

    def _unset(self, name: str) -> str:
        return self.config.names.get(name, name)


def _moved(content: Mapping[str, Any], moves: list[tuple[str, str]]) -> dict[str, Any]:
    result = dict(content)
    for old, _ in moves:
        del result[old]
    for old, new in moves:
        result[new] = content[old]
    return result


def _free(moves: list[tuple[str, str]], content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Those whose new name is not taken. One that stays where it is takes its name, so it may stop others."""
    while True:
        leaving = {old for old, _ in moves}
        taken: set[str] = set()
        free = []
        for old, new in moves:
            if new in taken or (new in content and new not in leaving):
                continue
            taken.add(new)
            free.append((old, new))
        if len(free) == len(moves):
            return free
        moves = free

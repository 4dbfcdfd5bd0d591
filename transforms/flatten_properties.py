"""Objects inside of properties become properties of their own, which every report can use."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Literal

from schemas.event_parts import ValuePart, edited_where_they_stand, others, rewritten
from schemas.property_paths import GONE, Paths, paths_of
from schemas.standing import objects
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["FlattenProperties"]

NAME_CHARS_MAX = 1_000
"""Of a new name. A longer one is no column, and every name inside of an object repeats those around it."""
NAMES_CHARS_MAX = 1_000_000
"""Of all new names in one part: as much as an event may have. A long name around a long list makes a hundredfold."""

NAMES_KEPT = 4_096
"""Of which it is remembered whether they are meant."""
_REMEMBERED_CHARS_MAX = 200


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Only these: names, or patterns such as `user*`. Empty: all.")] = ()
    leave: Annotated[tuple[str, ...], about("Not these; names or patterns. Those of SDKs keep their form.")] = ("$*",)
    separator: Annotated[str, about("What stands between two names.", min_length=1, max_length=4)] = "."
    depth: Annotated[int, about("How many levels are taken apart; deeper ones stay objects.", ge=1, le=64)] = 8
    lists: Annotated[Literal["keep", "index"], about("Keep lists, or make their positions names, from 0 on.")] = "keep"
    conflict: Annotated[
        Literal["keep", "overwrite"],
        about("Where a new name is taken: keep the whole property as it was, or replace what has the name."),
    ] = "keep"
    parts: Annotated[tuple[ValuePart, ...], about("Where in the event they are flattened.")] = ("properties",)

    def __post_init__(self) -> None:
        paths_of((*self.properties, *self.leave))


class FlattenProperties(Transform[Config]):
    """Turn `{"user": {"plan": "pro"}}` into `{"user.plan": "pro"}`, or with another separator into `user_plan`.

    Lists stay as they are, with the objects in them, or with `lists: index` become `items.0.sku`. Objects and lists
    without anything in them stay as values, so that it is still visible that they were sent. A property stays whole in
    which a name would get longer than 1,000 characters, and all do where the new names would take more than 1 MB.

    Two properties may end up with one name (`{"user": {"plan": 1}, "user.plan": 2}`). With `conflict: keep`, the
    property stays an object, with all that is in it; with `overwrite`, what was inside of the object counts.
    """

    name = "flatten_properties"
    Config = Config
    examples = (
        Example(
            says="Names with dots; lists stay",
            before={"properties": {"user": {"plan": "pro", "team": {"size": 3}}, "tags": ["a"], "price": 9}},
            after={"properties": {"user.plan": "pro", "user.team.size": 3, "tags": ["a"], "price": 9}},
        ),
        Example(
            says="Names with underscores, one level, lists as well",
            config={"separator": "_", "depth": 1, "lists": "index"},
            before={"properties": {"cart": {"items": [{"sku": 1}], "total": {"eur": 9}}, "tags": ["a", "b"]}},
            after={
                "properties": {"cart_items": [{"sku": 1}], "cart_total": {"eur": 9}, "tags_0": "a", "tags_1": "b"},
            },
        ),
        Example(
            says="A name that is taken",
            before={"properties": {"user": {"plan": "pro"}, "user.plan": "free"}},
            after={"properties": {"user": {"plan": "pro"}, "user.plan": "free"}},
        ),
    )

    def open(self) -> None:
        config = self.config
        self._only = paths_of(config.properties)
        self._leave = paths_of(config.leave)
        self._kinds: tuple[type, ...] = (dict, list) if config.lists == "index" else (dict,)
        self._keeps = config.conflict == "keep"
        self._known = lru_cache(maxsize=NAMES_KEPT)(self._is_meant)
        self._lists = config.lists == "index"
        self._of_event = "properties" in config.parts
        self._others = others(config.parts)

    def reads(self) -> Collection[str] | None:
        return None if self._lists else ()

    def __call__(self, event: OpenEvent) -> Result:
        if self._of_event and not self._lists:
            found = edited_where_they_stand(event, objects, self._changes, self._certain)
            if found is not None:
                return rewritten(found, self._others, self._flattened) if self._others else found
        return rewritten(event, self.config.parts, self._flattened)

    def _certain(self, text: bytes, name: str) -> bool:
        """Whether no other property has this name, nor one that begins with it."""
        return text.count(b'"%b' % name.encode()) == 1

    def _changes(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """What becomes of objects and lists alone; None where two of the new names are one, or one is taken."""
        found: dict[str, Any] = {}
        room, count = NAMES_CHARS_MAX, 0
        for name, value in content.items():
            if type(value) not in self._kinds or not value or not self._meant(name):
                continue
            pairs: list[tuple[str, Any]] = []
            left = self._take_apart(name, value, self.config.depth, pairs, room)
            if left is None:
                continue
            if left < 0:
                return {}
            room, found[name] = left, GONE
            found.update(pairs)
            count += 1 + len(pairs)
        taken = len(found) < count or any(name in content and value is not GONE for name, value in found.items())
        return None if taken else found

    def _flattened(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        kinds = self._kinds
        found = [name for name, value in content.items() if type(value) in kinds and value and self._meant(name)]
        if not found:
            return None
        taken_apart: dict[str, list[tuple[str, Any]]] = {}
        room = NAMES_CHARS_MAX
        for name in found:
            pairs: list[tuple[str, Any]] = []
            left = self._take_apart(name, content[name], self.config.depth, pairs, room)
            if left is None:
                continue
            if left < 0:
                # Not only this one: when the event came again without the others, it would be taken apart.
                return None
            room = left
            taken_apart[name] = pairs
        whole = dict(content)
        for name, pairs in taken_apart.items():
            if self._keeps and _conflicts(name, pairs, whole):
                continue
            if name in whole and whole[name] is content[name]:
                del whole[name]
            whole.update(pairs)
        return None if whole == content else whole

    def _meant(self, name: str) -> bool:
        return self._known(name) if len(name) <= _REMEMBERED_CHARS_MAX else self._is_meant(name)

    def _is_meant(self, name: str) -> bool:
        return (not self.config.properties or _names(self._only, name)) and not _names(self._leave, name)

    def _take_apart(self, name: str, value: Any, depth: int, pairs: list[tuple[str, Any]], room: int) -> int | None:
        """`value` has something in it and may be taken apart. What is left of the room, below 0 where it is too
        little; None where a name is too long."""
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for inner, content in items:
            path = f"{name}{self.config.separator}{inner}"
            if len(path) > NAME_CHARS_MAX:
                return None
            if depth > 1 and content and type(content) in self._kinds:
                left = self._take_apart(path, content, depth - 1, pairs, room)
                if left is None:
                    return None
                room = left
            else:
                room -= len(path)
                pairs.append((path, content))
            if room < 0:
                return room
        return room


def _conflicts(name: str, pairs: list[tuple[str, Any]], whole: Mapping[str, Any]) -> bool:
    names = {path for path, _ in pairs}
    return len(names) < len(pairs) or any(path in whole and path != name for path in names)


def _names(paths: Paths, name: str) -> bool:
    found = paths.below(name)
    return found is not None and found.ends

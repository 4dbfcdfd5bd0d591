"""Which properties a configuration means: by name, by a path into objects and lists, by a pattern.

`email` is the property of that name. `user.email` is the email in the object `user`; a list on the way stands for each
of its items, and `users.0.email` for the first alone. `*` stands for any characters of a name: `utm_*`, `user.*`.
A name may have dots itself, so `user.email` also finds the property that is spelled so.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from schemas.wildcards import wildcard_expression

__all__ = ["GONE", "Paths", "changed", "kept", "new_values", "paths_of", "replaced", "updated"]

GONE: Final = object()
"""What a change answers where the value has to go."""
SEGMENTS_MAX = 8
"""Of one path. Each has 2**(segments - 1) spellings with dots in its names, and nobody writes longer ones."""
NAMES_KEPT = 4_096
"""Names whose match with the patterns is remembered, in each place: senders use the same few hundred."""
_REMEMBERED_CHARS_MAX = 2_048
"""Of a name: senders choose them, and thousands of megabytes must not pile up."""
_Rest = tuple[str, ...]


class Paths:
    """What is left of some paths at one place: at the properties, or somewhere inside."""

    __slots__ = ("_exact", "_patterns", "_remembered", "ends", "item", "names", "rests", "tops")

    def __init__(self, rests: frozenset[_Rest]) -> None:
        self.rests = rests
        self.ends = () in rests
        """A path leads exactly here."""
        firsts = {rest[0] for rest in rests if rest}
        patterns = {first for first in firsts if "*" in first}
        self._patterns = [(_matcher(first), first) for first in sorted(patterns)]
        self._exact = firsts - patterns
        self.tops = None if patterns else frozenset(firsts)
        """The names that they begin with; None where these may be any."""
        self.names = None if any(len(rest) > 1 for rest in rests) else self.tops
        """What they mean where each is a single name; None where they may lead anywhere."""
        self._remembered = lru_cache(maxsize=NAMES_KEPT)(self._below)
        self.item = lru_cache(maxsize=NAMES_KEPT)(self._item)
        """The paths for an item of a list that stands here."""

    def found(self, content: Mapping[str, Any]) -> list[str]:
        """The names in an object that some path goes through."""
        if self._patterns:
            known, below = self._remembered, self._below
            return [
                name
                for name in content
                if (known(name) if len(name) <= _REMEMBERED_CHARS_MAX else below(name)) is not None
            ]
        return [name for name in self._exact if name in content]

    def below(self, name: str) -> "Paths | None":
        """The paths one name further; None where none of them leads there."""
        return self._remembered(name) if len(name) <= _REMEMBERED_CHARS_MAX else self._below(name)

    def _below(self, name: str) -> "Paths | None":
        firsts = {first for matches, first in self._patterns if matches(name)}
        if name in self._exact:
            firsts.add(name)
        if not firsts:
            return None
        return _shared(frozenset(rest[1:] for rest in self.rests if rest and rest[0] in firsts))

    def _item(self, number: int) -> "Paths":
        below = self._below(str(number))
        return self if below is None else _shared(self.rests | below.rests)


def paths_of(texts: Iterable[str]) -> Paths:
    """The paths as they are written. Raises ValueError for an empty one, and for one with too many dots."""
    rests: set[_Rest] = set()
    for text in texts:
        if not text:
            raise ValueError("a property's name is empty: name a property, or remove the entry")
        segments = text.split(".")
        if not all(segments):
            rests.add((text,))
            continue
        if len(segments) > SEGMENTS_MAX:
            raise ValueError(f"{text!r} has {len(segments)} parts, the limit is {SEGMENTS_MAX}: name what stands above")
        rests.update(_spellings(segments))
    return Paths(frozenset(rests))


def changed(content: Mapping[str, Any], paths: Paths, change: Callable[[Any], Any]) -> dict[str, Any] | None:
    """The content with every meant value replaced by what `change` makes of it, GONE to remove it.

    None where nothing changes: `change` says so by answering the value it got.
    """
    return replaced(content, new_values(content, paths, change))


def new_values(content: Mapping[str, Any], paths: Paths, change: Callable[[Any], Any]) -> dict[str, Any]:
    """What changes of it, by the names at its top: the value that each of them has then, GONE to remove it."""
    found: dict[str, Any] = {}
    for name in paths.found(content):
        value, below = content[name], paths.below(name)
        assert below is not None
        new = change(value) if below.ends else _inside(value, below, change)
        if new is not value:
            found[name] = new
    return found


def replaced(content: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The content with other values for these of its names, GONE to remove one; None where there are none."""
    return updated(dict(content), found) if found else None


def updated(content: dict[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """The content itself, with other values for these names, GONE to remove one."""
    for name, new in found.items():
        if new is GONE:
            del content[name]
        else:
            content[name] = new
    return content


def kept(content: Mapping[str, Any], paths: Paths) -> dict[str, Any] | None:
    """The content with nothing but what is meant; None where that is all of it."""
    result: dict[str, Any] = {}
    for name in content if paths._patterns else [name for name in content if name in paths._exact]:
        below = paths.below(name)
        if below is not None:
            value = content[name]
            left = value if below.ends else _left(value, below)
            if left is not GONE:
                result[name] = left
    same = len(result) == len(content) and all(result[name] is content[name] for name in result)
    return None if same else result


def _inside(value: Any, paths: Paths, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        found = changed(value, paths, change)
        return value if found is None else found
    if not isinstance(value, list):
        return value
    items = []
    for number, item in enumerate(value):
        here = paths.item(number)
        new = change(item) if here.ends else _inside(item, here, change)
        if new is not GONE:
            items.append(new)
    same = len(items) == len(value) and all(new is old for new, old in zip(items, value, strict=True))
    return value if same else items


def _left(value: Any, paths: Paths) -> Any:
    """What is meant inside of a value; GONE for nothing."""
    if isinstance(value, dict):
        found = kept(value, paths)
        return value if found is None else found or GONE
    if not isinstance(value, list):
        return GONE
    items = []
    for number, item in enumerate(value):
        here = paths.item(number)
        left = item if here.ends else _left(item, here)
        if left is not GONE:
            items.append(left)
    same = len(items) == len(value) and all(new is old for new, old in zip(items, value, strict=True))
    return value if same else items or GONE


def _spellings(segments: list[str]) -> Iterator[_Rest]:
    """Every way in which dots may belong to names."""
    if not segments:
        yield ()
    for count in range(1, len(segments) + 1):
        first = ".".join(segments[:count])
        for rest in _spellings(segments[count:]):
            yield (first, *rest)


def _matcher(pattern: str) -> Callable[[str], Any]:
    return re.compile(wildcard_expression(pattern), re.DOTALL).fullmatch


_shared = lru_cache(maxsize=NAMES_KEPT)(Paths)
"""The same rests are the same place, however many names lead to it."""

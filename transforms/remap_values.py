"""Values get the words that your reports use."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any

import msgspec

from schemas.canonical_json import canonical
from schemas.event_parts import ValuePart, revalued
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["RemapValues"]

_UNKNOWN = object()


class Config(TransformConfig, frozen=True):
    tables: Annotated[
        dict[str, dict[str, Any]], about("Per property, from the value that comes to the one that stays.", min_length=1)
    ]
    defaults: Annotated[dict[str, Any], about("Per property, what every other value becomes; unnamed: it stays.")] = (
        msgspec.field(default_factory=dict)
    )
    ignore_case: Annotated[bool, about("Whether `PRO` is found under `pro`.")] = False
    parts: Annotated[tuple[ValuePart, ...], about("Where in the event they are remapped.")] = ("properties",)

    def __post_init__(self) -> None:
        for name in self.defaults:
            if name not in self.tables:
                raise ValueError(f"defaults: {name!r} has no table; give it one, if need be an empty one: {{}}")
        for name, table in self.tables.items():
            if self.ignore_case and len({key.casefold() for key in table}) < len(table):
                raise ValueError(f"tables: two values of {name!r} differ only in case: remove one, or ignore_case")


class RemapValues(Transform[Config]):
    """Replace values by others, by a table for each property: codes by words, five spellings by one.

    The new value has the type that the table gives it: `3` is a number, `"3"` a text. The value that comes is found by
    its text, or if it is none by its JSON text: `"1"` in a table stands for the number 1 and for the text 1, `"true"`
    for true, `"null"` for null. Of a list, each item is looked up. Objects have no entry.

    A value without an entry stays, or becomes the default of its property. A property that an event does not have is
    not added. Doing it twice is doing it once only where new values are not found in the table again, and a table
    with a default should name the new values as well.
    """

    name = "remap_values"
    Config = Config
    examples = (
        Example(
            says="Codes to words; the spelling does not matter",
            config={"tables": {"plan": {"p": "pro", "f": "free", "0": None}}, "ignore_case": True},
            before={"properties": {"plan": "P", "price": 0}},
            after={"properties": {"plan": "pro", "price": 0}},
        ),
        Example(
            says="A default, and types as in the table",
            config={"tables": {"level": {"low": 1, "high": 2}, "codes": {"404": "missing"}}, "defaults": {"level": 0}},
            before={"properties": {"level": "extreme", "codes": [404, "404", 500]}},
            after={"properties": {"level": 0, "codes": ["missing", "missing", 500]}},
        ),
    )

    def open(self) -> None:
        config = self.config
        fold = str.casefold if config.ignore_case else str
        self._tables = {
            name: ({fold(key): value for key, value in table.items()}, config.defaults.get(name, _UNKNOWN))
            for name, table in config.tables.items()
        }
        self._fold = str.casefold if config.ignore_case else None

    def reads(self) -> Collection[str]:
        return self._tables

    def __call__(self, event: OpenEvent) -> Result:
        return revalued(event, self.config.parts, self._tables, self._remapped)

    def _remapped(self, name: str, value: Any) -> Any:
        table, default = self._tables[name]
        new = self._items(value, table, default) if type(value) is list else self._new(value, table, default)
        return value if _same(new, value) else new

    def _items(self, values: list[Any], table: Mapping[str, Any], default: Any) -> list[Any]:
        items = [self._new(value, table, default) for value in values]
        return values if all(map(_same, items, values)) else items

    def _new(self, value: Any, table: Mapping[str, Any], default: Any) -> Any:
        if isinstance(value, dict | list):
            new = _UNKNOWN
        else:
            text = value if type(value) is str else canonical(value)
            new = table.get(self._fold(text) if self._fold else text, _UNKNOWN)
        if new is _UNKNOWN:
            new = default
        if new is _UNKNOWN:
            return value
        # A list or an object is handed out to whoever changes the event next.
        return deepcopy(new) if isinstance(new, dict | list) else new


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one type: 1, 1.0 and true are three values."""
    return one is other or (type(one) is type(other) and bool(one == other))

"""Properties without a value take no room and no column."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from schemas.event_parts import ValuePart, edited_where_they_stand, others, rewritten
from schemas.property_paths import GONE, replaced
from schemas.standing import Standing, nulls, objects, only, values
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["RemoveNulls"]


class Config(TransformConfig, frozen=True):
    empty_texts: Annotated[bool, about("Remove texts of no characters or only blanks as well.")] = False
    empty_lists: Annotated[bool, about("Remove lists without items as well.")] = False
    empty_objects: Annotated[bool, about("Remove objects without properties as well.")] = False
    nested: Annotated[bool, about("Look into objects, and into objects in lists.")] = False
    parts: Annotated[tuple[ValuePart, ...], about("Where in the event they are removed.")] = ("properties",)


class RemoveNulls(Transform[Config]):
    """Remove properties whose value is null, and if you wish those that are empty.

    0 and false are values and stay. With `nested`, objects are cleaned from the inside out: one that becomes empty is
    removed if `empty_objects` says so. Items of a list stay where they are, nulls among them: their place may mean
    something. Only the objects among them are cleaned.

    Person properties are left alone unless you list `$set` or `$set_once`: a null there may be meant to replace
    a value.
    """

    name = "remove_nulls"
    Config = Config
    examples = (
        Example(
            says="Nulls only",
            before={"properties": {"plan": None, "coupon": "", "price": 0, "user": {"age": None}}},
            after={"properties": {"coupon": "", "price": 0, "user": {"age": None}}},
        ),
        Example(
            says="Everything that says nothing, at any depth",
            config={"nested": True, "empty_texts": True, "empty_lists": True, "empty_objects": True},
            before={"properties": {"coupon": " ", "user": {"age": None, "tags": []}, "items": [{"sku": None}, None]}},
            after={"properties": {"items": [{}, None]}},
        ),
    )

    def open(self) -> None:
        config = self.config
        empty = ((str, config.empty_texts), (list, config.empty_lists), (dict, config.empty_objects))
        self._empty = frozenset(kind for kind, wanted in empty if wanted)
        self._inner = frozenset((dict, list)) if config.nested else frozenset()
        self._looked_at = frozenset((type(None),)) | self._empty | self._inner
        forms = [b"null"]
        if config.empty_texts:
            forms.append(rb'"[ \x80-\xff]*"')
        if config.empty_lists:
            forms.append(rb"\[[ \t\r\n]*\]")
        self._form = re.compile(rb":[ \t\r\n]*(%b)" % b"|".join(forms))
        self._standing = self._found if self._empty or self._inner else nulls
        self._left_out = self._emptied if self._empty or self._inner else _gone
        self._of_event = "properties" in config.parts
        self._others = others(config.parts)

    def reads(self) -> Collection[str]:
        return ()

    def __call__(self, event: OpenEvent) -> Result:
        if self._of_event:
            found = edited_where_they_stand(event, self._standing, self._left_out, only)
            if found is None:
                return rewritten(event, self.config.parts, self._cleaned)
            event = found
        return rewritten(event, self._others, self._cleaned) if self._others else event

    def _found(self, text: bytes) -> dict[str, Standing] | None:
        around = objects(text)
        found = None if around is None else values(text, self._form, around)
        if found is None or around is None or not found.keys().isdisjoint(around):
            return None
        return found | around

    def _cleaned(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        """The content without what is empty; None where nothing is."""
        return replaced(content, self._emptied(content))

    def _emptied(self, content: Mapping[str, Any]) -> dict[str, Any]:
        looked_at, left = self._looked_at, self._left
        return {
            name: new
            for name, value in content.items()
            if type(value) in looked_at and (new := left(value)) is not value
        }

    def _left(self, value: Any) -> Any:
        if value is None:
            return GONE
        kind = type(value)
        if kind in self._inner:
            value = self._inside(value)
        if kind in self._empty and not (value.strip() if kind is str else value):
            return GONE
        return value

    def _inside(self, value: Any) -> Any:
        """An object or a list, clean inside; itself where it was."""
        if isinstance(value, dict):
            found = self._cleaned(value)
            return value if found is None else found
        items = [self._inside(item) if isinstance(item, dict | list) else item for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items


def _gone(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: GONE for name, value in content.items() if value is None}

"""Turns plain values into the settings' structs and says of every key what is wrong with it, not only of the first."""

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

__all__ = ["Complain", "converted", "choices_of", "is_section", "item_section"]

Complain = Callable[[tuple[str, ...], str], None]
"""Called with the path of a key and what is wrong there."""


def converted(value: Any, kind: Any, path: tuple[str, ...], complain: Complain) -> Any:
    """The value as the type wants it; whatever is wrong is complained of and the answer is then of no use."""
    if is_section(kind) and (value is None or isinstance(value, dict)):
        return _section(value or {}, kind, path, complain)
    item = item_section(kind)
    if item is not None and isinstance(value, list):
        return [converted(found, item, (*path, str(index)), complain) for index, found in enumerate(value)]
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as problem:
        complain(path, _remedied(str(problem), value, kind))
        return None


def _section(content: dict[str, Any], kind: Any, path: tuple[str, ...], complain: Complain) -> Any:
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    values = {}
    wrong: list[str] = []

    def noted(place: tuple[str, ...], said: str) -> None:
        wrong.append(said)
        complain(place, said)

    for key, value in content.items():
        if key in known:
            values[key] = converted(value, known[key].type, (*path, key), noted)
            continue
        close = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else "docs/configuration.md lists them"
        noted((*path, key), f"{key!r} is not a setting; {hint}")
    missing = [name for name, field in known.items() if field.required and name not in values]
    if missing:
        noted(path, f"{', '.join(missing)} must be given")
    if wrong:
        return None  # Its own check would see values that are none.
    try:
        return kind(**values)
    except ValueError as problem:
        complain(path, str(problem))
        return None


def _remedied(said: str, value: Any, kind: Any) -> str:
    """The library's message, with the choices or the remedy where it does not name them."""
    choices = choices_of(kind)
    if choices:
        return f"{value!r} is not one of {', '.join(repr(choice) for choice in choices)}"
    if said.startswith("Expected `str`, got") and isinstance(value, int | float):
        return f"{said}; put it in quotes"
    return said.partition(" - at ")[0]


def is_section(kind: Any) -> bool:
    """Whether a type is a struct of further settings."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def item_section(kind: Any) -> Any:
    """The struct that a list holds, if it is a list of structs."""
    inner = get_args(kind)
    return inner[0] if get_origin(kind) is list and is_section(inner[0]) else None


def choices_of(kind: Any) -> tuple[Any, ...]:
    """The values a setting may have, if they are a closed list."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_args(kind) if get_origin(kind) is Literal else ()

"""JSON Schemas of events, ready to check with, and messages about what they refuse that tell nothing of the values."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import jsonschema_rs
import msgspec

__all__ = ["Plan", "compiled_plans"]

BACKTRACK_LIMIT = 100_000
"""Steps that a pattern with lookaround may take on one text, some milliseconds: events must not stop a worker."""
_NAME_CHARS_MAX = 60
"""Of a name in a message: senders choose the names of properties, and messages are columns that people read."""
_NAMES_SHOWN = 3


class Plan(msgspec.Struct, frozen=True):
    """One schema, ready."""

    validator: Any
    named: frozenset[str]
    """Names that begin with $ and stand in it."""
    names: frozenset[str]
    """All names that stand in it, and may stand in messages."""
    closed: bool
    """Properties that it does not name may matter."""
    matter: frozenset[str]
    """All names that it says anything about, where it is not closed."""

    def errors(self, content: dict[str, Any], most: int) -> list[str]:
        """What is wrong, nothing if it is as planned. In alphabetical order: the same content says the same."""
        try:
            if _has_raw(content.values()):
                content = _known(content)
            if self.validator.is_valid(content):
                return []
            found = {
                message for error in self.validator.iter_errors(content) for message in _messages(error, self.names)
            }
        except (ValueError, ArithmeticError):
            # Of a number that not even decimals can hold, as well.
            found = set()
        return sorted(found)[:most] or ["event: cannot be checked"]


def compiled_plans(schemas: Any, formats: bool) -> dict[str, Plan]:
    """Every schema, ready. Raises ValueError with the name of the first that is none."""
    if not isinstance(schemas, dict):
        raise ValueError("schemas are an object from event names to schemas")
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT)
    plans: dict[str, Plan] = {}
    for event, schema in schemas.items():
        try:
            if not isinstance(schema, dict | bool):
                raise ValueError("a schema is an object, true or false")
            validator = jsonschema_rs.validator_for(
                schema, validate_formats=formats, offline=True, pattern_options=options
            )
        except (ValueError, jsonschema_rs.ReferencingError) as problem:
            said = str(problem).split("\n", 1)[0]
            raise ValueError(f"the schema of {event!r} is wrong: {said}") from problem
        rules = list(_rules(schema))
        named = {name for rule, said in rules if rule in _NAMING and isinstance(said, dict | list) for name in said}
        names = frozenset(name for name in named if isinstance(name, str))
        dollars = frozenset(name for name in names if name.startswith("$"))
        closed = any(_closes(rule, said) for rule, said in rules)
        plans[event] = Plan(validator, dollars, names, closed, names | _depended_on(rules))
    return plans


def _rules(schema: Any) -> Iterator[tuple[str, Any]]:
    """Everything in a schema that may be a rule, at any depth, with what it says."""
    if isinstance(schema, list):
        for item in schema:
            yield from _rules(item)
    elif isinstance(schema, dict):
        for rule, said in schema.items():
            yield rule, said
            yield from _rules(said)


def _depended_on(rules: list[tuple[str, Any]]) -> frozenset[str]:
    """Names that others require beside them: `{"card": ["address"]}`."""
    lists = [said.values() for rule, said in rules if rule in _DEPENDING and isinstance(said, dict)]
    return frozenset(
        name for said in lists for names in said if isinstance(names, list) for name in names if isinstance(name, str)
    )


_DEPENDING = frozenset(("dependentRequired", "dependencies"))
_NAMING = frozenset(("properties", "required", "dependentRequired", "dependentSchemas", "dependencies"))
_CLOSING = frozenset(
    (
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "$recursiveRef",
        "$dynamicRef",
    )
)


def _closes(rule: str, said: Any) -> bool:
    if rule in ("const", "enum"):
        return any(isinstance(value, dict) for value in (said if isinstance(said, list) else [said]))
    if rule == "$ref":
        return not (isinstance(said, str) and said.startswith("#"))
    return rule in _CLOSING


def _has_raw(values: Iterable[Any]) -> bool:
    """Whether a number of any size is among them, at any depth. The validator would pass over it in silence."""
    for value in values:
        kind = type(value)
        if kind is dict:
            value = value.values()
        elif kind is msgspec.Raw:
            return True
        elif kind is not list:
            continue
        if _has_raw(value):
            return True
    return False


def _known(value: Any) -> Any:
    """The same value for the validator, which knows decimals and not our numbers of any size."""
    if isinstance(value, dict):
        return {name: _known(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_known(content) for content in value]
    return Decimal(bytes(value).decode()) if isinstance(value, msgspec.Raw) else value


def _messages(error: Any, known: frozenset[str]) -> Iterator[str]:
    """What is wrong, by property and rule. Nothing is taken from the values, nor from texts of the validator, which
    repeat them."""
    place = "".join(_step(step, known) for step in error.instance_path).removeprefix(".") or "event"
    rule, details = str(error.kind.name), error.kind.as_dict()
    prefix = "" if place == "event" else f"{place}."
    if rule == "required":
        yield f"{prefix}{_cut(details['property'])}: required"
    elif rule in ("additionalProperties", "unevaluatedProperties"):
        names = sorted(map(str, details.get("unexpected", ())))
        yield from (f"{prefix}{_cut(name)}: is not planned" for name in names[:_NAMES_SHOWN])
        if len(names) > _NAMES_SHOWN:
            yield f"{place}: {len(names) - _NAMES_SHOWN} more are not planned"
    elif rule == "propertyNames":
        # Of an object inside, names that are only to have a form may be anything: ids, addresses.
        wrong = _ANY_NAME if prefix else _cut(str(details["error"].instance))
        yield f"{prefix}{wrong}: propertyNames {details['error'].kind.name}"
    elif rule == "type":
        yield f"{place}: type {' or '.join(sorted(details['types']))}"
    else:
        limit = next((details[name] for name in _LIMITS if name in details), None)
        yield f"{place}: {rule}" if limit is None else f"{place}: {rule} {_cut(str(limit))}"


_LIMITS = ("limit", "multiple_of", "format", "pattern")
"""Details that are from the schema, and short."""


_ANY_NAME = "*"
"""In place of a name that does not stand in the schema: objects may have people's addresses for names."""


def _step(step: str | int, known: frozenset[str]) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{_cut(step) if step in known else _ANY_NAME}"


def _cut(text: str) -> str:
    return text if len(text) <= _NAME_CHARS_MAX else f"{text[: _NAME_CHARS_MAX - 1]}…"

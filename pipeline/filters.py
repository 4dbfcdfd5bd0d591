"""Filters: a condition on an event in CEL, compiled once, and answered without a look inside wherever that suffices.

Most filters ask for the event's name first. What follows from the name and the project alone is found out once per
name; only where that does not decide are properties read, and of these only the ones the filter names.

A property that is missing makes a filter false, as a person would read it: `properties.plan == "pro"` is about events
that have a plan. A comparison of what cannot be compared (a text with a number) fails, and the caller decides.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.open_event import OpenEvent

__all__ = ["Filter", "FilterFailed", "FilterRefused", "OF_AN_EVENT"]

OF_AN_EVENT = ("event", "project", "distinct_id", "timestamp", "received_at", "properties", "set", "set_once")
"""What a filter may speak of before person and session are known."""
FUNCTIONS = frozenset(
    [
        "size",
        "startsWith",
        "endsWith",
        "contains",
        "matches",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "timestamp",
        "duration",
        "type",
        "dyn",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    ]
)
"""The functions there are, beside the macros has, all, exists, exists_one, filter and map."""
NAMES_KEPT = 10_000
"""For how many pairs of a project and an event's name the answer is kept; more are asked again."""
EXPRESSION_CHARS_MAX = 10_000
"""A longer one is no condition that somebody has written."""

_ABSENT = object()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")
_BEYOND_US = re.compile(r'"""|\'\'\'|(?:^|[^\w)\]"\'\s.])\s*\.\s*[A-Za-z_]')
"""Texts over several lines, and names that begin with a point: the parser knows them, our search does not."""
_WHERE = re.compile(r"<input>:(\d+):(\d+): ([^\n]*)")
_MISSING = (KeyError, IndexError)
_NO_ANSWER = "its filter has no answer for this event"
_WHY = {
    TypeError: "its filter compares what cannot be compared, a text with a number for example",
    ZeroDivisionError: "its filter divides by zero",
}


class FilterRefused(Exception):
    """The expression cannot work; the message says what and where."""


class FilterFailed(Exception):
    """The expression has no answer for an event: it compares what cannot be compared."""


class Filter:
    """A compiled condition. Raises FilterRefused for what cannot work, with its place."""

    def __init__(self, expression: str, known: Iterable[str] = OF_AN_EVENT) -> None:
        if len(expression) > EXPRESSION_CHARS_MAX:
            raise FilterRefused(f"a filter may have at most {EXPRESSION_CHARS_MAX} characters")
        self.expression = expression
        self._program = _compiled(expression)
        found = self._program.references()
        bound = set(_BOUND.findall(expression))
        _refuse_unknown(expression, set(found["variables"]) - bound, set(found["functions"]), set(known))
        self._names = sorted(set(found["variables"]) & set(known))
        self.properties = _members("properties", expression)
        """Those it may ask for; None where it may be any."""
        self._by_name: dict[tuple[int, str], bool | None] = {}
        self._try_out()

    def by_name(self, project: int, event: str) -> bool | None:
        """What follows from the name and the project alone; None where that does not decide."""
        key = (project, event)
        try:
            return self._by_name[key]
        except KeyError:
            answer = self._asked({"project": project, "event": event})
        if len(self._by_name) < NAMES_KEPT:
            self._by_name[key] = answer
        return answer

    def matches(self, event: OpenEvent) -> bool:
        """Whether the event meets the condition. Raises FilterFailed."""
        try:
            answer = self._program.execute({name: self._value(name, event) for name in self._names})
        except _MISSING:
            return False
        except Exception as problem:  # noqa: BLE001 - its words may hold values of the event: they are not shown
            raise FilterFailed(_WHY.get(type(problem), _NO_ANSWER)) from None
        if answer is True or answer is False:
            return answer
        raise FilterFailed("the filter's answer is neither true nor false")

    def _asked(self, names: Mapping[str, Any]) -> bool | None:
        try:
            answer = self._program.execute(dict(names))
        except Exception:  # noqa: BLE001 - whatever it lacks, the whole event decides
            return None
        return answer if answer is True or answer is False else None

    def _value(self, name: str, event: OpenEvent) -> Any:
        if name == "properties":
            if self.properties is None:
                return dict(event.properties)
            found = ((key, event.get(key, _ABSENT)) for key in self.properties)
            return {key: value for key, value in found if value is not _ABSENT}
        if name in ("timestamp", "received_at"):
            return _EPOCH + timedelta(microseconds=getattr(event, name))
        value = getattr(event, name)
        return dict(value) if name in ("set", "set_once") else value

    def _try_out(self) -> None:
        """What fails on an event without anything in it, but for what is missing, fails on every event."""
        nothing = {"event": "", "project": 0, "distinct_id": "", "timestamp": _EPOCH, "received_at": _EPOCH}
        try:
            answer = self._program.execute({**nothing, "properties": {}, "set": {}, "set_once": {}})
        except (*_MISSING, ArithmeticError):
            return
        except (TypeError, ValueError, RuntimeError) as problem:
            raise FilterRefused(_first_sentence(problem)) from None
        if answer is not True and answer is not False:
            raise FilterRefused("a filter must be true or false: compare with ==, or ask with has()")


def _compiled(expression: str) -> Any:
    import cel  # here: it brings a command line's libraries, a tenth of a second that only filters are worth

    try:
        return cel.compile(expression)
    except ValueError as problem:
        found = _WHERE.search(str(problem))
        if found is None:
            raise FilterRefused(_first_sentence(problem)) from None
        line, column, said = found.groups()
        raise FilterRefused(f"at line {line}, character {column}: {said}") from None


def _refuse_unknown(expression: str, variables: set[str], functions: set[str], known: set[str]) -> None:
    for name in sorted(variables - known):
        raise FilterRefused(
            f"at character {_place(expression, name)}: {name!r} is not known here; there are {', '.join(sorted(known))}"
        )
    for name in sorted(functions - FUNCTIONS):
        if name[0].isalpha():
            raise FilterRefused(
                f"at character {_place(expression, name)}: there is no function {name!r}; "
                f"there are {', '.join(sorted(FUNCTIONS))}"
            )


def _place(expression: str, name: str) -> int:
    found = re.search(rf"\b{re.escape(name)}\b", _LITERAL.sub(lambda text: " " * len(text[0]), expression))
    return found.start() + 1 if found else 1


def _members(name: str, expression: str) -> frozenset[str] | None:
    """The members an expression may ask a map for; None where it may ask for any."""
    literals: list[str] = []

    def keep(found: re.Match[str]) -> str:
        literals.append(found[0][1:-1])
        return f'"{len(literals) - 1}"'

    bare = _LITERAL.sub(keep, expression)
    if any("\\" in literal for literal in literals) or _BEYOND_US.search(expression) or "//" in bare:
        return None
    members: set[str] = set()
    for found in re.finditer(
        rf'(?:"(\d+)"\s+in\s+)?\b{name}\b(?:\s*\.\s*(\w+)(?!\w|\s*\()|\s*\[\s*"(\d+)"\s*\])?', bare
    ):
        if found.start() and bare[found.start() - 1] == ".":
            continue
        asked, member, index = found.groups()
        if asked is not None:
            members.add(literals[int(asked)])
        if member is not None:
            members.add(member)
        elif index is not None:
            members.add(literals[int(index)])
        elif asked is None:
            return None
    return frozenset(members)


def _first_sentence(problem: Exception) -> str:
    return str(problem).partition("\n")[0].partition(". ")[0][:300]

"""The files of tests/scenarios: what happens, in a few lines, and who is who in the end, written by hand.

An event is `{id: ada}`, a page view, unless it says `identify`, `alias` or `merge` (with the other distinct id) or
`event`. `at` are minutes since the start; without it, events are a minute apart in the order of the list. A line
`{split: ada}` divides the list: in every order, what is above it comes before what is below it. `people` are all the
persons that exist, by the distinct id that theirs is computed from; whoever is not listed there is alone.
"""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tests.laws.people_answers import Answers
from tests.laws.people_histories import History
from tests.reference.identity_reference import Split
from tests.reference.path_reference import Event, Limits, Refused, text_of

__all__ = ["ALL", "FOLDER", "Case", "Scenario", "cases_of", "orders_of", "problem_with", "read"]

FOLDER = Path(__file__).parents[1] / "scenarios"
START = 1_700_000_000_000_000
MINUTE = 60_000_000
DAY_MS = 86_400_000
ORDERS_MAX = 120
CLAIMS = {"identify": "$identify", "alias": "$create_alias", "merge": "$merge_dangerously"}


class Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An event, or a split."""

    id: Any = None
    at: int | None = None
    event: str = "$pageview"
    identify: Any = msgspec.UNSET
    """Null where somebody logs in without an anonymous id."""
    alias: Any = msgspec.UNSET
    merge: Any = msgspec.UNSET
    set: dict[str, Any] = {}
    set_once: dict[str, Any] = {}
    unset: tuple[str, ...] = ()
    session: str = ""
    personless: bool = False
    late_days: float = 0
    """How long after it happened the event was received."""
    historical: bool = False
    split: Any = None


class Person(msgspec.Struct, forbid_unknown_fields=True):
    """What is expected of one; nothing has a default that could hide a mistake."""

    ids: list[Any]
    identified: bool
    properties: dict[str, Any]
    since: int | None = None
    """The minute of its first event, where that matters."""


class Warned(msgspec.Struct, forbid_unknown_fields=True):
    """A claim that is refused: the number of its line, from 1, and the rule."""

    line: int
    rule: str


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    max_distinct_ids: int = 1_000
    too_common: int = 10_000


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    events: list[Line]
    people: dict[Any, Person]
    warnings: list[Warned] = []
    """Everything that is warned of in the order given."""
    each: list[Any] = msgspec.field(default_factory=lambda: [None])
    """The scenario holds for each of these in place of EACH."""
    elsewhere: list[Line] = []
    """What happens in another project, where only `people_elsewhere` are."""
    people_elsewhere: dict[Any, Person] = {}
    limits: Rules = msgspec.field(default_factory=Rules)


class Case(msgspec.Struct, frozen=True):
    """What happens in one project, and what must come of it."""

    history: History
    people: dict[str, Person]
    warnings: frozenset[Refused]
    limits: Limits


def read(file: Path) -> list[Scenario]:
    """Raises msgspec.ValidationError for a word that no scenario has."""
    return msgspec.convert(yaml.safe_load(file.read_text()), list[Scenario])


ALL = {f"{file.stem}: {scenario.name}": scenario for file in sorted(FOLDER.glob("*.yaml")) for scenario in read(file)}


def cases_of(scenario: Scenario) -> Iterator[Case]:
    """One for each project, and each value of `each`."""
    for value in scenario.each:
        yield _case(scenario, scenario.events, scenario.people, scenario.warnings, value)
        if scenario.elsewhere:
            yield _case(scenario, scenario.elsewhere, scenario.people_elsewhere, [], value)


def orders_of(history: History) -> list[History]:
    """As given; and every other order where there are few, else as many as there are few."""
    found = []
    for events in _some_orders(history.events):
        found += [History(events, history.splits, after) for after in _some_orders(history.after)]
    step = -(-len(found) // ORDERS_MAX)
    return found[::step]


def problem_with(case: Case, found: Answers, in_order: bool) -> str:
    """How the answer differs from what is written; empty if it does not."""
    expected = {person: _shown(one) for person, one in case.people.items()}
    actual = {name: (one.distinct_ids, one.identified, one.properties) for name, one in found.final.persons.items()}
    if actual != expected:
        return f"people: {actual} instead of {expected}"
    mapping = {text_of(name): (person, one.identified) for person, one in case.people.items() for name in one.ids}
    mapping = {name: person for name, person in mapping.items() if person != (name, False)}
    if found.final.mapping != mapping:
        return f"mapping: {found.final.mapping} instead of {mapping}"
    for person, one in case.people.items():
        since = (found.final.persons[person].created_at - START) // MINUTE
        if one.since not in (None, since):
            return f"{person} is there since {since}, not {one.since}"
    if in_order and found.warned != case.warnings:
        return f"warnings: {found.warned} instead of {set(case.warnings)}"
    return ""


def _shown(person: Person) -> tuple[tuple[str, ...], bool, dict[str, Any]]:
    return tuple(sorted(map(text_of, person.ids))), person.identified, person.properties


def _case(scenario: Scenario, lines: list[Line], people: dict[Any, Person], warnings: list[Warned], value: Any) -> Case:
    events = {number: _event(number, line, value) for number, line in enumerate(lines, 1) if line.split is None}
    places = [number for number, line in enumerate(lines, 1) if line.split is not None]
    splits = [Split(str(line.split), _time(number, line)) for number, line in enumerate(lines, 1) if line.split]
    first, last = (places[0], places[-1]) if places else (len(lines) + 1, 0)
    assert len(places) in (0, last - first + 1), "splits stand together"
    history = History(
        [event for number, event in events.items() if number < first],
        splits,
        [event for number, event in events.items() if places and number > last],
    )
    told = {Refused(text_of(events[one.line].distinct_id), one.line, one.rule) for one in warnings}
    limits = Limits(scenario.limits.max_distinct_ids, scenario.limits.too_common)
    return Case(
        history,
        {text_of(_put(name, value)): _whose(one, value) for name, one in people.items()},
        frozenset(told),
        limits,
    )


def _event(number: int, line: Line, value: Any) -> Event:
    event = Event(
        _put(line.id, value),
        number,
        _time(number, line),
        line.event,
        set=line.set,
        set_once=line.set_once,
        unset=line.unset,
        session=line.session,
        personless=line.personless,
        late_ms=round(line.late_days * DAY_MS),
        historical=line.historical,
    )
    for word, name in CLAIMS.items():
        other = getattr(line, word)
        if other is not msgspec.UNSET:
            event = event._replace(name=name, other=_put(other, value))
    return event


def _time(number: int, line: Line) -> int:
    return START + (number if line.at is None else line.at) * MINUTE


def _put(name: Any, value: Any) -> Any:
    return value if name == "EACH" else name


def _whose(person: Person, value: Any) -> Person:
    return msgspec.structs.replace(person, ids=[_put(name, value) for name in person.ids])


def _some_orders(events: Any) -> list[list[Event]]:
    """All orders of up to five; of more, evenly chosen ones."""
    every = permutations(events)
    count = 1
    for number in range(2, len(events) + 1):
        count *= number
    step = max(1, count // ORDERS_MAX)
    return [list(order) for place, order in enumerate(every) if place % step == 0][: ORDERS_MAX + 1]

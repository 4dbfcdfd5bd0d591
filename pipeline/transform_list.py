"""From the configuration's lists of transformations to steps that can be called."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from pipeline.conversion import converted
from pipeline.filters import Filter, FilterRefused
from pipeline.lookups import LookupTable
from pipeline.outcome import DUPLICATE
from pipeline.plugins import Offered, Offers
from pipeline.settings import Settings, TransformEntry
from pipeline.steps import Step
from schemas.outcomes import ConfigError
from transforms.interface import Transform, TransformConfig

__all__ = ["Opened", "opened_steps", "transform_problems"]

logger = logging.getLogger(__name__)

Finding = tuple[tuple[str, ...], str]
Place = tuple[str, ...]
STEPS_MAX = 200
"""For one event: more is no list that a person keeps in mind."""
RESERVED = frozenset({DUPLICATE})
"""Names under which others count events that they leave out."""


class Opened(msgspec.Struct, frozen=True):
    """All steps, ready, and what has to be looked after while they are called."""

    steps: Mapping[int, tuple[Step, ...]]
    budgets: Mapping[str, int]
    """Microseconds an event may take, by step."""
    limits_ms: Mapping[str, int]
    """Milliseconds a call may take, by step."""
    private: frozenset[str]
    """Steps that protect privacy: without them nothing may pass."""
    tables: list[LookupTable]
    transforms: dict[str, Transform[Any]]
    """By step, in the order of the configuration."""

    def close(self) -> None:
        """After the last event, each in its turn; one that fails at it is told of and leaves the others theirs."""
        for name, transform in self.transforms.items():
            try:
                transform.close()
            except (Exception, SystemExit) as problem:  # noqa: BLE001 - a plugin's may raise anything
                # Its text may hold values of events.
                logger.warning("the transformation %s did not close: %s", name, type(problem).__name__)


def transform_problems(settings: Settings) -> Iterator[Finding]:
    """Everything in the lists that cannot work, as far as that shows without opening anything."""
    try:
        offers = Offers(settings.plugins)
    except ConfigError as problem:
        yield ("plugins",), problem.message
        return
    names: set[str] = set()
    yield from _list_problems(offers, ("transforms",), settings.transforms, names)
    for number, project in enumerate(settings.projects):
        place = ("projects", str(number), "transforms")
        yield from _list_problems(offers, place, project.transforms, names)
        count = len(settings.transforms) + len(project.transforms)
        if project.transforms and count > STEPS_MAX:
            yield place, f"with those of all projects there are {count} transformations, the limit is {STEPS_MAX}"


def _list_problems(offers: Offers, place: Place, entries: list[TransformEntry], names: set[str]) -> Iterator[Finding]:
    """`names` are those of all lists before, as counts, budgets and fuses go by the name alone; these are added."""
    for index, entry in enumerate(entries):
        here = (*place, str(index))
        yield from _entry_problems(offers, here, entry)
        if _name(entry) in names:
            yield here, f"{_name(entry)!r} is used twice, in this list or another's: give one of the two a `name`"
        if _name(entry) in RESERVED:
            yield here, f"{_name(entry)!r} stands for events that were sent twice: give it another `name`"
        names.add(_name(entry))
    if len(entries) > STEPS_MAX:
        yield place, f"there are {len(entries)} transformations, the limit is {STEPS_MAX}"


def opened_steps(settings: Settings, folder: Path) -> Opened:
    """Import, configure and open every transformation that is used.

    Raises ConfigError, whose place is that of the entry: `transforms.2`, `projects.0.transforms.1`.
    """
    offers = Offers(settings.plugins)
    opened = Opened({}, {}, {}, frozenset(), [], {})
    steps: dict[int, tuple[Step, ...]] = {}
    budgets: dict[str, int] = {}
    limits_ms: dict[str, int] = {}
    private: set[str] = set()

    def ready(entry: TransformEntry) -> Step:
        offered, config = _configured(offers, entry)
        tables = {name: LookupTable(source, folder) for name, source in offered.kind.sources(config).items()}
        transform = offered.kind(config, tables)
        opened.tables.extend(tables.values())
        opened.transforms[_name(entry)] = transform
        budgets[_name(entry)], limits_ms[_name(entry)] = entry.max_us_per_event, entry.max_ms_per_call
        if offered.kind.privacy:
            private.add(_name(entry))
        return _step(entry, offered, transform)

    def all_ready(place: str, entries: list[TransformEntry]) -> Iterator[Step]:
        for index, entry in enumerate(entries):
            try:
                yield ready(entry)
            except Exception as problem:
                raise ConfigError(f"{_name(entry)}: {_reason(problem)}", f"{place}.{index}") from problem

    of_all = tuple(all_ready("transforms", settings.transforms))
    steps[0] = of_all
    for number, project in enumerate(settings.projects):
        if project.transforms:
            steps[project.id] = of_all + tuple(all_ready(f"projects.{number}.transforms", project.transforms))
    return Opened(steps, budgets, limits_ms, frozenset(private), opened.tables, opened.transforms)


def _step(entry: TransformEntry, offered: Offered, call: Callable[[Any], Any]) -> Step:
    on_error: Literal["skip", "reject"] = "reject" if offered.kind.privacy or entry.on_error == "reject" else "skip"
    when = Filter(entry.when) if entry.when else None
    return Step(
        name=_name(entry),
        label=offered.label,
        call=call,
        when=when,
        on_error=on_error,
        private=offered.kind.privacy,
    )


def _reason(problem: Exception) -> str:
    """What an author said, or what a plugin ran into: any exception at all."""
    if isinstance(problem, ConfigError):
        return problem.message
    return str(problem) if isinstance(problem, ValueError) else f"it cannot be opened: {problem!r}"


def _name(entry: TransformEntry) -> str:
    return entry.name or entry.use


def _configured(offers: Offers, entry: TransformEntry) -> tuple[Offered, TransformConfig]:
    problems: list[str] = []
    offered = offers.find(entry.use)
    if offered is None:
        raise ConfigError(f"there is no transformation {entry.use!r}")
    config = converted(entry.config, offered.kind.Config, (), lambda path, said: problems.append(said))
    if problems:
        raise ConfigError(problems[0])
    return offered, config


def _entry_problems(offers: Offers, place: Place, entry: TransformEntry) -> Iterator[Finding]:
    try:
        offered = offers.find(entry.use)
    except ConfigError as problem:
        yield (*place, "use"), problem.message
        return
    if offered is None:
        yield (*place, "use"), f"there is no transformation {entry.use!r}; `headrace transform list` names them"
        return
    found: list[Finding] = []
    try:
        converted(entry.config, offered.kind.Config, (*place, "config"), lambda path, said: found.append((path, said)))
    except Exception as problem:  # noqa: BLE001 - a plugin's own check may raise anything
        found.append(((*place, "config"), f"it cannot be checked: {problem!r}"))
    yield from ((path, f"{'.'.join(path[len(place) :])}: {said}") for path, said in found)
    if offered.kind.privacy and entry.on_error == "skip":
        yield (
            (*place, "on_error"),
            f"{entry.use} protects privacy: where it fails, events are rejected; remove on_error",
        )
    if entry.when:
        try:
            Filter(entry.when)
        except FilterRefused as problem:
            yield (*place, "when"), f"when: {problem}"

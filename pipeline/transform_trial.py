"""Trying transformations out: which steps are meant, and what they make of recorded events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pipeline.cut_off import guarded
from pipeline.plugins import Offers
from pipeline.registry import Registry
from pipeline.settings import Settings, TransformEntry
from pipeline.transform_diff import Side
from pipeline.transform_list import opened_steps, transform_problems
from pipeline.transforming import transformed
from schemas.decoding import DecodeContext
from schemas.event import Event, Verdict
from schemas.json_text import parsed
from schemas.outcomes import ConfigError
from schemas.record import RawBatch

__all__ = ["as_shown", "only", "side_of", "trials"]


def only(settings: Settings, which: str, config: dict[str, Any]) -> Settings:
    """The settings with one transformation alone: of this name, or all that a file defines. Raises ConfigError."""
    plugins, names = settings.plugins, [which]
    if which.endswith(".py"):
        plugins = [*(file for file in plugins if not _is_same(file, which)), which]
        names = Offers(plugins).names_of(which)
    entries = [TransformEntry(use=name, config=config) for name in names]
    chosen = msgspec.structs.replace(
        settings,
        plugins=plugins,
        transforms=entries,
        projects=[msgspec.structs.replace(project, transforms=[]) for project in settings.projects],
    )
    for path, said in transform_problems(chosen):
        raise ConfigError(f"{path[-1]}: {said}")
    return chosen


def side_of(settings: Settings, folder: Path) -> Side:
    """How a configuration decodes and transforms, with the registry it names. Raises ConfigError."""
    registry = Registry(settings.registry)
    decoding = DecodeContext(projects=settings.tokens, limits=settings.limits, avro=registry.known)
    transforms, _ = guarded(opened_steps(settings, folder), settings.limits)

    def provide(batch: RawBatch) -> None:
        registry.fetch(registry.missing(batch.values))

    return Side(decoding, transforms, provide)


def _is_same(file: str, other: str) -> bool:
    return Path(file).resolve() == Path(other).resolve()


def trials(side: Side, batch: RawBatch) -> Iterator[tuple[Verdict, Verdict]]:
    """Each record's event before and after. Raises Retry where the registry does not answer."""
    before = side.decoded(batch)
    yield from zip(before, transformed(before, side.transforms).verdicts, strict=True)


def as_shown(verdict: Verdict) -> dict[str, Any]:
    """An event, a rejection or a drop as people read it."""
    if not isinstance(verdict, Event):
        return {type(verdict).__name__.lower(): msgspec.to_builtins(verdict)}
    shown: dict[str, Any] = {"event": verdict.event, "distinct_id": verdict.distinct_id}
    for name in ("properties", "set", "set_once", "unset"):
        text = getattr(verdict, name)
        if text:
            shown[name if name == "properties" else f"${name}"] = parsed(text)
    for name in ("applied", "failed"):
        if getattr(verdict, name):
            shown[f"$transforms_{name}"] = getattr(verdict, name).split()
    return shown

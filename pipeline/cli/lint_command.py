"""`headrace lint`: is the configuration right?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.output import EXIT_BAD, command, say, show_json
from schemas.outcomes import ConfigError

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["entry"]

DATA_DAYS_MAX = 180
"""Browsers come out monthly, and new bots weekly: after half a year such a list knows little of what is new."""


@command("headrace lint --config headrace.yaml")
def entry(as_json: bool, config: Path | None) -> None:
    """Check the whole configuration without starting anything or asking a broker.

    Everything that is wrong is listed, each with its file and line or its variable. Exit code 1 when there is any.
    What transformations go by is read, and its age told.
    """
    from pipeline.configuration import examine
    from pipeline.configuration_rules import advice

    try:
        settings, problems = examine(config)
    except ConfigError as problem:
        settings, problems = None, [problem]
    if settings is not None:
        problems += _unusable_files(settings)
    hints = advice(settings) if settings is not None else []
    if settings is not None and not problems:
        hints += _opened(settings, problems)
    if as_json:
        show_json(_document(settings, problems, hints))
    else:
        _say(settings, problems, hints)
    if problems:
        raise SystemExit(EXIT_BAD)


def _unusable_files(settings: "Settings") -> list[ConfigError]:
    """Files and folders that the settings name and a worker would stumble over."""
    from pipeline.registry import Registry

    found = []
    certificates = settings.broker.ssl_ca_location
    if certificates and not Path(certificates).is_file():
        found.append(ConfigError(f"the file {certificates} does not exist", "broker.ssl_ca_location"))
    try:
        Registry(settings.registry)
    except ConfigError as problem:
        found.append(problem)
    return found


def _opened(settings: "Settings", problems: list[ConfigError]) -> list[str]:
    """How old the data are that transformations go by; what keeps one from opening becomes a problem."""
    from datetime import UTC, date, datetime

    from pipeline.transform_list import opened_steps

    try:
        opened = opened_steps(settings, Path(settings.store.path) / "lookups")
    except ConfigError as problem:
        problems.append(problem)
        return []
    today = datetime.now(UTC).date()
    found = []
    for transform in opened.transforms.values():
        try:
            ages = [(file, (today - date.fromisoformat(file.made_on)).days) for file in transform.data()]
        except Exception as problem:  # noqa: BLE001 - a plugin may answer anything
            problems.append(ConfigError(f"{transform.name} cannot tell what it goes by: {problem!r}", "transforms"))
            continue
        for file, days in ages:
            old = ": renew it" if days > DATA_DAYS_MAX else ""
            found.append(f"{transform.name} goes by {file.name}, {file.version}, which is {days} days old{old}")
    return found


def _document(settings: "Settings | None", problems: list[ConfigError], hints: list[str]) -> dict[str, Any]:
    told = [{"where": problem.where, "message": problem.message} for problem in problems]
    if settings is None:
        return {"ok": False, "problems": told, "advice": hints}
    return {
        "ok": not problems,
        "problems": told,
        "advice": hints,
        "fingerprint": settings.fingerprint(),
        "projects": len(settings.projects),
        "destinations": [destination.name for destination in settings.destinations],
    }


def _say(settings: "Settings | None", problems: list[ConfigError], hints: list[str]) -> None:
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    for hint in hints:
        say(f"note: {hint}")
    if settings is not None and not problems:
        names = ", ".join(destination.name for destination in settings.destinations)
        say(f"the configuration is right: {len(settings.projects)} projects, destinations: {names}")

"""`headrace topics`: create and list."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import EXIT_BAD, command, say, show_json

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["entry"]


@command("headrace topics create\n  headrace topics list")
@click.argument("action", type=click.Choice(["create", "list"]))
def entry(action: str, as_json: bool, config: Path | None) -> None:
    """Create the topics that are missing, or list all of them with what they carry.

    Exit code 1 when a topic is missing or has another number of partitions than configured: the hops would refuse it.
    """
    from pipeline.configuration import connected

    settings = connected(config)
    problems = _create(settings, as_json) if action == "create" else _list(settings, as_json)
    if problems:
        for problem in problems:
            click.echo(f"Error: {problem}", err=True)
        raise SystemExit(EXIT_BAD)


def _create(settings: "Settings", as_json: bool) -> list[str]:
    from pipeline.topics import catalogue, create_missing, deviations, found_topics

    created = create_missing(settings)
    # A topic may take a moment to be seen; one that was just created is as it should be.
    names = [plan.name for plan in catalogue(settings) if plan.name not in created]
    found = found_topics(settings, names) if names else {}
    problems = [said for said in deviations(settings, found) if said.split()[0] in found]
    if as_json:
        show_json({"created": created, "problems": problems})
    else:
        say("\n".join(f"created {name}" for name in created) or "all exist")
    return problems


def _list(settings: "Settings", as_json: bool) -> list[str]:
    from pipeline.topics import catalogue, deviations, found_topics

    plans = catalogue(settings)
    found = found_topics(settings, [plan.name for plan in plans])
    problems = deviations(settings, found)
    if as_json:
        topics = [
            {
                "topic": plan.name,
                "exists": plan.name in found,
                "partitions": found[plan.name].partitions if plan.name in found else 0,
                "id": found[plan.name].log.hex() if plan.name in found else "",
                "carries": plan.carries,
                "config": plan.config(),
            }
            for plan in plans
        ]
        show_json({"topics": topics, "problems": problems})
        return problems
    width = max(len(plan.name) for plan in plans)
    for plan in plans:
        count = f"{found[plan.name].partitions:>4} partitions" if plan.name in found else "        missing"
        say(f"{plan.name:<{width}}  {count}  {plan.carries}")
    return problems

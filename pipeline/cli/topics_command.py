"""`headrace topics`: create and list."""

from pathlib import Path

import click

from pipeline.cli.output import command, say, show_json

__all__ = ["entry"]


@command("headrace topics create")
@click.argument("action", type=click.Choice(["create", "list"]))
def entry(action: str, as_json: bool, config: Path | None) -> None:
    """Create the topics that are missing, or list all of them with what they carry."""
    from pipeline.configuration import load
    from pipeline.topics import catalogue, create_missing, topic_ids

    settings = load(config)
    if action == "create":
        created = create_missing(settings)
        show_json({"created": created}) if as_json else say(
            "\n".join(f"created {name}" for name in created) or "all exist"
        )
        return
    plans = catalogue(settings)
    ids = topic_ids(settings, [plan.name for plan in plans])
    if as_json:
        show_json(
            [
                {
                    "topic": p.name,
                    "partitions": p.partitions,
                    "id": ids.get(p.name, b"").hex(),
                    "carries": p.carries,
                }
                for p in plans
            ]
        )
        return
    width = max(len(plan.name) for plan in plans)
    for plan in plans:
        state = "" if plan.name in ids else "  (missing: headrace topics create)"
        say(f"{plan.name:<{width}}  {plan.partitions:>4} partitions  {plan.carries}{state}")

"""The command `headrace`: each subcommand is a module of its own, imported only when it is called."""

from importlib import import_module

import click

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "up": "Start everything: broker and ClickHouse where embedded, and all hops, supervised.",
    "down": "Stop what `up --detach` started.",
    "status": "Show processes, positions and lag.",
    "run": "Run one hop, for production.",
    "import": "Import a file of past events.",
    "produce": "Send events from standard input.",
    "tap": "Watch a topic, decoded, live.",
    "sql": "Ask ClickHouse.",
    "session": "Show visits, or work them out again.",
    "person": "Show who somebody is and why, or split a wrong merge.",
    "transform": "List, try out, compare and write transformations.",
    "audit": "Prove that every event is accounted for.",
    "migrate": "Bring the tables up to date.",
    "lint": "Check the configuration.",
    "topics": "Create and list the topics.",
    "demo": "Run everything on a real access log.",
    "bench": "Measure what the path costs.",
}


class _Lazy(click.Group):
    """Lists commands without importing them: help stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"pipeline.cli.{cmd_name}_command")
        found: click.Command = module.entry
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy, epilog="\b\nExample:\n  headrace demo")
@click.version_option(package_name="headrace")
def main() -> None:
    """Customer events from Kafka to ClickHouse, each exactly once, every one accounted for."""


if __name__ == "__main__":
    main()

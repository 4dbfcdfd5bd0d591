"""`headrace migrate`: tables and views."""

from pathlib import Path

import click

from pipeline.cli.output import command, say, show_json

__all__ = ["entry"]


@command("headrace migrate --dry-run")
@click.option("--dry-run", is_flag=True, help="Only say what would be applied.")
def entry(dry_run: bool, as_json: bool, config: Path | None) -> None:
    """Bring ClickHouse's tables and views up to date. Applying it again changes nothing."""
    from destinations.clickhouse.migrate import migrate, pending
    from pipeline.configuration import connected

    settings = connected(config)
    found = pending(settings.clickhouse) if dry_run else migrate(settings.clickhouse)
    names = [f"{migration.version:04} {migration.name}" for migration in found]
    if as_json:
        show_json({"dry_run": dry_run, "migrations": names})
    else:
        verb = "would apply" if dry_run else "applied"
        say("\n".join(f"{verb} {name}" for name in names) or "up to date")

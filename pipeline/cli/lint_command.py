"""`headrace lint`: is the configuration right?"""

from pathlib import Path

from pipeline.cli.output import EXIT_BAD, command, fail, say, show_json
from schemas.outcomes import ConfigError

__all__ = ["entry"]


@command("headrace lint --config headrace.yaml")
def entry(as_json: bool, config: Path | None) -> None:
    """Check the configuration without starting anything. Exit code 1 and the line, when it is wrong."""
    from pipeline.configuration import load

    try:
        settings = load(config)
    except ConfigError as problem:
        if as_json:
            show_json({"ok": False, "where": problem.where, "message": problem.message})
            raise SystemExit(EXIT_BAD) from problem
        fail(str(problem), EXIT_BAD)
    found = {
        "ok": True,
        "fingerprint": settings.fingerprint(),
        "projects": len(settings.projects),
        "destinations": [destination.name for destination in settings.destinations],
    }
    show_json(found) if as_json else say(
        f"the configuration is right: {found['projects']} projects, destinations {found['destinations']}"
    )

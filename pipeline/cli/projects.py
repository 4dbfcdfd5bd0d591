"""Which project a command is about: the one that --project names, or the only one."""

from typing import TYPE_CHECKING

from pipeline.cli.output import EXIT_USAGE, fail

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["known_project", "sole_project"]


def sole_project(settings: "Settings", wanted: int | None) -> int:
    """The project that is meant: the only one, or the one that was named. Ends the command where there is none."""
    if wanted is not None:
        return known_project(settings, wanted)
    if len(settings.projects) != 1:
        fail(f"say which project with --project; configured are: {_names(settings)}", EXIT_USAGE)
    return settings.projects[0].id


def known_project(settings: "Settings", wanted: int) -> int:
    """The project, if it is configured. Ends the command otherwise."""
    if all(project.id != wanted for project in settings.projects):
        fail(f"no project has the id {wanted}; configured are: {_names(settings)}", EXIT_USAGE)
    return wanted


def _names(settings: "Settings") -> str:
    names = [f"{one.id} ({one.name})" if one.name else f"{one.id}" for one in settings.projects]
    return ", ".join(names) or "none"

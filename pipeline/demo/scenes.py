"""The second part of the demonstration on a terminal. Pure."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.demo.people import Played

__all__ = ["scenes"]

SHOWN = 10


def scenes(played: Played, wrong: list[str]) -> RenderableType:
    """A table of the acts with what to look at in each, and the comparison with the batch answer."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("", style="bold", no_wrap=True)
    for name in ("events", "people", "visits"):
        table.add_column(name, justify="right")
    for act in played.acts:
        table.add_row(act.title, f"{act.events:,}", f"{act.people:,}", f"{act.visits:,}")
    parts: list[RenderableType] = [table]
    for act in played.acts:
        parts += [Text(f"{act.title}:", "bold"), *(Text(f"  {line}") for line in act.story)]
        parts += [Text(f"  refused: {line}", "yellow") for line in act.refused]
    if not wrong:
        return Group(*parts, Text("A batch computation over all of it, sorted by time, says the same.", "green"))
    said = [Text(f"other than the batch computation: {line}", "red") for line in wrong[:SHOWN]]
    left = [Text(f"and {len(wrong) - SHOWN} more", "red")] if len(wrong) > SHOWN else []
    return Group(*parts, *said, *left)

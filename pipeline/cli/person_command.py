"""`headrace person`: who somebody is, why, and taking a wrong merge back."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.output import EXIT_BAD, EXIT_TIMEOUT, EXIT_USAGE, command, fail, say, show_json
from pipeline.cli.projects import sole_project

if TYPE_CHECKING:
    from pipeline.person_lookup import IdentityState, SplitPreview
    from pipeline.person_report import ToldPerson, ToldWarning
    from pipeline.settings import Settings

__all__ = ["entry"]

SETTLED_WITHIN_S = 30.0
ANSWER_WITHIN_S = 15.0


@command(
    """headrace person show ada
  headrace person explain ada
  headrace person split anon-1"""
)
@click.argument("action", type=click.Choice(["show", "explain", "split"]))
@click.argument("identifier", metavar="ID")
@click.option("--project", "wanted", type=int, help="The project's id; needed where there are several.")
@click.option("--yes", is_flag=True, help="Split without asking.")
def entry(action: str, identifier: str, wanted: int | None, yes: bool, as_json: bool, config: Path | None) -> None:
    """Show a person, explain why its distinct ids are one person, or split an id off.

    ID is a distinct id, or a person's id, but for `split`. `show` reads ClickHouse: properties, distinct ids, recent
    visits. `explain` reads what identify has decided: every claim that connects the id to others, with its verdict; and
    from ClickHouse the newest 10 warnings, as of claims that connected nothing. `split` shows what would come apart,
    asks, and refuses all claims on the id made so far; a later login merges it again.

    Exit code 1 when nothing is stored about the id of `show`.

    Exit code 4 when identify does not carry out a split within 30 seconds; it is not lost then. Also when there is
    nothing to split yet, while claims wait that identify has not read.
    """
    from pipeline.configuration import connected
    from pipeline.consumer import LogChanged

    if yes and action != "split":
        fail(f"person {action} changes nothing and does not ask: leave out --yes", EXIT_USAGE)
    # As accept reads it: what is no character becomes U+FFFD.
    identifier = identifier.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    settings = connected(config)
    project = sole_project(settings, wanted)
    try:
        if action == "show":
            _show(settings, project, identifier, as_json)
        elif action == "explain":
            _explain(settings, project, identifier, as_json)
        else:
            _split(settings, project, identifier, yes, as_json)
    except LogChanged as problem:
        fail(f"{problem}; start the command again", EXIT_BAD)


def _show(settings: "Settings", project: int, identifier: str, as_json: bool) -> None:
    from destinations.clickhouse.connect import new_client
    from pipeline.person_lookup import profile_of
    from pipeline.person_page import profile_page

    client = new_client(settings.clickhouse)
    try:
        profile = profile_of(client, project, identifier)
    finally:
        client.close()
    unknown = not profile.stored and not profile.visits
    if as_json:
        show_json(profile)
    elif unknown:
        fail(profile.note, EXIT_BAD)
    else:
        _print(profile_page(profile))
    if unknown:
        raise SystemExit(EXIT_BAD)


def _explain(settings: "Settings", project: int, identifier: str, as_json: bool) -> None:
    import msgspec

    from pipeline.person_report import explanation, explanation_tree

    state = _state(settings, project, identifier)
    name = state.distinct_id
    told = explanation(project, name, state.component(), settings.identity, state.common_partners())
    warnings, trouble = _warnings(settings, project, name)
    computed = f"{identifier} is the person id computed from {name}." if name != identifier else ""
    note = " ".join(filter(None, [computed, told.note, trouble]))
    told = msgspec.structs.replace(told, note=note, warnings=warnings, waiting=state.waiting())
    show_json(told) if as_json else _print(explanation_tree(told))


def _warnings(settings: "Settings", project: int, distinct_id: str) -> "tuple[list[ToldWarning], str]":
    """What was refused of the id's events, or why it is not known: what identify has decided needs no ClickHouse."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from destinations.clickhouse.connect import new_client
    from pipeline.person_lookup import warnings_of

    try:
        client = new_client(settings.clickhouse)
        try:
            return warnings_of(client, project, distinct_id), ""
        finally:
            client.close()
    except ClickHouseError:
        return [], "ClickHouse did not tell its ingestion_warnings: see headrace status."


def _split(settings: "Settings", project: int, identifier: str, yes: bool, as_json: bool) -> None:
    from pipeline.person_report import AFTER_A_SPLIT, grouped
    from pipeline.readable import readable
    from pipeline.splitting import split

    if as_json and not yes:
        fail("with --json nobody can be asked: look with headrace person explain, then say --yes", EXIT_USAGE)
    state = _state(settings, project, identifier)
    name = state.distinct_id
    if name != identifier:
        fail(
            f"{readable(identifier)} is the person of '{readable(name)}': name the distinct id to split; headrace "
            "person explain shows them all",
            EXIT_USAGE,
        )
    preview = state.preview(time.time_ns() // 1000)
    if preview is None or not preview.comes_apart:
        _nothing_to_split(settings, state, as_json)
        return
    if not as_json:
        _show_preview(settings, state, preview)
    if not yes:
        if not sys.stdin.isatty():
            fail("there is no terminal to ask on, and nothing was changed: say --yes to split", EXIT_USAGE)
        click.confirm("Split?", abort=True)
    offset = split(settings, project, name, time.time_ns() // 1000)
    _wait_until_settled(state, offset)
    component = state.component()
    assert component is not None, "a split does not remove its id"
    people = grouped(component, name)
    if as_json:
        place = {"topic": state.claims_topic, "partition": state.partition, "offset": offset}
        told = {"split": True, "distinct_id": name, "before": grouped(preview.before, name), "people": people}
        show_json({**told, "written": place, "note": AFTER_A_SPLIT})
        return
    _print_people("people now; the tables follow in a moment", people, name)
    say(AFTER_A_SPLIT)


def _nothing_to_split(settings: "Settings", state: "IdentityState", as_json: bool) -> None:
    """That is an answer only if identify has read everything: a claim that it has not read may be the one."""
    from pipeline.person_report import explanation

    name, waiting = state.distinct_id, state.waiting()
    people = explanation(state.project, name, state.component(), settings.identity).people
    note = "Nothing to split: no accepted claim joins this id to another one."
    if waiting:
        note = (
            f"Nothing to split yet, and nothing was changed: no claim that identify has read joins this id to another "
            f"one, but {waiting:,} claims wait. Try again; if they go on waiting, start it with headrace run identify, "
            "or headrace up."
        )
    if as_json:
        show_json({"split": False, "distinct_id": name, "people": people, "waiting": waiting, "note": note})
    elif not waiting:
        say(note)
    else:
        fail(note, EXIT_TIMEOUT)
    if waiting:
        raise SystemExit(EXIT_TIMEOUT)


def _show_preview(settings: "Settings", state: "IdentityState", preview: "SplitPreview") -> None:
    from pipeline.person_report import AFTER_A_SPLIT, grouped
    from pipeline.readable import readable

    name = state.distinct_id
    _print_people("people as they are", grouped(preview.before, name), name)
    _print_people(f"people after splitting at {readable(name)}", grouped(preview.after, name), name)
    say(f"{len(preview.refused):,} claims would be refused from then on. {AFTER_A_SPLIT}")
    if waiting := state.waiting():
        say(f"identify has not read {waiting:,} records of {state.claims_topic} yet: the result may differ")


def _wait_until_settled(state: "IdentityState", offset: int) -> None:
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        state.refresh()
        if state.has_settled(offset):
            return
        if time.monotonic() > deadline:
            fail(
                f"the split is written ({state.claims_topic}, partition {state.partition}, offset {offset}) and "
                f"identify has not read it after {SETTLED_WITHIN_S:.0f} s: it takes effect as soon as identify runs; "
                "start it with headrace run identify, or headrace up",
                EXIT_TIMEOUT,
            )
        time.sleep(0.2)


def _state(settings: "Settings", project: int, identifier: str) -> "IdentityState":
    """Identify's state, read with a bar on standard error where somebody is looking."""
    from pipeline.person_lookup import IdentityState

    with _progress("reading what identify has decided") as tell:
        return IdentityState(settings, project, identifier, tell)


@contextmanager
def _progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_people(title: str, people: "Iterable[ToldPerson]", distinct_id: str) -> None:
    from pipeline.person_report import people_tree

    _print(people_tree(title, people, distinct_id))
    say("")


def _print(shown: Any) -> None:
    """On a terminal within its width; in a file or a pipe nothing is wrapped."""
    from rich.console import Console

    console = Console()
    Console(width=console.width if console.is_terminal else 1_000).print(shown)

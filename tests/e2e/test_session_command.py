"""`headrace session`: what it prints, and what it exits with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import main
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.terminal import on_a_terminal
from tests.e2e.visits import MINUTE, NOON, Log, event, fact, name_of

pytestmark = pytest.mark.e2e

NOWHERE = "6b1d6e0e-2f0c-5d1e-8a7a-000000000000"
LATER = NOON + 60 * MINUTE


@pytest.fixture
def configured(warehouse: Warehouse, tmp_path: Path) -> Path:
    """A configuration that names this ClickHouse."""
    config = tmp_path / "headrace.yaml"
    server = f"{{url: '{warehouse.config.url}', database: {warehouse.config.database}}}"
    config.write_text(
        f"broker: {{bootstrap: 'nowhere:9092'}}\nclickhouse: {server}\nprojects: [{{id: 1, tokens: [demo]}}]\n"
    )
    return config


@pytest.fixture
def session(configured: Path) -> Callable[..., Result]:
    """Gives the command."""
    return lambda *words: CliRunner().invoke(main, ["session", *words, "--config", str(configured)])


@pytest.fixture
def visited(warehouse: Warehouse) -> Log:
    log = Log(warehouse)
    log.events(event(1, NOON, NOON, url="/in"), event(2, NOON + MINUTE, NOON, url="/out"), event(3, LATER, LATER))
    log.events(event(4, NOON, session="mine"), event(5, NOON + 1, session="mine", distinct_id="bob"))
    log.facts(fact(NOON), fact(LATER))
    return log


def shown(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["sessions"]
    return found


def test_a_visit_is_shown_for_people_and_for_machines(session: Callable[..., Result], visited: Log) -> None:
    visit = name_of("ada", NOON)

    told = session("show", visit).stdout
    [found] = shown(session("show", visit, "--json"))

    assert f"visit  {visit} (derived from the times of its events, project 1)" in told
    assert "events  2, page views 2\n" in told
    assert (found["entry_url"], found["exit_url"], found["bounce"], found["given"]) == ("/in", "/out", False, False)
    assert (found["start"], found["end"]) == ("2023-11-15T12:00:00.000000Z", "2023-11-15T12:01:00.000000Z")


def test_a_visit_its_sender_named_is_found_by_that_name(session: Callable[..., Result], visited: Log) -> None:
    [found] = shown(session("show", "mine", "--json"))

    assert (found["events"], found["distinct_ids"], found["given"]) == (2, ["ada", "bob"], True)


def test_a_visit_that_became_part_of_another_is_shown_as_that(session: Callable[..., Result], visited: Log) -> None:
    visited.facts(fact(LATER, dead=True))
    old, new = name_of("ada", LATER), name_of("ada", NOON)

    assert [visit["session_id"] for visit in shown(session("show", old, "--json"))] == [new]
    assert session("show", old).stdout.startswith(f"{old} has become part of another visit:\n")


def test_a_visit_that_is_not_there_is_a_bad_answer(session: Callable[..., Result], visited: Log) -> None:
    result = session("show", NOWHERE)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: no visit {NOWHERE} has arrived: headrace status shows")


def test_an_address_is_no_markup_and_cannot_command_the_terminal(
    session: Callable[..., Result], warehouse: Warehouse
) -> None:
    hostile = "https://e.com/[/b]?q=[bold]hi\x1b[31m\n       visit  forged"
    Log(warehouse).events(event(1, NOON, NOON, url=hostile, referrer=hostile, campaign=hostile, distinct_id="a\nb\x1b"))
    escaped = "https://e.com/[/b]?q=[bold]hi\\x1b[31m\\n       visit  forged"

    table = session("show", "--distinct-id", "a\nb\x1b").stdout
    details = session("show", name_of("a\nb\x1b", NOON)).stdout
    unknown = session("show", "--distinct-id", "e\nve\x1b")

    assert "https://e.com/[/b]?q=[bold]hi\\x1b[31m" in table
    assert details.count(escaped) == 4
    assert "distinct id  a\\nb\\x1b\n" in details
    assert "no event of e\\nve\\x1b has arrived" in unknown.stderr
    assert "\x1b" not in table + details + unknown.stderr + session("show", "x\x1b").stderr


def test_the_visits_of_a_distinct_id_are_listed_the_newest_first(session: Callable[..., Result], visited: Log) -> None:
    ada = [visit["session_id"] for visit in shown(session("show", "--distinct-id", "ada", "--json"))]

    assert ada[0] == name_of("ada", LATER)
    assert sorted(ada[1:]) == sorted(["mine", name_of("ada", NOON)])
    assert [visit["session_id"] for visit in shown(session("show", "--distinct-id", "bob", "--json"))] == ["mine"]
    assert len(shown(session("show", "--distinct-id", "ada", "--limit", "1", "--json"))) == 1
    assert name_of("ada", LATER) in session("show", "--distinct-id", "ada").stdout


def test_a_distinct_id_without_a_visit_is_told_why(session: Callable[..., Result], visited: Log) -> None:
    visited.events(event(9, NOON, distinct_id="late"))

    late, unknown = session("show", "--distinct-id", "late"), session("show", "--distinct-id", "eve")

    assert (late.exit_code, unknown.exit_code) == (1, 1)
    assert "headrace session rebuild --project 1 gives them one" in late.stderr
    assert unknown.stderr.startswith("Error: no event of eve has arrived: headrace status shows")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("show", "Give a SESSION_ID or --distinct-id ID"),
        ("show x --distinct-id y", "Give a SESSION_ID or --distinct-id ID"),
        ("show x --project 2", "no project has the id 2; configured are: 1"),
        ("show --distinct-id y --limit 0", "0 is not in the range 1<=x<=10000"),
        ("show --distinct-id y --limit -1", "-1 is not in the range 1<=x<=10000"),
        ("rebuild", "Missing option '--project'"),
        ("rebuild --project 2 --yes", "no project has the id 2; configured are: 1"),
        ("rebuild --project 1 --from 2024-02-01 --to 2024-01-01 --yes", "The period is empty"),
        ("rebuild --project 1 --from 2024-02-01 --to 2024-02-01 --yes", "--to is the day after the last one"),
        ("rebuild --project 1 --dry-run --yes", "leave out --yes"),
        ("rebuild --project 1 --json", "with --json nobody can be asked"),
        ("rebuild --project 1", "there is no terminal to ask on"),
    ],
)
def test_wrong_usage_says_what_is_wrong(session: Callable[..., Result], words: str, said: str) -> None:
    result = session(*words.split())

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_period_is_rebuilt_by_days(session: Callable[..., Result], warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON), event(2, NOON + MINUTE))
    days = ["--from", "2023-11-15", "--to", "2023-11-16"]

    other = session("rebuild", "--project", "1", "--to", "2023-11-15", "--yes")
    dry = session("rebuild", "--project", "1", *days, "--dry-run")
    done = session("rebuild", "--project", "1", *days, "--json", "--yes")
    again = session("rebuild", "--project", "1", *days, "--yes")

    assert "nothing to rebuild" in other.stdout
    assert "2 events had no visit and would get one" in dry.stdout
    told = {"events": 2, "visits": 1, "stamped": 2, "begun": 1, "joined": 0}
    assert json.loads(done.stdout) == {"dry_run": False, "gap_s": 1_800, "rebuilt": told}
    assert "nothing to correct" in again.stdout
    assert [visit["events"] for visit in shown(session("show", name_of("ada", NOON), "--json"))] == [2]


@pytest.mark.parametrize(("answer", "code", "visits"), [("n", 1, 0), ("y", 0, 1)])
def test_what_a_rebuild_would_correct_is_counted_before_it_asks(
    warehouse: Warehouse, configured: Path, answer: str, code: int, visits: int
) -> None:
    Log(warehouse).events(event(1, NOON), event(2, NOON + MINUTE))

    words = ["session", "rebuild", "--project", "1", "--config", str(configured)]
    shown, exit_code = on_a_terminal(words, configured.parent, answer)

    assert "2 events had no visit and would get one" in shown
    assert "a pause of over 1,800 s ends (sessions.gap_s)" in shown
    assert "Correct it? Visits that are joined never come apart. [y/N]" in shown
    assert (exit_code, warehouse.one("SELECT count() FROM sessions_current")) == (code, visits)


def test_where_nothing_would_be_corrected_nobody_is_asked(warehouse: Warehouse, configured: Path) -> None:
    words = ["session", "rebuild", "--project", "1", "--config", str(configured)]

    shown, exit_code = on_a_terminal(words, configured.parent, "n")

    assert (exit_code, "nothing to rebuild" in shown) == (0, True)

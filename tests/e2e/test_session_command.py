"""`headrace session`: what it prints, and what it exits with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import main
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.visits import MINUTE, NOON, Log, event, fact, name_of

pytestmark = pytest.mark.e2e

NOWHERE = "6b1d6e0e-2f0c-5d1e-8a7a-000000000000"
LATER = NOON + 60 * MINUTE


@pytest.fixture
def session(warehouse: Warehouse, tmp_path: Path) -> Callable[..., Result]:
    """Gives the command in a folder whose configuration names this ClickHouse."""
    config = tmp_path / "headrace.yaml"
    server = f"{{url: '{warehouse.config.url}', database: {warehouse.config.database}}}"
    config.write_text(f"broker: {{bootstrap: 'nowhere:9092'}}\nclickhouse: {server}\n")
    return lambda *words: CliRunner().invoke(main, ["session", *words, "--config", str(config)])


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
    assert session("show", name_of("ada", NOON), "--project", "2").exit_code == 1


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


@pytest.mark.parametrize("words", [["show"], ["show", "x", "--distinct-id", "y"], ["rebuild"]])
def test_not_saying_what_is_wrong_usage(session: Callable[..., Result], words: list[str]) -> None:
    assert session(*words).exit_code == 2


def test_a_period_is_rebuilt_by_days(session: Callable[..., Result], warehouse: Warehouse) -> None:
    Log(warehouse).events(event(1, NOON), event(2, NOON + MINUTE))
    days = ["--from", "2023-11-15", "--to", "2023-11-16"]

    other = session("rebuild", "--project", "1", "--to", "2023-11-15")
    dry = session("rebuild", "--project", "1", *days, "--dry-run")
    done = session("rebuild", "--project", "1", *days, "--json")

    assert "nothing to rebuild" in other.stdout
    assert "2 events had no visit and would get one" in dry.stdout
    told = {"events": 2, "visits": 1, "stamped": 2, "begun": 1, "joined": 0}
    assert json.loads(done.stdout) == {"dry_run": False, "rebuilt": told}
    assert [visit["events"] for visit in shown(session("show", name_of("ada", NOON), "--json"))] == [2]

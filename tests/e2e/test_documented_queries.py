"""Every query of the pages for analysts answers about the one project that it names, whatever the others hold."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.sessions import session_id
from schemas.batches import MAPPINGS, PERSONS, STARTS, WARNINGS
from schemas.identifiers import person_id
from tests.e2e.clickhouse_server import Warehouse
from tests.e2e.visits import Log, event

pytestmark = pytest.mark.e2e

DOCS = Path(__file__).parents[2] / "docs"
STATEMENTS = [
    statement
    for page in ("people.md", "tables.md")
    for statement in re.findall(r"```sql\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
]
QUERIES = [statement for statement in STATEMENTS if statement.startswith("SELECT") and "project = 1" in statement]
AN_HOUR_AGO = (int(time.time()) - 3_600) * 1_000_000


def filled(warehouse: Warehouse, project: int) -> None:
    """The same ids in every project; Ada's laptop is hers only in the first, and each has more of everything."""
    whose = {"ada": ["ada", "laptop-7f3a"] if project == 1 else ["ada"], "laptop-7f3a": ["laptop-7f3a", "phone-c901"]}
    if project == 1:
        del whose["laptop-7f3a"]
    log, number = Log(warehouse, first=1_000 * project), 1_000 * project
    for name, ids in whose.items():
        person = person_id(project, name)
        for distinct_id in ids:
            key = {"project": project, "distinct_id": distinct_id}
            said = {"person_id": person, "identified": True, "version": 1}
            log.rows("identity.mappings", MAPPINGS, key | said)
            visit = {"session_id": session_id(f"{project}:{distinct_id}".encode(), AN_HOUR_AGO)}
            log.rows("session.starts", STARTS, key | visit | {"start": AN_HOUR_AGO, "dead": False})
            log.events(*[_event(project, number + row, distinct_id, visit) for row in range(2 * project + 1)])
            number += 100
        log.rows("persons", PERSONS, _person(project, person, ids))
    warning = {"project": project, "distinct_id": "ada", "code": f"code_{project}", "message": "no"}
    log.rows("ingestion.warnings", WARNINGS, warning | {"event_uuid": bytes(16), "timestamp": AN_HOUR_AGO})


def _event(project: int, number: int, distinct_id: str, visit: dict[str, str]) -> dict[str, Any]:
    names = ("$pageview", "request", "plan changed")
    made = event(number, AN_HOUR_AGO + number, AN_HOUR_AGO, distinct_id=distinct_id, event=names[number % 3], url="/")
    return made | visit | {"project": project, "person_id": person_id(project, distinct_id)}


def _person(project: int, person: bytes, ids: list[str]) -> dict[str, Any]:
    plain = {"project": project, "person_id": person, "version": 1, "created_at": AN_HOUR_AGO, "identified": True}
    email = b'{"email":"%d-%d@example.com"}' % (project, len(ids))
    return plain | {"is_deleted": False, "properties": email, "distinct_ids": ids}


def answers(warehouse: Warehouse, project: int) -> dict[str, list[tuple[Any, ...]]]:
    return {query: warehouse.ask(query.replace("project = 1", f"project = {project}")) for query in QUERIES}


def test_there_are_queries_about_people_visits_and_warnings() -> None:
    tables = {table for query in QUERIES for table in re.findall(r"(?:FROM|JOIN) (\w+)", query)}

    assert tables >= {"events_resolved", "persons_current", "person_distinct_ids", "sessions_current"}
    assert tables >= {"ingestion_warnings", "usage_daily"}


@pytest.mark.parametrize(("project", "another"), [(1, 2), (2, 1)])
def test_another_project_with_the_same_ids_changes_no_answer(warehouse: Warehouse, project: int, another: int) -> None:
    filled(warehouse, project)
    alone = answers(warehouse, project)
    filled(warehouse, another)

    assert [query for query, rows in alone.items() if not rows] == []
    assert answers(warehouse, project) == alone
    assert answers(warehouse, another) != alone


def test_every_query_names_the_project_or_is_about_all_of_them() -> None:
    others = [statement for statement in STATEMENTS if statement.startswith("SELECT") and statement not in QUERIES]

    assert [query for query in others if "FROM rejected_events" not in query] == []

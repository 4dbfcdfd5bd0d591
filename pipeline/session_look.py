"""Finds visits in ClickHouse, by their id or by a distinct id."""

from collections.abc import Iterable
from typing import Any

from pipeline.id_lists import in_pieces

__all__ = ["listed", "looked_up", "why_none"]

_COLUMNS = """SELECT project, session_id, given, formatDateTime(start, '%Y-%m-%dT%H:%i:%S.%fZ') AS start,
    formatDateTime(end, '%Y-%m-%dT%H:%i:%S.%fZ') AS end, duration_s, events, pageviews, entry_url, exit_url, referrer,
    campaign, bounce = 1 AS bounce, long = 1 AS long, toString(person_id) AS person_id, distinct_id, distinct_ids
FROM sessions_current"""
_PROJECT = "({project:Nullable(Int64)} IS NULL OR project = {project:Nullable(Int64)})"
_OWNERS = f"""SELECT project, distinct_id FROM session_starts WHERE session_id = {{wanted:String}} AND {_PROJECT}
UNION DISTINCT
SELECT project, distinct_id FROM sessions WHERE session_id = {{wanted:String}} AND NOT given AND {_PROJECT}"""
_SUCCESSOR = """SELECT session_id FROM session_moves
WHERE project = {project:Int64} AND distinct_id = {owner:String} AND start IN
    (SELECT start FROM session_starts WHERE project = {project:Int64} AND distinct_id = {owner:String}
    AND session_id = {wanted:String})"""

Visits = list[dict[str, Any]]


def looked_up(client: Any, wanted: str, project: int | None) -> Visits:
    """The visit with this id, or the one that it has become part of; several where projects name theirs alike."""
    named = f"{_COLUMNS} WHERE given AND session_id = {{wanted:String}} AND {_PROJECT} ORDER BY project"
    found = _asked(client, named, wanted=wanted, project=project)
    for owner in _asked(client, _OWNERS, wanted=wanted, project=project):
        whose = {"project": owner["project"], "owner": owner["distinct_id"]}
        moved = _asked(client, _SUCCESSOR, wanted=wanted, **whose)
        now = moved[0]["session_id"] if moved else wanted
        derived = (
            f"{_COLUMNS} WHERE project = {{project:Int64}} AND owner = {{owner:String}} AND NOT given "
            "AND session_id = {wanted:String}"
        )
        found += _asked(client, derived, wanted=now, **whose)
    return found


def listed(client: Any, distinct_ids: Iterable[str], project: int | None, limit: int) -> Visits:
    """The newest visits with events of any of these distinct ids."""
    derived = f"{_COLUMNS} WHERE NOT given AND owner IN {{names:Array(String)}} AND {_PROJECT}"
    named = f"{_COLUMNS} WHERE given AND hasAny(distinct_ids, {{names:Array(String)}}) AND {_PROJECT}"
    both = f"SELECT * FROM ({derived} UNION ALL {named}) ORDER BY start DESC, session_id LIMIT {{limit:UInt32}}"
    found = [
        visit
        for names in in_pieces(distinct_ids)
        for visit in _asked(client, both, names=names, project=project, limit=limit)
    ]
    # One that its sender named may have distinct ids of several pieces; a derived one has one.
    several = {(visit["project"], visit["session_id"], visit["given"]): visit for visit in found}
    newest = sorted(several.values(), key=lambda visit: str(visit["session_id"]))
    return sorted(newest, key=lambda visit: str(visit["start"]), reverse=True)[:limit]


def why_none(client: Any, distinct_id: str, project: int | None) -> str:
    """Why a distinct id has no visit, and what to do next."""
    query = f"""SELECT project, count() AS events FROM events WHERE distinct_id = {{name:String}} AND {_PROJECT}
        GROUP BY project ORDER BY project LIMIT 1"""
    known = _asked(client, query, name=distinct_id, project=project)
    if known:
        return (
            f"{distinct_id} has {known[0]['events']:,} events, which came too late for a visit: "
            f"headrace session rebuild --project {known[0]['project']} gives them one"
        )
    return f"no event of {distinct_id} has arrived: headrace status shows what is on its way"


def _asked(client: Any, query: str, **parameters: Any) -> Visits:
    return list(client.query(query, parameters=parameters).named_results())

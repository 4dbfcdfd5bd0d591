"""Brings what ClickHouse holds about some distinct ids in line with the visits that were worked out for them."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.sessions import session_id

__all__ = ["Corrections", "Hashes", "Visit", "Visits"]

ROWS_AT_ONCE = 100_000
_SETTINGS = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    "do_not_merge_across_partitions_select_final": 1,
}
"""History may be many months in one insert."""
_RANGE = "cityHash64(distinct_id) BETWEEN {first:UInt64} AND {last:UInt64}"
_TIMES = "BETWEEN fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
_STARTS = f"""SELECT distinct_id, toUnixTimestamp64Micro(start) AS at, max(dead)
FROM session_starts
WHERE project = {{project:Int64}} AND {_RANGE} AND start {_TIMES}
GROUP BY distinct_id, at"""
_COLUMNS = """SELECT name FROM system.columns
WHERE database = currentDatabase() AND table = 'events' AND default_kind IN ('', 'DEFAULT') AND name != '_inserted_at'
ORDER BY position"""
_COUNTING = "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = 'sessions_from_events'"

Hashes = tuple[int, int]
"""The first and the last of a range of hashes of distinct ids."""


class Visit(msgspec.Struct, gc=False):
    """A visit of one distinct id. Times in microseconds since 1970."""

    start: int
    end: int
    without: int
    """Events that say of no visit yet."""


Visits = dict[str, list[Visit]]
"""By distinct id, in order of time."""


class Corrections:
    """What is to be told about the distinct ids of a range of hashes."""

    def __init__(self, client: Any, project: int, hashes: Hashes, visits: Visits) -> None:
        self._client = client
        self._visits = visits
        times = [(some[0].start, some[-1].end) for some in visits.values()]
        self._parameters = {
            "project": project,
            "first": hashes[0],
            "last": hashes[1],
            "since": min((start for start, _ in times), default=0),
            "until": max((end for _, end in times), default=0),
        }
        self.begun: list[tuple[str, int]] = []
        """Distinct id and start of visits that nobody had told."""
        self.joined: list[tuple[str, int]] = []
        """Distinct id and start of visits that are part of another."""
        self._compare()

    def write(self) -> None:
        """Facts first: an event put into a visit whose start nobody told would be right, and its neighbours not yet."""
        facts = [(*each, False) for each in self.begun] + [(*each, True) for each in self.joined]
        for start in range(0, len(facts), ROWS_AT_ONCE):
            self._tell(facts[start : start + ROWS_AT_ONCE])
        lines = list(self._lines())
        for start in range(0, len(lines), ROWS_AT_ONCE):
            self._stamp(lines[start : start + ROWS_AT_ONCE])

    def _compare(self) -> None:
        known: dict[str, dict[int, bool]] = {}
        for distinct_id, start, dead in self._client.query(_STARTS, parameters=self._parameters).result_rows:
            if distinct_id in self._visits:
                known.setdefault(distinct_id, {})[start] = bool(dead)
        for distinct_id, visits in self._visits.items():
            told, starts = known.get(distinct_id, {}), [visit.start for visit in visits]
            self.begun += [(distinct_id, start) for start in starts if start not in told]
            for start, dead in told.items():
                within = bisect_right(starts, start) - 1
                if not dead and within >= 0 and starts[within] < start <= visits[within].end:
                    self.joined.append((distinct_id, start))

    def _tell(self, facts: list[tuple[str, int, bool]]) -> None:
        lines = b"\n".join(
            msgspec.json.encode([self._parameters["project"], name, start, self._id(name, start), dead])
            for name, start, dead in facts
        )
        columns = "project, distinct_id, fromUnixTimestamp64Micro(start, 'UTC'), session_id, dead"
        self._insert(
            f"INSERT INTO session_starts (project, distinct_id, start, session_id, dead) SELECT {columns} FROM told",
            "told",
            ["project Int64", "distinct_id String", "start Int64", "session_id String", "dead Bool"],
            lines,
        )

    def _lines(self) -> Iterator[bytes]:
        """The visits that have events to be stamped."""
        for name, visits in self._visits.items():
            for visit in visits:
                if visit.without:
                    yield msgspec.json.encode([name, visit.start, visit.end, self._id(name, visit.start)])

    def _stamp(self, lines: list[bytes]) -> None:
        """Events without a visit once more, with it.

        They are added up into `sessions` first, though the view does that as well: if this ends in between, they are
        still without a visit, and the next run finds them.
        """
        structure = ["distinct_id String", "begin Int64", "until Int64", "visit String"]
        rows, names = self._stamped()
        for statement in (
            f"INSERT INTO sessions {self._counting(rows)}",
            f"INSERT INTO events ({names}) {rows}",
        ):
            self._insert(statement, "visits", structure, b"\n".join(lines))

    def _stamped(self) -> tuple[str, str]:
        """The query of those events as they shall be, and the names of its columns."""
        changed = {"session_id": "v.visit", "session_start": "fromUnixTimestamp64Micro(v.begin, 'UTC')"}
        names = [row[0] for row in self._client.query(_COLUMNS).result_rows]
        columns = ", ".join(f"{changed.get(name, f'e.`{name}`')} AS `{name}`" for name in names)
        events = (
            "SELECT *, toUnixTimestamp64Micro(timestamp) AS moment FROM events FINAL WHERE project = {project:Int64} "
            f"AND NOT session_given AND session_id = '' AND {_RANGE} AND timestamp {_TIMES}"
        )
        joined = f"({events}) AS e ASOF JOIN visits AS v ON e.distinct_id = v.distinct_id AND e.moment >= v.begin"
        quoted = ", ".join(f"`{name}`" for name in names)
        return f"SELECT {columns} FROM {joined} WHERE e.moment <= v.until", quoted

    def _counting(self, rows: str) -> str:
        """How the materialized view adds up events, of these rows instead."""
        [(query,)] = self._client.query(_COUNTING).result_rows
        counting, replaced = re.subn(r"FROM \S*?events(_local)?`?\s+WHERE", lambda _: f"FROM ({rows}) WHERE", query)
        assert replaced == 1, "the view sessions_from_events does not read events as it did"
        return counting

    def _insert(self, statement: str, name: str, structure: list[str], lines: bytes) -> None:
        """An insert that selects from rows which come along with it."""
        from clickhouse_connect.driver.external import ExternalData

        rows = ExternalData(file_name=name, data=lines, fmt="JSONCompactEachRow", structure=structure)
        self._client.command(statement, parameters=self._parameters, settings=_SETTINGS, external_data=rows)

    def _id(self, distinct_id: str, start: int) -> str:
        return session_id(f"{self._parameters['project']}:{distinct_id}".encode(), start)

"""Works out again, from the events in ClickHouse, which visit each event of a period belongs to.

Events that came later than `sessions.lateness_s`, as imports of history do, have no visit. Here all events of a
distinct id are looked at together, and what is missing is added: facts about starts, and those events once more, with
their visit, for a copy with one beats a copy without. So visits appear, grow and join, and never come apart: from where
resolve said that an event's visit began, to the event, is one visit. Running it again changes nothing; killed, it is
run again.
"""

from collections.abc import Callable
from itertools import groupby, pairwise
from typing import Any

import msgspec

from pipeline.id_lists import in_pieces
from pipeline.session_corrections import Corrections, Hashes, Visit, Visits
from pipeline.sessions import SessionRules

__all__ = ["Period", "Progress", "Rebuilt", "rebuild"]

EVENTS_AT_ONCE = 500_000
"""Events of one piece, which is a range of the hashes of distinct ids. It bounds the memory: some 200 bytes an event at
the server, 300 bytes a visit here. The events of one distinct id are never cut, however many they are."""
_DAY = 86_400_000_000
_FINAL = {"do_not_merge_across_partitions_select_final": 1}
_EVENTS = """SELECT
    distinct_id,
    toUnixTimestamp64Micro(timestamp) AS high,
    session_id != '' AS stamped,
    if(stamped, least(toUnixTimestamp64Micro(session_start), high), high) AS low
FROM events FINAL
WHERE project = {project:Int64} AND NOT session_given
    AND cityHash64(distinct_id) BETWEEN {first:UInt64} AND {last:UInt64}
    AND timestamp >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
    AND timestamp < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"""
_VISITS = f"""SELECT distinct_id, min(low), max(high), countIf(NOT stamped), count()
FROM
(
    SELECT distinct_id, low, high, stamped, sum(begins) OVER (PARTITION BY distinct_id ORDER BY low, high) AS visit
    FROM
    (
        SELECT distinct_id, low, high, stamped, low > {{gap:Int64}} + max(high) OVER (
            PARTITION BY distinct_id ORDER BY low, high ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS begins
        FROM ({_EVENTS})
    )
)
GROUP BY distinct_id, visit
ORDER BY distinct_id, min(low)"""
# An event's interval is from where its visit was said to begin to itself. Whether the first row of a distinct id counts
# as a beginning does not matter: the numbers of its visits only have to differ.


class Period(msgspec.Struct, frozen=True):
    """A project's events from `since` on and before `until`, in microseconds since 1970."""

    project: int
    since: int
    until: int


class Rebuilt(msgspec.Struct):
    """What was looked at, and what was corrected or, in a dry run, would be."""

    events: int = 0
    """Events of the period whose visit their sender did not name."""
    visits: int = 0
    stamped: int = 0
    """Events that had no visit and now have one."""
    begun: int = 0
    """Starts of visits that nobody had told."""
    joined: int = 0
    """Visits that turned out to be part of another."""


Progress = Callable[[int, int, Rebuilt], None]
"""Called with the pieces done, the number of all, and what was found so far."""


def rebuild(
    client: Any,
    period: Period,
    rules: SessionRules,
    dry_run: bool,
    progress: Progress,
    events_at_once: int = EVENTS_AT_ONCE,
) -> Rebuilt:
    """Correct the visits of the period, those that reach beyond its edges as well.

    Raises what clickhouse-connect raises; what was written until then is right, and the rest is left to another run.
    """
    done, piece = Rebuilt(), _Pieces(client, period, rules.gap_s * 1_000_000)
    ranges = piece.ranges(events_at_once)
    for number, hashes in enumerate(ranges):
        visits = piece.visits(hashes, done)
        corrections = Corrections(client, period.project, hashes, visits)
        done.visits += sum(map(len, visits.values()))
        done.stamped += sum(visit.without for some in visits.values() for visit in some)
        done.begun += len(corrections.begun)
        done.joined += len(corrections.joined)
        if not dry_run:
            corrections.write()
        progress(number + 1, len(ranges), done)
    return done


class _Pieces:
    """Reads the visits of the period, a range of distinct ids at a time."""

    def __init__(self, client: Any, period: Period, gap: int) -> None:
        self._client = client
        self._project = period.project
        self._gap = gap
        [(count, self._oldest, self._newest)] = self._ask(
            "SELECT count(), toUnixTimestamp64Micro(min(timestamp)), toUnixTimestamp64Micro(max(timestamp)) "
            "FROM events WHERE project = {project:Int64} AND NOT session_given"
        )
        # What lies outside of these has no event, and may be a date that ClickHouse has not.
        self._since = max(period.since, self._oldest)
        self._until = max(self._since, min(period.until, self._newest + 1)) if count else self._since

    def ranges(self, events_at_once: int) -> list[Hashes]:
        """Hashes of distinct ids, in ranges of about so many events each."""
        where = "project = {project:Int64} AND timestamp >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') "
        where += "AND timestamp < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
        query = f"SELECT count() FROM events WHERE {where}"
        [(count,)] = self._ask(query, since=self._since, until=self._until) if self._since < self._until else [(0,)]
        pieces = -(-count // events_at_once)
        edges = [(1 << 64) * number // pieces for number in range(pieces + 1)] if pieces else []
        return [(first, after - 1) for first, after in pairwise(edges)]

    def visits(self, hashes: Hashes, done: Rebuilt) -> Visits:
        """The visits of these distinct ids, whole, in order of time."""
        rows = self._ask(_VISITS, hashes, gap=self._gap, since=self._since, until=self._until)
        done.events += sum(row[4] for row in rows)
        found = {
            distinct_id: [Visit(*row[1:4]) for row in some] for distinct_id, some in groupby(rows, lambda row: row[0])
        }
        first = {name: some[0] for name, some in found.items() if some[0].start - self._since <= self._gap}
        self._reach_back(hashes, first, self._since)
        last = {name: some[-1] for name, some in found.items() if self._until - some[-1].end <= self._gap}
        self._reach_on(hashes, last, self._until)
        return found

    def _reach_back(self, hashes: Hashes, growing: dict[str, Visit], edge: int) -> None:
        """Extend visits at the period's beginning by earlier events, until a gap."""
        span = _DAY
        while growing and edge > self._oldest:
            whole = set()
            for distinct_id, high, stamped, low in reversed(self._beside(hashes, growing, edge - span, edge)):
                visit = growing[distinct_id]
                if distinct_id in whole or high < visit.start - self._gap:
                    whole.add(distinct_id)
                    continue
                visit.start = min(visit.start, low)
                visit.without += not stamped
            edge, span = edge - span, span * 2
            growing = {
                name: visit for name, visit in growing.items() if name not in whole and visit.start - self._gap < edge
            }

    def _reach_on(self, hashes: Hashes, growing: dict[str, Visit], edge: int) -> None:
        """Extend visits at the period's end by later events, until a gap."""
        span = _DAY
        while growing and edge <= self._newest:
            whole = set()
            for distinct_id, high, stamped, low in self._beside(hashes, growing, edge, edge + span):
                visit = growing[distinct_id]
                if distinct_id in whole or low > visit.end + self._gap:
                    whole.add(distinct_id)
                    continue
                visit.end = max(visit.end, high)
                visit.without += not stamped
            edge, span = edge + span, span * 2
            growing = {
                name: visit for name, visit in growing.items() if name not in whole and visit.end + self._gap >= edge
            }

    def _beside(self, hashes: Hashes, names: dict[str, Visit], since: int, until: int) -> list[tuple[Any, ...]]:
        """Events of these distinct ids, each one's in order of time."""
        found: list[tuple[Any, ...]] = []
        query = f"{_EVENTS} AND distinct_id IN {{names:Array(String)}} ORDER BY distinct_id, high"
        since, until = max(since, self._oldest), min(until, self._newest + 1)
        for piece in in_pieces(names):
            found += self._ask(query, hashes, since=since, until=until, names=piece)
        return found

    def _ask(self, query: str, hashes: Hashes = (0, 0), **parameters: Any) -> list[tuple[Any, ...]]:
        known = {"project": self._project, "first": hashes[0], "last": hashes[1], **parameters}
        rows: list[tuple[Any, ...]] = self._client.query(query, parameters=known, settings=_FINAL).result_rows
        return rows

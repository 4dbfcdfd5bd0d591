"""The visits of a whole, real access log: event by event, in the order of the file, against all of it at once."""

import gzip
from collections import defaultdict
from pathlib import Path

from pipeline.importer import ImportPlan, read_line
from pipeline.sessions import LATE, SessionRules, place, resolved_start
from tests.reference.sessions_reference import sessions
from tests.unit.schemas.decoded import event

LOG = Path(__file__).parents[2] / "examples" / "data" / "weblog-2015-05.log.gz"
RULES = SessionRules()


def test_event_by_event_gives_the_visits_of_the_whole_log() -> None:
    plan = ImportPlan(form="access-log", token="phc_1", site="http://example.com")
    states: dict[str, bytes] = defaultdict(bytes)
    facts: dict[str, dict[int, bool]] = defaultdict(dict)
    stamped: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in gzip.decompress(LOG.read_bytes()).splitlines():
        read = read_line(plan, line)
        if not read.parsable:
            continue
        found = event(read.value)
        states[found.distinct_id], start, said = place(states[found.distinct_id], found.timestamp, RULES)
        stamped[found.distinct_id].append((found.timestamp, start))
        for fact in said:
            known = facts[found.distinct_id]
            known[fact.start] = fact.dead or known.get(fact.start, False)

    wanted = {name: sessions([at for at, _ in seen], RULES.gap_s * 1_000_000) for name, seen in stamped.items()}

    assert sum(len(seen) for seen in stamped.values()) > 9_900
    for name, seen in stamped.items():
        assert all(start != LATE for _, start in seen)
        assert {at: resolved_start(facts[name], start) for at, start in seen} == wanted[name]

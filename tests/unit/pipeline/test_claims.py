"""The identify hop: one batch of claims, and what is answered to it."""

import pyarrow as pa
import pytest

from pipeline import claims
from pipeline.claims import IdentifyRules, settled
from pipeline.facts import sent
from pipeline.identity import IdentityRules
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome

RULES = IdentifyRules(IdentityRules(), partitions=3)


def flipping() -> Outcome:
    """Ten ids are one person, which ever earlier logins of one of them make another's each time."""
    merges = [(1, 1, "phone 0", f"phone {at}", 1_000 + at, at.to_bytes(16)) for at in range(1, 10)]
    logins = [(1, 1, f"user {at}", "phone 0", 900 - at, (100 + at).to_bytes(16)) for at in range(20)]
    [one] = sent("identity.claims", 0, [*merges, *logins])
    return settled(LogBatch.joined(b"L" * 16, 0, [(5, one.rows)]), {}.get, RULES)


def told(outcome: Outcome) -> dict[tuple[str, int], list[pa.RecordBatch]]:
    found: dict[tuple[str, int], list[pa.RecordBatch]] = {}
    for one in outcome.sent:
        found.setdefault((one.topic, one.partition), []).append(one.rows)
    return found


def test_many_answers_become_columns_before_all_are_known_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = told(flipping())
    monkeypatch.setattr(claims, "ANSWERS_AT_ONCE", 50)
    pieces = told(flipping())

    assert {place: pa.concat_batches(rows) for place, rows in pieces.items()} == {
        place: rows for place, [rows] in whole.items()
    }
    # Of a claim alone may come more, up to two for each id.
    sizes = [rows.num_rows for found in pieces.values() for rows in found]
    assert max(sizes) < 50 + 2 * 11
    assert sum(sizes) > 600

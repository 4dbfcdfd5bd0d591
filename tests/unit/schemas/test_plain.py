"""Many records decoded together are what each of them is alone, whatever stands beside it."""

import json
from uuid import UUID

import pytest

from schemas.decoding import decode, decode_carefully
from schemas.event import Event
from tests.unit.schemas.decoded import batch_of, context


@pytest.mark.parametrize("bad", [{"token": "unknown"}, {"properties": []}, {"timestamp": "2300-01-01T00:00:00Z"}, {}])
def test_records_that_fail_a_rule_take_nothing_from_their_neighbors(bad: dict[str, object]) -> None:
    batch = batch_of([line(row, bad if row % 3 == 0 else {}) for row in range(1_200)])

    together = decode(batch, context())

    assert together == [decode_carefully(batch, row, context()) for row in range(1_200)]
    assert sum(type(verdict) is Event for verdict in together) == (800 if bad else 1_200)


def line(row: int, more: dict[str, object]) -> bytes:
    """A record that differs from all others in every part; some set properties, and some are claims."""
    said = {
        "token": "phc_1",
        "event": "$identify" if row % 5 == 1 else f"event {row}",
        "distinct_id": f"user {row}",
        "uuid": str(UUID(int=row)),
        "timestamp": f"2022-12-31T00:{row // 60:02}:{row % 60:02}Z",
        "properties": {"text": "x" * (row % 7), "$anon_distinct_id": f"device {row}"},
    }
    sets = {"$set": {"row": row}, "$unset": ["other"]} if row % 4 == 1 else {}
    return json.dumps(said | sets | more, separators=(",", ":")).encode()

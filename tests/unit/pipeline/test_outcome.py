"""What ended in one way is counted by project."""

import numpy
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.outcome import MOVED, Fate, by_project
from schemas.batches import hash_of


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(min_size=16, max_size=16))), st.integers(0, 5))
def test_each_project_has_its_rows_and_the_sum_of_their_uuids(rows: list[tuple[int, bytes]], skipped: int) -> None:
    projects, uuids = numpy.array([row[0] for row in rows], numpy.int64), [row[1] for row in rows]
    batch = pa.record_batch([pa.array(projects), pa.array(uuids, pa.binary(16))], names=["project", "uuid"])

    found = by_project(batch.slice(skipped), MOVED, "there")

    expected = []
    for project in sorted({row[0] for row in rows[skipped:]}):
        own = [uuid for number, uuid in rows[skipped:] if number == project]
        expected.append(Fate(MOVED, project, "there", len(own), hash_of(pa.array(own, pa.binary(16))) % 2**64))
    assert found == expected

"""Partitions are computed as Kafka's own clients do."""

import numpy
import pyarrow as pa
import pytest

from pipeline.routing import homes_of, partitions_of, state_key

# Published vectors: org.apache.kafka.common.utils.UtilsTest, testMurmur2 (Apache Kafka).
VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "published"), VECTORS.items())
def test_a_key_hashes_to_the_published_value(key: bytes, published: int) -> None:
    partitions = partitions_of([key], 2**31 - 1)

    assert partitions[0] == (published & 0x7FFFFFFF) % (2**31 - 1)


def test_keys_of_mixed_lengths_keep_their_order() -> None:
    keys = [*VECTORS, *reversed(VECTORS)]

    together = partitions_of(keys, 8).tolist()

    assert together == [partitions_of([key], 8).tolist()[0] for key in keys]


def test_an_empty_batch_and_an_empty_key_are_fine() -> None:
    assert partitions_of([], 8).tolist() == []
    assert partitions_of([b""], 8).tolist()[0] in range(8)


def test_two_projects_have_different_keys_for_one_distinct_id() -> None:
    assert state_key(1, "1:a") != state_key(11, "a")
    assert state_key(7, "é") == "7:é".encode()


def test_rows_have_the_partition_of_their_state_key() -> None:
    projects = [7, 12, 7, 7, 7, 12]
    distinct_ids = ["ada", "ada", "é", "x" * 200, "bob", ""]

    homes = homes_of(numpy.array(projects), pa.array(distinct_ids), 8)

    keys = [state_key(*pair) for pair in zip(projects, distinct_ids, strict=True)]
    assert homes.tolist() == partitions_of(keys, 8).tolist()


def test_no_rows_and_empty_ids_have_partitions_too() -> None:
    assert homes_of(numpy.zeros(0, numpy.int64), pa.array([], pa.string()), 8).tolist() == []
    assert homes_of(numpy.array([7]), pa.array([""]), 8).tolist() == partitions_of([b"7:"], 8).tolist()


@pytest.mark.parametrize("projects", [[7], [7, 12], list(range(1, 1_200, 7)), [1, 10, 100, 1_000_000_000_000]])
@pytest.mark.parametrize(("start", "count"), [(0, 300), (1, 299), (37, 100), (299, 1), (300, 0)])
def test_a_slice_of_many_projects_has_the_partitions_of_its_keys(projects: list[int], start: int, count: int) -> None:
    numbers = [projects[row * 31 % len(projects)] for row in range(300)]
    distinct_ids = ["é" * (row % 5) + "x" * (row * 13 % 41) + str(row) * (row % 3) for row in range(300)]

    homes = homes_of(numpy.array(numbers)[start:][:count], pa.array(distinct_ids).slice(start, count), 64)

    keys = [state_key(*pair) for pair in zip(numbers, distinct_ids, strict=True)][start:][:count]
    assert homes.tolist() == [partitions_of([key], 64).tolist()[0] for key in keys]


def test_a_missing_id_has_no_partition() -> None:
    with pytest.raises(AssertionError, match="without a distinct id"):
        homes_of(numpy.array([7, 7]), pa.array(["ada", None]), 8)

"""Rejected records keep what they were, whatever their own clock said."""

import os

import msgspec
import pytest

from pipeline.accept import AcceptRules
from pipeline.rejection import PART_BYTES_MAX
from pipeline.spine import accept
from schemas.batches import to_wire
from tests.unit.schemas.decoded import batch_of, context


@pytest.mark.parametrize("timestamp_ms", [-1, 2**62, -(2**62), 2**63 - 1])
def test_an_absurd_record_timestamp_loses_nothing(timestamp_ms: int) -> None:
    batch = msgspec.structs.replace(batch_of([b"junk"]), timestamps=[timestamp_ms])

    outcome = accept(batch, AcceptRules(decoding=context(), partitions=4))

    assert outcome.rejected is not None
    assert outcome.rejected.column("value").to_pylist() == [b"junk"]


def test_of_an_original_that_no_topic_takes_the_beginning_is_kept_and_that_is_said() -> None:
    # Far repeats: what a producer's zstd makes small, the compression between our hops does not.
    value, key = os.urandom(100_000) * 200, os.urandom(5_000_000)
    batch = msgspec.structs.replace(batch_of([value, b"junk"]), keys=[key, b"k"], headers=[[("h", key)], [("h", b"1")]])

    rejected = accept(batch, AcceptRules(decoding=context(), partitions=4)).rejected

    assert rejected is not None
    assert len(to_wire(rejected.slice(0, 1))) < 16 * 1024 * 1024
    large, small = rejected.to_pylist()
    assert (large["value"], large["key"]) == (value[:PART_BYTES_MAX], key[:PART_BYTES_MAX])
    assert large["message"].endswith("the record has 31666678 bytes with its key and headers; the beginning is kept")
    assert (small["value"], small["key"], small["headers"]) == (b"junk", b"k", b'[["h","MQ=="]]')


def test_whatever_the_topic_takes_uncompressed_is_kept_whole() -> None:
    value = os.urandom(8 * 1024 * 1024)

    rejected = accept(batch_of([value]), AcceptRules(decoding=context(), partitions=4)).rejected

    assert rejected is not None
    assert rejected.column("value").to_pylist() == [value]

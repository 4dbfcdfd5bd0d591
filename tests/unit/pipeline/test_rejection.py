"""Rejected records keep what they were, whatever their own clock said."""

import msgspec
import pytest

from pipeline.accept import AcceptRules
from pipeline.spine import accept
from tests.unit.schemas.decoded import batch_of, context


@pytest.mark.parametrize("timestamp_ms", [-1, 2**62, -(2**62), 2**63 - 1])
def test_an_absurd_record_timestamp_loses_nothing(timestamp_ms: int) -> None:
    batch = msgspec.structs.replace(batch_of([b"junk"]), timestamps=[timestamp_ms])

    outcome = accept(batch, AcceptRules(decoding=context(), partitions=4))

    assert outcome.rejected is not None
    assert outcome.rejected.column("value").to_pylist() == [b"junk"]

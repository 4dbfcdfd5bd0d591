"""Asking for a log's end."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.consumer import LogReader
from pipeline.settings import Settings


class _Electing:
    """A client whose broker refuses with these codes, and then knows the end."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    def get_watermark_offsets(self, _place: object, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        if self.codes:
            raise KafkaException(KafkaError(self.codes.pop(0)))
        return 3, 7


def _reader(*codes: int) -> LogReader:
    reader = LogReader(Settings())
    reader.close()
    reader._consumer = _Electing(*codes)
    return reader


def test_the_end_is_asked_for_again_while_a_leader_is_elected() -> None:
    reader = _reader(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)

    assert reader.end("events.raw", 0) == (3, 7)


def test_any_other_refusal_is_the_callers() -> None:
    with pytest.raises(KafkaException) as refused:
        _reader(KafkaError.TOPIC_AUTHORIZATION_FAILED).end("events.raw", 0)

    assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED

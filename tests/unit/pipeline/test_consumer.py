"""Reading of batches, and asking for a log's end."""

import pytest
from confluent_kafka import KafkaError, KafkaException, Message

from pipeline.consumer import LogChanged, LogReader, headers_of
from pipeline.settings import Settings
from schemas.record import RawBatch


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


class _Holding:
    """A client that has these messages for us."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    def assign(self, _places: object) -> None:
        pass

    def poll(self, _timeout_s: float) -> Message | None:
        return self.messages.pop(0) if self.messages else None

    def consume(self, _count: int, _timeout_s: float) -> list[Message]:
        return self.messages


def _message(topic: str, partition: int, offset: int) -> Message:
    return Message(topic, partition, offset, b"k", b"%s %d %d" % (topic.encode(), partition, offset), timestamp=(1, 5))


def _trouble(code: int) -> Message:
    return Message("events.raw", 0, error=KafkaError(code))


def _read(messages: list[Message]) -> list[RawBatch]:
    reader = _reader()
    reader._consumer = _Holding(messages)
    topics = {"events.raw": b"R" * 16, "events.access": b"A" * 16}
    reader.assign({(topic, partition): 0 for topic in topics for partition in (0, 1)}, topics)
    return reader.read(0.1)


def test_nothing_read_is_no_batch() -> None:
    assert _read([]) == []


def test_runs_of_one_partition_are_one_batch_each_in_the_order_of_the_log() -> None:
    runs = [("events.raw", 0, 1), ("events.raw", 1, 4), ("events.access", 1, 7), ("events.raw", 1, 5)]
    runs = [*runs, ("events.raw", 0, 2), ("events.raw", 0, 3), ("events.access", 1, 9), ("events.access", 0, 8)]

    found = _read([_message(*run) for run in runs])

    assert [(batch.topic, batch.topic_id[:1], batch.partition, list(batch.offsets)) for batch in found] == [
        ("events.raw", b"R", 0, [1, 2, 3]),
        ("events.raw", b"R", 1, [4, 5]),
        ("events.access", b"A", 1, [7, 9]),
        ("events.access", b"A", 0, [8]),
    ]
    assert found[0].values == [b"events.raw 0 1", b"events.raw 0 2", b"events.raw 0 3"]
    assert (found[0].keys, found[0].timestamps, found[0].headers) == ([b"k"] * 3, [5] * 3, [None] * 3)


def test_headers_that_the_client_cannot_read_cost_neither_the_record_nor_its_neighbors() -> None:
    def read(number: int) -> list[tuple[str, bytes]]:
        if number in (1, 3):
            raise SystemError("<method 'headers'> returned a result with an exception set")
        return [("n", b"%d" % number)]

    assert headers_of(map(read, range(4)), 4) == [[("n", b"0")], None, [("n", b"2")], None]


def test_trouble_that_passes_between_messages_costs_none_of_them() -> None:
    trouble = _trouble(KafkaError._TRANSPORT)
    messages = [_message("events.raw", 0, 1), trouble, _message("events.raw", 0, 2), _message("events.raw", 1, 3)]

    assert [list(batch.offsets) for batch in _read([trouble, *messages, trouble])] == [[1, 2], [3]]
    assert _read([trouble]) == []


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (KafkaError._AUTO_OFFSET_RESET, LogChanged),
        (KafkaError.OFFSET_OUT_OF_RANGE, LogChanged),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, PermissionError),
    ],
)
def test_trouble_that_does_not_pass_is_raised_wherever_it_stands(code: int, raised: type[Exception]) -> None:
    messages = [_message("events.raw", 0, 1), _trouble(KafkaError._TRANSPORT), _trouble(code)]

    with pytest.raises(raised):
        _read(messages)

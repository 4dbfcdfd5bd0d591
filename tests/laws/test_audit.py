"""The audit says 0 exactly when nothing was lost or doubled, whatever is going on while it looks."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.laws.audited_path import (
    ACCEPTED_TOPIC,
    DELIVER,
    PARTITIONS,
    PREPARED_TOPIC,
    RAW,
    REJECTED_TOPIC,
    AuditedPath,
    rows_of,
)

HOPS = ["accept", "resolve", "deliver"]
Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(st.sampled_from(["send", *HOPS]), st.integers(0, PARTITIONS - 1), st.integers(1, 8)), max_size=15
)
BETWEEN_HOPS = [ACCEPTED_TOPIC, PREPARED_TOPIC, REJECTED_TOPIC]


def travelled(history: list[Step]) -> AuditedPath:
    """A path that something has been through already, so that there is something to lose everywhere."""
    path = AuditedPath()
    for partition in range(PARTITIONS):
        path.send(partition, 12)
    path.drain()
    run(path, history)
    return path


def run(path: AuditedPath, history: list[Step]) -> None:
    for name, partition, count in history:
        getattr(path, name)(partition, count)


def in_bits(path: AuditedPath, history: list[Step]) -> Callable[[], None]:
    """Each call does the next three steps of the history."""
    rest = iter(history)
    return lambda: run(path, list(islice(rest, 3)))


def pick(data: Any, choices: Any) -> Any:
    return data.draw(st.sampled_from(sorted(choices)))


@given(steps)
def test_an_honest_history_is_accounted_for(history: list[Step]) -> None:
    report = travelled(history).audit()

    assert (report.unaccounted, report.problems, report.notes) == (0, [], [])


@given(steps)
def test_accepted_is_what_was_delivered_dropped_refused_or_waits(history: list[Step]) -> None:
    path = travelled(history)
    report = path.audit()

    refused = report.rejected_by_code.get("refused_by_destination", 0)
    before_deliver = sum(
        waiting.rows for waiting in path.cut().waiting if waiting.topic in (ACCEPTED_TOPIC, PREPARED_TOPIC)
    )
    assert report.accepted == report.delivered + report.duplicates + refused + before_deliver


@given(steps, steps)
def test_a_path_that_moves_while_the_audit_looks_is_no_false_alarm(history: list[Step], meanwhile: list[Step]) -> None:
    path = travelled(history)
    path.between_looks = in_bits(path, meanwhile)

    report = path.audit()

    assert (report.unaccounted, report.problems) == (0, [])


def test_resolve_may_have_read_what_accept_wrote_after_its_account_was_read() -> None:
    path = travelled([("send", 0, 8)])
    path.between_looks = in_bits(path, [("send", 1, 1)] * 3 + [("accept", 0, 8), ("resolve", 0, 9), ("resolve", 1, 9)])

    assert path.audit().unaccounted == 0


@given(steps, steps, st.sampled_from(BETWEEN_HOPS), st.data())
def test_a_message_that_vanished_is_missed_even_while_everything_moves(
    history: list[Step], meanwhile: list[Step], topic: str, data: st.DataObject
) -> None:
    path = travelled(history)
    path.send(0, 12)
    path.send(1, 12)
    run(path, {ACCEPTED_TOPIC: accepted(), PREPARED_TOPIC: resolved(), REJECTED_TOPIC: accepted()}[topic])
    place = pick(data, [place for place in path.content if place[0] == topic and waiting(path, place)])
    offset = pick(data, waiting(path, place))
    gone = rows_of(path.content[place][offset])
    path.content[place][offset] = None
    path.between_looks = in_bits(path, meanwhile)

    assert path.audit().unaccounted == gone


@given(steps, steps, st.sampled_from(BETWEEN_HOPS), st.data())
def test_a_message_that_stands_there_twice_is_noticed(
    history: list[Step], meanwhile: list[Step], topic: str, data: st.DataObject
) -> None:
    path = travelled(history)
    place = pick(data, [place for place in path.content if place[0] == topic])
    copied = pick(data, [offset for offset, message in enumerate(path.content[place]) if message])
    message = path.content[place][copied]
    path.content[place].append(message)
    path.between_looks = in_bits(path, meanwhile)

    assert path.audit().unaccounted == rows_of(message)


@given(steps, steps, st.data())
def test_a_row_that_clickhouse_lost_is_missed(history: list[Step], meanwhile: list[Step], data: st.DataObject) -> None:
    path = travelled(history)
    place = pick(data, [place for place, held in path.landed.items() if held])
    path.landed[place].discard(pick(data, path.landed[place]))
    path.between_looks = in_bits(path, meanwhile)

    report = path.audit()

    assert report.unaccounted == 1
    assert f"{place[0]}[{place[1]}]" in report.problems[0]


@given(steps, st.data())
def test_a_raw_record_that_accept_passed_over_is_missed(history: list[Step], data: st.DataObject) -> None:
    path = travelled(history)
    partition = pick(data, range(PARTITIONS))
    path.drain()
    path.send(partition, 3)
    path.counters["accept", partition][RAW].position += 1
    path.drain()

    assert path.audit().unaccounted == 1


@given(steps, st.data())
def test_markers_in_the_raw_log_are_no_records(history: list[Step], data: st.DataObject) -> None:
    path = travelled(history)
    partition = pick(data, range(PARTITIONS))
    path.content[RAW, partition] += [None, (b"1", []), None]
    path.drain()

    assert path.audit().unaccounted == 0


@given(steps, st.sampled_from([("accept", RAW), ("resolve", ACCEPTED_TOPIC), (DELIVER, PREPARED_TOPIC)]))
def test_a_row_that_a_hop_took_and_gave_no_fate_is_missed(history: list[Step], where: tuple[str, str]) -> None:
    path = travelled(history)
    hop, topic = where
    account = path.published[f"{hop}:0"]
    kept = [log for log in account.logs if log.topic != topic]
    [log] = [log for log in account.logs if log.topic == topic]
    kind, project, detail, rows, total = log.fates[0]
    log = type(log)(
        log.topic, log.log, log.position, rows=log.rows, sum=log.sum, fates=[(kind, project, detail, rows - 1, total)]
    )
    path.published[f"{hop}:0"] = type(account)(hop=hop, partition=0, logs=[*kept, log])

    assert path.audit().unaccounted > 0


def test_as_many_rows_that_are_others_are_noticed() -> None:
    path = AuditedPath()
    path.send(0, 4)
    path.accept(0, 4)
    strange = AuditedPath()
    strange.send(0, 8)
    strange.accept(0, 8)
    strange.send(0, 8)
    strange.accept(0, 4)
    place = (ACCEPTED_TOPIC, 1)
    assert rows_of(path.content[place][0]) == rows_of(strange.content[place][2])  # type: ignore[arg-type]
    value, _ = path.content[place][0]  # type: ignore[misc]
    path.content[place][0] = (value, strange.content[place][2][1])  # type: ignore[index]

    report = path.audit()

    assert report.unaccounted == 1
    assert "not the same ones" in report.problems[0]


@given(steps)
def test_on_a_broker_that_shows_aborted_messages_they_count_once(history: list[Step]) -> None:
    path = travelled(history)
    path.shows_aborted = True
    place = next(place for place in path.content if place[0] == PREPARED_TOPIC and any(path.content[place]))
    message = next(message for message in path.content[place] if message)
    path.content[place].append(message)

    report = path.audit()

    assert (report.unaccounted, report.redelivered) == (0, rows_of(message))


def accepted() -> list[Step]:
    return [("accept", partition, 1_000) for partition in range(PARTITIONS)]


def resolved() -> list[Step]:
    return [*accepted(), *(("resolve", partition, 1_000) for partition in range(PARTITIONS))]


def waiting(path: AuditedPath, place: tuple[str, int]) -> list[int]:
    """Offsets of the messages that no hop has read yet."""
    hop = path.readers[place[0]][0]
    position = path.counters[hop, place[1]][place[0]].position
    return [offset for offset, message in enumerate(path.content[place]) if message and offset >= position]

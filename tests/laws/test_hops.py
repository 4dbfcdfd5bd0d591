"""Laws of the hops: nothing is lost, twice is once, a batch may be cut anywhere, order within a key is kept."""

import uuid
from collections import Counter
from collections.abc import Mapping

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import hops
from pipeline.accept import AcceptRules, sort_out
from pipeline.dedupe import DedupRules
from pipeline.identity import IdentityRules
from pipeline.known import KnownRules
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome
from pipeline.registers import PeopleRules
from pipeline.resolve import ResolveRules
from pipeline.sessions import SessionRules
from pipeline.settings import Settings
from pipeline.spine import accept, resolve
from pipeline.transforming import Transformed
from schemas.batches import ACCEPTED, PREPARED, REJECTED, batch_headers, from_wire, hash_of, size_of, to_wire
from schemas.decoding import decoded
from schemas.record import RawBatch
from tests.unit.schemas.decoded import batch_of, context

RULES = AcceptRules(decoding=context(), partitions=4)
RESOLVE = ResolveRules(
    known=KnownRules(dedup=DedupRules(window_s=100, per_distinct_id_max=64), sessions=SessionRules()),
    people=PeopleRules(),
    identity=IdentityRules(),
    partitions=4,
)


def raw(distinct_id: str, number: int) -> bytes:
    name = uuid.UUID(int=number)
    return b'{"token":"phc_1","event":"e","distinct_id":"%s","uuid":"%s","properties":{"n":%d}}' % (
        distinct_id.encode(),
        str(name).encode(),
        number,
    )


ids = st.sampled_from(["ada", "bob", "eve", "é", "x" * 200])
good = st.builds(raw, ids, st.integers(0, 12))
records = st.lists(good | st.sampled_from([b"junk", b"[]", None]), max_size=30)


def saying(distinct_id: str, number: int, more: str) -> bytes:
    """An event that says something rare."""
    return raw(distinct_id, number)[:-2] + more.encode() + b"}"


MORE = [
    *(',"$session_id":"s"}', ',"$set":{"a":1}}', '},"$set":{"a":1}', '},"$set_once":{"a":1}', '},"$unset":["a"]'),
    *(
        '},"historical":true',
        ',"a":"\\u00e9"}',
        ',"a":"\\ud800"}',
        '},"timestamp":"no time"',
        '},"timestamp":"20230101"',
    ),
]
rare = st.builds(saying, ids, st.integers(0, 12), st.sampled_from(MORE))
mixed = st.lists(good | rare | st.sampled_from([b"junk", None]), max_size=30)


def accepted_rows(outcome: Outcome) -> dict[int, list[dict[str, object]]]:
    return {partition: rows.to_pylist() for partition, rows in outcome.moved}


@given(records)
def test_accept_puts_every_record_in_exactly_one_place(values: list[bytes | None]) -> None:
    outcome = accept(batch_of(values), RULES)

    offsets = [row["source_offset"] for rows in accepted_rows(outcome).values() for row in rows]
    refused = [] if outcome.rejected is None else outcome.rejected.column("offset").to_pylist()
    assert sorted(offsets + refused) == list(range(len(values)))
    assert sum(fate.rows for fate in outcome.fates) == len(values)


@given(records)
def test_a_rejected_record_keeps_its_original_bytes(values: list[bytes | None]) -> None:
    outcome = accept(batch_of(values), RULES)

    for row in [] if outcome.rejected is None else outcome.rejected.to_pylist():
        assert row["value"] == values[row["offset"]]


def test_many_rejected_records_stand_in_the_order_of_the_log() -> None:
    values: list[bytes | None] = [b"junk" if number % 7 == 3 else raw("ada", number) for number in range(2_000)]

    found = accept(batch_of(values), RULES).rejected

    assert found is not None
    assert found.column("offset").to_pylist() == list(range(3, 2_000, 7))


@given(records)
def test_accept_keeps_the_order_within_a_distinct_id_and_its_partition(values: list[bytes | None]) -> None:
    homes: dict[object, int] = {}
    for partition, rows in accepted_rows(accept(batch_of(values), RULES)).items():
        by_id: dict[object, list[object]] = {}
        for row in rows:
            assert homes.setdefault(row["distinct_id"], partition) == partition
            by_id.setdefault(row["distinct_id"], []).append(row["source_offset"])
        assert all(offsets == sorted(offsets) for offsets in by_id.values())  # type: ignore[type-var]


@given(mixed)
def test_events_in_columns_are_sorted_out_like_events_one_by_one(values: list[bytes | None]) -> None:
    batch = batch_of(values)
    found = decoded(batch, RULES.decoding)

    in_columns = sort_out(batch, Transformed(found), RULES)
    one_by_one = sort_out(batch, Transformed(list(found)), RULES)

    assert accepted_rows(in_columns) == accepted_rows(one_by_one)
    assert in_columns.fates == one_by_one.fates
    assert in_columns.rejected == one_by_one.rejected
    assert in_columns.repaired == one_by_one.repaired
    for rows in accepted_rows(in_columns).values():
        offsets = [row["source_offset"] for row in rows]
        assert offsets == sorted(offsets)  # type: ignore[type-var]


def opened_messages(messages: list[tuple[int, pa.RecordBatch]], most: int) -> list[LogBatch]:
    """What becomes of messages by their offsets where a batch has at most so many rows."""
    values = [to_wire(message) for _, message in messages]
    headers = [batch_headers(message) for _, message in messages]
    count = len(messages)
    raw_batch = RawBatch(
        "events.accepted", b"A" * 16, 0, [at for at, _ in messages], [0] * count, values, [None] * count, headers
    )
    before, hops.ROWS_AT_ONCE = hops.ROWS_AT_ONCE, most
    try:
        return list(hops.opened(raw_batch))
    finally:
        hops.ROWS_AT_ONCE = before


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.integers(1, 20))
def test_opened_messages_keep_every_row_and_its_number_in_batches_of_bounded_size(sizes: list[int], most: int) -> None:
    rows = one_batch([raw(f"id-{number}", number) for number in range(50)])
    messages = [(10 + offset, rows.slice(0, size)) for offset, size in enumerate(sizes)]

    found = opened_messages(messages, most)

    places = [(at, row) for at, message in messages for row in range(message.num_rows)]
    assert [
        place for batch in found for place in zip(batch.offsets.tolist(), batch.numbers.tolist(), strict=True)
    ] == places
    assert all(batch.rows.num_rows <= most for batch in found)
    assert [uuid for batch in found for uuid in batch.rows.column("uuid").to_pylist()] == [
        uuid for _, message in messages for uuid in message.column("uuid").to_pylist()
    ]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([4], [[(10, 4)]]),
        ([5], [[(10, 4)], [(10, 1)]]),
        ([8], [[(10, 4)], [(10, 4)]]),
        ([2, 2, 1], [[(10, 2), (11, 2)], [(12, 1)]]),
        ([1, 4, 0, 1], [[(10, 1)], [(11, 4)], [(13, 1)]]),
        ([1, 1, 9, 1, 0, 1], [[(10, 1), (11, 1)], [(12, 4)], [(12, 4)], [(12, 1)], [(13, 1), (15, 1)]]),
        ([0], [[]]),
    ],
)
def test_small_messages_are_joined_and_large_ones_cut(sizes: list[int], expected: list[list[tuple[int, int]]]) -> None:
    rows = one_batch([raw(f"id-{number}", number) for number in range(9)])

    found = opened_messages([(10 + offset, rows.slice(0, size)) for offset, size in enumerate(sizes)], most=4)

    assert [sorted(Counter(batch.offsets.tolist()).items()) for batch in found] == expected


def test_messages_are_joined_only_as_far_as_their_bytes_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = one_batch([raw(f"id-{number}", number) for number in range(9)])
    monkeypatch.setattr(hops, "BYTES_AT_ONCE", size_of(rows.slice(0, 4)))

    found = opened_messages([(10 + offset, rows.slice(0, size)) for offset, size in enumerate([2, 2, 9, 1])], most=9)

    assert [batch.rows.num_rows for batch in found] == [4, 9, 1]


def rows_at_once(hop: hops.ResolveHop, count: int, more: str = "}") -> int:
    """The most rows of an outcome, of so many events that say more."""
    rows = one_batch([saying("ada", number, more) for number in range(count)])
    batch = RawBatch(hop.sources[0], b"A" * 16, 0, [0], [0], [to_wire(rows)], [None], [batch_headers(rows)])
    return max(outcome.rows for outcome in hop.outcomes(batch, {}.get))


def test_more_events_are_taken_at_once_while_they_carry_little_of_their_people() -> None:
    hop = hops.ResolveHop(Settings())

    assert rows_at_once(hop, 4_100) == hops.ROWS_AT_ONCE
    assert rows_at_once(hop, 4_100) == hops.EVENTS_AT_ONCE
    rows_at_once(hop, 10, '},"$set":{"a":"%s"}}' % ("x" * 16_000))
    assert rows_at_once(hop, 4_100) == hops.ROWS_AT_ONCE


def test_what_events_carry_of_their_people_always_fits_into_a_column() -> None:
    hop = hops.ResolveHop(Settings(people=PeopleRules(view_bytes_max=1_048_576)))

    assert [rows_at_once(hop, 4_100) * 1_048_576 < 2**31 for _ in range(2)] == [True, True]


def test_replaced_surrogates_of_accepted_rows_are_counted() -> None:
    broken = b'{"token":"phc_1","event":"e","distinct_id":"a\\ud800","properties":{"p":"\\udfff"}}'
    refused = b'{"token":"nobody","event":"e","distinct_id":"a\\ud800"}'

    assert accept(batch_of([raw("ada", 1), broken, refused]), RULES).repaired == 2


class State(dict[bytes, bytes]):
    def take(self, changes: Mapping[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.pop(key, None)
            else:
                self[key] = value


def resolved(batches: list[pa.RecordBatch], state: State) -> list[bytes]:
    """The uuids that go on, after resolving the batches one after the other."""
    moved: list[bytes] = []
    for offset, rows in enumerate(batches):
        outcome = resolve(LogBatch.joined(b"A" * 16, 0, [(offset, rows)]), state.get, RESOLVE)
        state.take(outcome.changes)
        moved += [uuid for _, piece in outcome.moved for uuid in piece.column("uuid").to_pylist()]
    return moved


def test_an_event_behind_a_set_in_the_same_batch_carries_it() -> None:
    setting = b'{"token":"phc_1","event":"e","distinct_id":"ada","$set":{"plan":"pro"},"uuid":"%b"}'
    values = [raw("ada", 1), setting % b"00000000-0000-4000-8000-000000000001", raw("ada", 2)]
    rows = one_batch(values)

    outcome = resolve(LogBatch.joined(b"A" * 16, 0, [(0, rows)]), {}.get, RESOLVE)

    [(_, moved)] = outcome.moved
    carried = moved.column("person_properties").to_pylist()
    assert carried == [b"", b'{"plan":"pro"}', b'{"plan":"pro"}']


def one_batch(values: list[bytes]) -> pa.RecordBatch:
    pieces = [rows for _, rows in accept(batch_of(list(values)), RULES).moved]
    return pa.concat_batches(pieces) if pieces else pa.record_batch([[] for _ in ACCEPTED], schema=ACCEPTED)


@given(st.lists(good, min_size=1, max_size=30), st.integers(0, 30))
def test_resolve_may_be_given_a_batch_cut_anywhere(values: list[bytes], at: int) -> None:
    rows = one_batch(values)
    cut = min(at, rows.num_rows)
    parts = [part for part in (rows.slice(0, cut), rows.slice(cut)) if part.num_rows]
    whole, cut_state = State(), State()

    assert resolved([rows], whole) == resolved(parts, cut_state)
    assert whole == cut_state


@given(st.lists(good, min_size=1, max_size=30), st.integers(1, 29))
def test_joined_messages_keep_the_place_of_every_row(values: list[bytes], at: int) -> None:
    rows = one_batch(values)
    parts = [(offset, part) for offset, part in ((5, rows.slice(0, at)), (9, rows.slice(at))) if part.num_rows]

    outcome = resolve(LogBatch.joined(b"A" * 16, 0, parts), {}.get, RESOLVE)

    raw = {(offset, row): one for offset, part in parts for row, one in enumerate(part.to_pylist())}
    for _, moved in outcome.moved:
        for one in moved.to_pylist():
            sent = raw[one["accepted_offset"], one["accepted_row"]]
            assert (one["uuid"], one["properties"]) == (sent["uuid"], sent["properties"])


@given(st.lists(good, min_size=1, max_size=30))
def test_twice_is_once(values: list[bytes]) -> None:
    rows = one_batch(values)
    state = State()

    first = resolved([rows], state)

    assert resolved([rows], state) == []
    assert len(first) == len({(row["distinct_id"], row["uuid"]) for row in rows.to_pylist()})


def test_an_event_from_after_2106_is_remembered_too() -> None:
    rows = one_batch([raw("ada", 1)])
    late = pa.array([7_300_000_000_000_000]).cast(ACCEPTED.field("received_at").type)  # in 2201
    rows = rows.set_column(rows.schema.names.index("received_at"), ACCEPTED.field("received_at"), late)
    state = State()

    assert len(resolved([rows], state)) == 1
    assert resolved([rows], state) == []


def test_events_that_came_too_late_for_a_session_are_counted() -> None:
    values = [
        saying("ada", 1, '},"timestamp":"2022-12-20T00:00:00Z"'),
        saying("ada", 2, '},"timestamp":"2022-12-13T00:00:00Z"'),  # seven days before
        saying("ada", 3, '},"timestamp":"2022-12-12T23:59:59Z"'),
        saying("ada", 4, ',"$session_id":"s"},"timestamp":"2022-12-01T00:00:00Z"'),  # its sender knows its session
        saying("bob", 5, '},"timestamp":"2022-12-01T00:00:00Z"'),
    ]

    outcome = resolve(LogBatch.joined(b"A" * 16, 0, [(0, one_batch(values))]), {}.get, RESOLVE)

    assert outcome.late == 1
    [(_, moved)] = outcome.moved
    assert moved.filter(pa.compute.equal(moved["session_id"], ""))["distinct_id"].to_pylist() == ["ada"]


@given(st.lists(good, min_size=1, max_size=30))
def test_every_uuid_that_went_in_is_counted_where_it_went(values: list[bytes]) -> None:
    rows = one_batch(values)

    outcome = resolve(LogBatch.joined(b"A" * 16, 0, [(0, rows)]), {}.get, RESOLVE)

    assert sum(fate.uuid_sum for fate in outcome.fates) % 2**64 == outcome.uuid_sum == hash_of(rows.column("uuid"))


@given(st.lists(good, min_size=1, max_size=30), st.integers(0, 29), st.integers(1, 30))
def test_a_batch_survives_the_wire_whole_and_in_slices(values: list[bytes], start: int, length: int) -> None:
    rows = one_batch(values)
    part = rows.slice(min(start, rows.num_rows - 1), length)

    assert from_wire(to_wire(part), ACCEPTED).equals(part)
    assert hash_of(part.column("uuid")) == sum(int.from_bytes(u[8:]) for u in part.column("uuid").to_pylist()) % 2**64


@given(st.lists(good | rare, min_size=1, max_size=30), st.integers(0, 29), st.integers(1, 30))
def test_the_size_of_rows_is_what_they_take_in_memory(values: list[bytes], start: int, length: int) -> None:
    batch = one_batch(values).slice(min(start, len(values) - 1), length)

    assert batch.nbytes - 100 * batch.num_columns <= size_of(batch) <= batch.nbytes


def test_the_schemas_of_the_topics_have_distinct_columns() -> None:
    for schema in (ACCEPTED, PREPARED, REJECTED):
        assert len(set(schema.names)) == len(schema.names)

"""The benchmark's events are the same every time, and what becomes of each is known."""

from collections import Counter

import msgspec

from pipeline.bench.generator import DISTINCT_IDS, HOSTILE, expected, records
from schemas.decoding import DecodeContext, decode
from schemas.event import Rejected
from schemas.limits import Limits
from schemas.record import RawBatch


def test_the_same_seed_gives_the_same_records() -> None:
    first, second, other = list(records(3_000)), list(records(3_000)), list(records(3_000, seed=2))

    assert first == second
    assert first != other


def test_an_event_has_35_properties_in_about_a_kilobyte() -> None:
    found = list(records(1_000))

    told = [msgspec.json.decode(record.value) for record in found]
    assert {len(one["properties"]) for one in told if one["event"] != "$identify"} == {35}
    assert sum(one["event"] == "$identify" for one in told) == 30
    assert sum("$set" in one for one in told) == 100
    assert all(1_000 < len(record.value) < 1_400 for record in found)


def test_a_repeat_is_exact_and_one_in_twenty_is_one() -> None:
    found = list(records(20_000))

    assert len(found) - len(set(found_values := [record.value for record in found])) == expected(20_000)["duplicate"]
    assert len(found_values) == sum(expected(20_000).values())


def test_the_key_is_the_distinct_id_of_one_of_fifty_thousand() -> None:
    found = list(records(2_000))

    assert all(msgspec.json.decode(record.value)["distinct_id"].encode() == record.key for record in found)
    assert all(int(record.key.removeprefix(b"user-")) < DISTINCT_IDS for record in found)


def test_what_is_said_to_be_hostile_is_refused_for_that_reason() -> None:
    values = [value for _, value in HOSTILE]
    schema = {"type": "record", "name": "Event", "fields": [{"name": "token", "type": "string"}]}
    context = DecodeContext(projects={"demo": 1}, limits=Limits(), avro={1: schema})

    codes = [outcome.code if isinstance(outcome, Rejected) else "" for outcome in decode(_batch(values), context)]

    assert codes == [code for code, _ in HOSTILE]


def test_the_promised_counts_are_those_of_the_records() -> None:
    wanted = expected(30_000, hostile_every=100)

    sent = Counter(record.value for record in records(30_000, hostile_every=100) if record.key == b"hostile")

    assert sum(sent[value] for code, value in HOSTILE if code == "not_json") == wanted["not_json"]
    assert sum(wanted.values()) == 30_000


def _batch(values: list[bytes]) -> RawBatch:
    count = len(values)
    nothing = [None] * count
    return RawBatch(
        "events.raw", bytes(16), 0, list(range(count)), [1_790_000_000_000] * count, values, nothing, nothing
    )

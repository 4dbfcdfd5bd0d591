"""Input that is meant to hurt, or might as well be: each ends with its own verdict and stops nothing."""

import io
import json
from typing import Any

import fastavro
import msgspec
import pytest

from schemas.avro import parse_schema
from schemas.decoding import decode
from schemas.event import Event
from schemas.limits import EVENT_BYTES_MAX, Limits
from tests.unit.schemas.decoded import RECEIVED_MS, batch_of, code, context, decode_one, event

PLAIN = b'{"token":"phc_1","event":"e","distinct_id":"d","uuid":"0189c7a0-0000-7000-8000-000000000001","timestamp":%s}'
NOW = b'"2023-01-01T11:00:00Z"'


def with_properties(text: bytes, timestamp: bytes = NOW) -> bytes:
    return PLAIN[:-1] % timestamp + b',"properties":' + text + b"}"


def carefully(value: bytes) -> bytes:
    """The same event with a key that only the careful way understands."""
    return value[:-1] + b',"sent_at":null}'


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("way", [bytes, carefully])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (nested(64), "too_deep"),
        (nested(5_000), "too_deep"),
        (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "too_deep"),
        (b"{" + b",".join(b'"k%d":0' % n for n in range(10_001)) + b"}", "too_many_properties"),
        (b'{"a":"' + b"x" * 5_000_000 + b'"}', "too_large"),
        (b'{"a":"\xff"}', "not_json"),
        (b'{"a":"\xed\xa0\x80"}', "not_json"),
        (b'{"a":"\x00"}', "not_json"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":-Infinity}', "not_json"),
        (b'{"a":01}', "not_json"),
        (b'{"a":1e999,"b":Infinity}', "not_json"),
        (b'{"a":1e999,"b":[}', "not_json"),
        (b'{"$unset":[5]}', "wrong_type"),
        (b'{"a":1,}', "not_json"),
        (b"[]", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"7", "wrong_type"),
    ],
)
def test_bad_properties_are_refused_alike_on_both_ways(way: Any, text: bytes, expected: str) -> None:
    assert code(way(with_properties(text))) == expected


@pytest.mark.parametrize("way", [bytes, carefully])
@pytest.mark.parametrize(
    "number", [b"1e999", b"-1e999", b"9" * 400, b"9" * 5_000, b"123456789012345678901234567890", b"1.5e300", b"0.1"]
)
def test_numbers_of_any_size_are_kept_as_they_were_sent(way: Any, number: bytes) -> None:
    found = event(way(with_properties(b'{"a":%s,"b":18446744073709551616}' % number)))

    kept = json.loads(found.properties, parse_float=str, parse_int=str)
    assert kept == {"a": number.decode(), "b": "18446744073709551616"}


def test_a_negative_zero_stays_a_number() -> None:
    assert json.loads(event(carefully(with_properties(b'{"a":-0,"b":-0.0}'))).properties) == {"a": 0, "b": 0}


@pytest.mark.parametrize("number", [b"1e300", b"1e308", b"1e999", b"9" * 400, b"9" * 5_000, b"-1", b"-1e999"])
@pytest.mark.parametrize("name", [b"timestamp", b"offset", b"sent_at"])
def test_absurd_times_are_refused(name: bytes, number: bytes) -> None:
    if (name, number) == (b"offset", b"-1") or (name, number) == (b"sent_at", b"-1"):
        number = b"-1e15"
    value = PLAIN[:-1] % NOW + b',"%s":%s}' % (name, number)

    assert code(value) == "timestamp_out_of_range"


@pytest.mark.parametrize("now", [1e300, 1e308, -5, "9" * 5_000, "never", None, "9999-01-01", [], True])
def test_a_receipt_that_is_none_is_not_believed(now: Any) -> None:
    inner = json.dumps({"event": "e"})
    envelope = {"data": inner, "now": now, "token": "phc_1", "distinct_id": "d"}
    call = {"type": "track", "writeKey": "phc_1", "userId": "d", "event": "e", "receivedAt": now}

    assert event(envelope).received_at == RECEIVED_MS * 1000
    assert event(call).received_at == RECEIVED_MS * 1000


UNUSABLE_MS = [-1, 9_214_646_400_000, 9_300_000_000_000, 18_446_744_073_709_552, (1 << 63) - 1, -(1 << 63)]


@pytest.mark.parametrize("timestamp_ms", UNUSABLE_MS)
@pytest.mark.parametrize("way", [bytes, carefully])
def test_a_record_without_a_usable_timestamp_of_its_own_is_refused(way: Any, timestamp_ms: int) -> None:
    batch = msgspec.structs.replace(batch_of([way(with_properties(b"{}"))]), timestamps=[timestamp_ms])

    [verdict] = decode(batch, context())

    assert getattr(verdict, "code", None) == "timestamp_out_of_range"


@pytest.mark.parametrize("key", [b"$set", b"$set_once", b"\\u0024set", b"$\\u0073et", b"\\u0024s\\u0065t_once"])
def test_a_hidden_set_is_found_however_it_is_spelled(key: bytes) -> None:
    found = event(with_properties(b'{"p":1,"%s":{"a":1}}' % key))

    assert json.loads(found.properties) == {"p": 1}
    assert b'{"a":1}' in (found.set, found.set_once)


def test_brackets_inside_texts_cost_time_and_change_nothing() -> None:
    text = b'{"a":"' + b"[{" * 500 + b'"}'

    assert event(with_properties(text)).properties == text


def test_only_the_bad_records_of_a_batch_are_refused_and_each_stays_in_its_place() -> None:
    good, bad = with_properties(b"{}"), [b"junk", b"", None, b"\x00\x01", b"{}\n{}", with_properties(nested(99)), b"\n"]
    values: list[bytes | None] = [*([good] * 300), *bad, good, *bad, *([good] * 300)]

    verdicts = decode(batch_of(values), context())

    assert [isinstance(verdict, Event) for verdict in verdicts] == [value == good for value in values]


def test_headers_of_others_change_nothing() -> None:
    headers = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("empty", None)]

    assert isinstance(decode_one(with_properties(b"{}"), headers=headers), Event)


def test_a_token_that_is_too_long_or_not_ascii_is_unknown_even_if_it_is_configured() -> None:
    for token in ("t" * 65, "é"):
        value = with_properties(b"{}").replace(b"phc_1", token.encode())

        assert code(value, projects={token: 1}) == "unknown_token"


def test_no_message_tells_a_token() -> None:
    found = decode_one(with_properties(b"{}").replace(b"phc_1", b"phc_secret"))

    assert "phc_secret" not in getattr(found, "message", "phc_secret")


def avro_record(fields: list[tuple[str, Any]], body: bytes) -> tuple[bytes, dict[int, Any]]:
    schema = {
        "type": "record",
        "name": "Event",
        "fields": [{"name": name, "type": kind} for name, kind in fields],
    }
    return b"\x00\x00\x00\x00\x05" + body, {5: parse_schema(schema)}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("float", b"\x01"),
        ("string", b"\x05abc"),
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7fabc"),
        ("string", b"\x02\xff"),
        (["null", "string"], b"\x10"),
        ({"type": "enum", "name": "E", "symbols": ["a"]}, b"\x10"),
        ({"type": "int", "logicalType": "date"}, b"\xfe\xff\xff\xff\x0f"),
        ({"type": "long", "logicalType": "timestamp-micros"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"),
        ({"type": "string", "logicalType": "uuid"}, b"\x04zz"),
        ({"type": "array", "items": "long"}, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x02"),
        ({"type": "map", "values": "long"}, b"\x02\x02a"),
    ],
)
def test_bytes_that_do_not_fit_the_schema_are_refused(kind: Any, body: bytes) -> None:
    value, known = avro_record([("a", kind)], body)

    assert code(value, avro=known) == "bad_avro"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}]},
        {"type": "record", "name": "N", "fields": [{"name": "all", "type": {"type": "map", "values": "N"}}]},
        {"type": "record", "name": "N", "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}]},
        {
            "type": "array",
            "items": {"type": "record", "name": "N", "fields": [{"name": "a", "type": "null"}]},
        },
        {"type": "record", "name": "N", "fields": [{"name": "a", "type": "Unknown"}]},
        {"type": "record"},
        5,
        None,
    ],
)
def test_a_schema_that_is_none_or_could_be_abused_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError):
        parse_schema(schema)


def test_json_in_a_text_field_of_avro_keeps_the_limits_too() -> None:
    schema = parse_schema(
        {
            "type": "record",
            "name": "Event",
            "fields": [{"name": name, "type": "string"} for name in ("token", "event", "distinct_id", "properties")],
        }
    )

    def record(properties: str) -> bytes:
        stream = io.BytesIO()
        row = {"token": "phc_1", "event": "e", "distinct_id": "d", "properties": properties}
        fastavro.schemaless_writer(stream, schema, row)
        return b"\x00\x00\x00\x00\x05" + stream.getvalue()

    assert code(record(nested(99).decode()), avro={5: schema}) == "too_deep"
    assert code(record("[]"), avro={5: schema}) == "wrong_type"
    assert event(record(r'{"a":"\ud800"}'), avro={5: schema}).repaired == 1


def test_what_avro_can_say_and_json_cannot_becomes_null_or_text() -> None:
    fields = [("token", "string"), ("event", "string"), ("distinct_id", "double"), ("properties", "Map")]
    schema = parse_schema(
        {
            "type": "record",
            "name": "Event",
            "fields": [
                {"name": name, "type": {"type": "map", "values": "double"} if kind == "Map" else kind}
                for name, kind in fields
            ],
        }
    )

    def record(distinct_id: float) -> bytes:
        stream = io.BytesIO()
        row = {"token": "phc_1", "event": "e", "distinct_id": distinct_id, "properties": {"a": float("inf")}}
        fastavro.schemaless_writer(stream, schema, row)
        return b"\x00\x00\x00\x00\x05" + stream.getvalue()

    assert event(record(1.5), avro={5: schema}).properties == b'{"a":null}'
    assert code(record(float("nan")), avro={5: schema}) == "missing_distinct_id"


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"page","writeKey":"phc_1","userId":"u","properties":{"title":"%s"}}' % (b"t" * 4_000_000),
        carefully(with_properties(b'{"a":[%s1]}' % (b"1e15," * 500_000))),
        carefully(with_properties(b'{"$set":{"a":[%s1]}}' % (b"1e15," * 500_000))),
    ],
)
def test_an_event_that_weighs_many_times_its_record_is_refused_where_no_topic_takes_it(value: bytes) -> None:
    assert len(value) < EVENT_BYTES_MAX

    assert code(value, limits=Limits(event_bytes=EVENT_BYTES_MAX, keys=1_000_000)) == "too_large"


def test_tight_limits_are_kept_on_both_ways() -> None:
    value = with_properties(b'{"a":{"b":1},"c":2}')

    for way in (value, carefully(value)):
        assert code(way, limits=Limits(depth=2)) == "too_deep"
        assert code(way, limits=Limits(keys=8)) == "too_many_properties"
        assert code(way, limits=Limits(event_name_chars=1, distinct_id_chars=1, token_bytes=4)) == "unknown_token"


@pytest.mark.parametrize(
    "text", ["x" * 36, "x" * 32, "0189c7a000000-7000-8000-00000000000001", "0" * 35 + "-", " " * 36]
)
def test_what_only_looks_like_a_uuid_is_hashed_and_kept(text: str) -> None:
    value = with_properties(b"{}").replace(b"0189c7a0-0000-7000-8000-000000000001", text.encode())

    found = event(value)

    assert (json.loads(found.properties), found.uuid[6] >> 4) == ({"$original_uuid": text}, 5)


@pytest.mark.parametrize("way", [bytes, carefully])
@pytest.mark.parametrize(
    ("timestamp", "expected_us"),
    [
        (b'"2023-01-02T11:00:00Z"', 82_800_000_000),
        (b'"2023-01-02T11:00:00.000001Z"', 0),
        (b'"2023-01-01T11:00:00"', -3_600_000_000),
        (b'"2023-01-01T11:00:00.1234567z"', -3_599_876_544),
        (b'""', 0),
        (b"null", 0),
    ],
)
def test_times_are_the_same_on_both_ways(way: Any, timestamp: bytes, expected_us: int) -> None:
    assert event(way(with_properties(b"{}", timestamp))).timestamp == RECEIVED_MS * 1000 + expected_us


def test_a_long_text_and_a_marked_line_are_no_objects() -> None:
    assert code(b'"' + b"x" * 60_000 + b'"') == "not_an_object"
    assert code(b"[1]", headers=[("other", b"1")]) == "not_an_object"
    assert (
        code(with_properties(b"{}"), headers=[("other", b"1"), ("headrace-unparsable-line", None)]) == "unparsable_line"
    )

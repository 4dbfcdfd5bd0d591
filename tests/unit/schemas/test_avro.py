"""Avro in Confluent's wire format: a zero byte, the schema's id in four bytes, the record.

The wire format is documented by Confluent ("Formats, serializers, and deserializers: wire format").
"""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from schemas.avro import parse_schema, schema_ids
from schemas.timestamps import micros
from tests.unit.schemas.decoded import RECEIVED_MS, code, event

SCHEMA = parse_schema(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": "token", "type": "string"},
            {"name": "event", "type": "string"},
            {"name": "distinct_id", "type": "string"},
            {"name": "timestamp", "type": ["null", "string"], "default": None},
            {"name": "properties", "type": {"type": "map", "values": ["null", "string", "long", "double"]}},
            {"name": "set", "type": ["null", "string"], "default": None},
        ],
    }
)


def avro(**changes: Any) -> bytes:
    stream = io.BytesIO()
    record = {"token": "phc_1", "event": "e", "distinct_id": "ada", "properties": {"a": 1}, **changes}
    fastavro.schemaless_writer(stream, SCHEMA, record)
    return b"\x00" + (5).to_bytes(4) + stream.getvalue()


def test_an_avro_record_arrives_with_its_properties() -> None:
    found = event(avro(set='{"plan":"pro"}'), avro={5: SCHEMA})

    assert (found.event, found.distinct_id, found.received_at) == ("e", "ada", RECEIVED_MS * 1000)
    assert (json.loads(found.properties), json.loads(found.set)) == ({"a": 1}, {"plan": "pro"})


def test_what_is_wrong_with_an_avro_record_is_named() -> None:
    known = {"avro": {5: SCHEMA}}

    assert code(avro()) == "unknown_schema"
    assert code(avro()[:-3], **known) == "bad_avro"
    assert code(avro() + b"x", **known) == "bad_avro"
    assert code(b"\x00\x00", **known) == "bad_avro"
    assert code(avro(set="junk"), **known) == "not_json"


def test_the_ids_that_a_batch_names_are_found_without_decoding() -> None:
    assert schema_ids([avro(), b"\x00\x00\x00\x01\x00rest", b"\x00\x00", b"{}", b"", None]) == {5, 256}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ({"type": "int", "logicalType": "date"}, date(2023, 1, 2), '"2023-01-02"'),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, Decimal("12.50"), '"12.50"'),
        ("bytes", b"\x00\xff", '"AP8="'),
        ({"type": "fixed", "name": "Digest", "size": 2}, b"\x00\xff", '"AP8="'),
        ("long", 2**63 - 1, "9223372036854775807"),
        ({"type": "array", "items": ["null", "int"]}, [1, None], "[1,null]"),
        ({"type": "enum", "name": "Plan", "symbols": ["free", "pro"]}, "pro", '"pro"'),
    ],
)
def test_every_type_of_a_property_has_its_json(kind: Any, value: Any, expected: str) -> None:
    properties = {"type": "record", "name": "Properties", "fields": [{"name": "a", "type": kind}]}
    schema = parse_schema(
        {
            "type": "record",
            "name": "Event",
            "fields": [{"name": name, "type": "string"} for name in ("token", "event", "distinct_id")]
            + [{"name": "properties", "type": properties}],
        }
    )
    stream = io.BytesIO()
    row = {"token": "phc_1", "event": "e", "distinct_id": "d", "properties": {"a": value}}
    fastavro.schemaless_writer(stream, schema, row)

    found = event(b"\x00" + (5).to_bytes(4) + stream.getvalue(), avro={5: schema})

    assert found.properties.decode() == f'{{"a":{expected}}}'


def test_a_timestamp_of_avro_is_understood() -> None:
    when = datetime(2023, 1, 1, 11, 30, 0, 250_000, tzinfo=UTC)
    schema = parse_schema(
        {
            "type": "record",
            "name": "Event",
            "fields": [
                {"name": "token", "type": "string"},
                {"name": "event", "type": "string"},
                {"name": "distinct_id", "type": "string"},
                {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            ],
        }
    )
    stream = io.BytesIO()
    row = {"token": "phc_1", "event": "e", "distinct_id": "d", "timestamp": when}
    fastavro.schemaless_writer(stream, schema, row)

    assert event(b"\x00" + (5).to_bytes(4) + stream.getvalue(), avro={5: schema}).timestamp == micros(when)


def test_a_schema_that_is_no_record_makes_no_event() -> None:
    assert code(b"\x00" + (5).to_bytes(4) + b"\x02a", avro={5: parse_schema("string")}) == "not_an_object"


def test_a_decimal_of_more_digits_than_its_precision_is_not_read() -> None:
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}
    schema = parse_schema({"type": "record", "name": "Event", "fields": [{"name": "distinct_id", "type": amount}]})
    long, short = ((length << 1).to_bytes() + b"\x7f" * length for length in (63, 16))
    longest = b"\x80\x7d" + b"\x7f" * 8_000

    assert code(b"\x00" + (5).to_bytes(4) + longest, avro={5: schema}) == "bad_avro"
    assert code(b"\x00" + (5).to_bytes(4) + long, avro={5: schema}) == "missing_token"
    assert code(b"\x00" + (5).to_bytes(4) + short, avro={5: schema}) == "missing_token"

"""What docs/events.md shows to producers is what happens."""

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pytest

from schemas.avro import parse_schema
from schemas.decoding import decode
from schemas.event import Event
from schemas.limits import Limits
from schemas.timestamps import micros, parse_time
from tests.unit.schemas.decoded import batch_of, context

TEXT = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
RECEIVED_MS = micros(datetime(2026, 11, 20, 12, 0, 10, tzinfo=UTC)) // 1000
EXAMPLES = re.findall(r"```json\n(.*?)```\n\nbecomes\n\n```text\n(.*?)```", TEXT, re.DOTALL)


def decoded(value: bytes, **options: Any) -> Event:
    batch = msgspec.structs.replace(batch_of([value]), timestamps=[RECEIVED_MS])
    [found] = decode(batch, context(**options))
    assert isinstance(found, Event), found
    return found


def test_every_form_in_json_has_its_example() -> None:
    assert len(EXAMPLES) == TEXT.count("```json") == 5


@pytest.mark.parametrize(("sent", "expected"), EXAMPLES)
def test_each_example_becomes_what_is_said(sent: str, expected: str) -> None:
    found = decoded(sent.replace("YOUR_TOKEN", "phc_1").encode())

    outcome = {
        "event": found.event,
        "distinct_id": found.distinct_id,
        "timestamp": parse_time(json.loads(expected)["timestamp"]),
        "properties": json.loads(found.properties),
    } | ({"set": json.loads(found.set)} if found.set else {})
    assert outcome == json.loads(expected) | {"timestamp": found.timestamp}


def test_the_schema_for_avro_carries_an_event() -> None:
    [definition] = re.findall(r"```avro\n(.*?)```", TEXT, re.DOTALL)
    schema = parse_schema(json.loads(definition))
    when = datetime(2026, 11, 20, 12, tzinfo=UTC)
    row = {"token": "phc_1", "event": "e", "distinct_id": "ada", "timestamp": when, "properties": {"total": 1.5}}
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, row | {"uuid": None, "set": '{"plan":"pro"}'})

    found = decoded(b"\x00" + (7).to_bytes(4) + stream.getvalue(), avro={7: schema})

    assert (found.timestamp, found.properties, found.set) == (micros(when), b'{"total":1.5}', b'{"plan":"pro"}')


def test_every_time_in_the_table_is_the_same_moment() -> None:
    table = TEXT.split("### Times")[1].split("\n\n")[1]
    shown = [cell for line in table.splitlines()[2:] for cell in re.findall(r"`([^`]+)`", line.split("|")[1])]

    moments = {parse_time(json.loads(text) if text[0] == '"' or text.isdigit() else text) for text in shown}

    noon = micros(datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert len(shown) == 11
    assert moments == {noon, noon + 123_456, noon - 12 * 3600 * 1_000_000, noon + 500_000}


def test_every_limit_is_listed_with_its_default() -> None:
    for field in msgspec.structs.fields(Limits):
        assert re.search(
            rf"\| {field.default:,} .*`limits.{field.name}`|\| {field.default} .*`limits.{field.name}`", TEXT
        )

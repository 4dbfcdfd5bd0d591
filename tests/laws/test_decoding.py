"""No bytes whatever crash the decoder, and both ways through it agree."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro import parse_schema
from schemas.decoding import decode, decode_carefully
from schemas.event import Event, Rejected
from schemas.marks import CLAIM_EVENTS
from tests.unit.schemas.decoded import batch_of, context

texts = st.text(max_size=20) | st.sampled_from(["", "\x00", "\ud800", "😀", "null", "phc_1", "2023-01-01", "a" * 201])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
NAMES = """
    token api_key $token uuid event distinct_id $distinct_id timestamp sent_at offset properties $set $set_once $unset
    type data now historical userId anonymousId context traits messageId writeKey
"""
names = st.sampled_from(NAMES.split())
objects = st.dictionaries(names | texts, trees, max_size=12)
TIMES = r"(19|20)\d\d-[01]\d-[0-3]\d([T ][0-2]\d(:?[0-6]\d(:?[0-6]\d([.,]\d{1,9})?)?)?([Zz]|[+-][0-2]\d(:?[0-6]\d)?)?)?"
times = st.from_regex(TIMES, fullmatch=True) | st.datetimes().map(lambda when: when.isoformat() + "Z")
said = st.fixed_dictionaries(
    {},
    optional={
        "$anon_distinct_id": scalars | trees,
        "alias": scalars,
        "$session_id": scalars | trees,
        "$process_person_profile": scalars,
        "$set": objects,
    },
)
likely = st.fixed_dictionaries(
    {"token": st.just("phc_1"), "event": texts | st.sampled_from(list(CLAIM_EVENTS)), "distinct_id": texts},
    optional={
        "uuid": texts | st.uuids().map(str),
        "timestamp": texts | times,
        "properties": objects | said,
        "type": st.sampled_from(["track", "page", "odd"]),
        "$set": objects | trees,
        "$set_once": objects,
        "$unset": st.lists(texts, max_size=3) | trees,
        "data": texts,
        "now": texts,
    },
)


FRAGMENTS = [
    *("1e999", "-0", "99999999999999999999999", "nan", "01", '"$set"', '"[[{{"', "[[[[]]]]"),
    *(r'"\ud800"', r'"\ud83d\ude00"', r'"\q"', r'"\u0000"', '"\x00"', r'{"\u0024set":{}}'),
    *('{"$set":{"a":1}}', '{"$unset":["a"]}', '{"a":1,"a":2}', '{"$ignore_sent_at":true}'),
    *('{"distinct_id":"x"}', '{"token":"phc_2"}', '{"token":5}', '{"$ip":null}'),
]
fragments = st.sampled_from([pattern % text for text in FRAGMENTS for pattern in ("%s", '{"a":%s}', '{"$set":%s}')])


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def with_fragment(pair: tuple[dict[str, Any], str]) -> bytes:
    """A likely event with a value that no JSON library would write."""
    return as_bytes(pair[0])[:-1] + b',"properties":' + pair[1].encode() + b"}"


def mangled(pair: tuple[bytes, list[tuple[int, int]]]) -> bytes:
    value = bytearray(pair[0])
    for at, byte in pair[1]:
        if value:
            value[at % len(value)] = byte
    return bytes(value)


changes = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)
odd = st.tuples(likely, fragments).map(with_fragment)
anything = (
    st.binary(max_size=200)
    | st.binary(max_size=50).map(lambda tail: b"\x00\x00\x00\x00\x05" + tail)
    | trees.map(as_bytes)
    | objects.map(as_bytes)
    | st.tuples(likely.map(as_bytes), changes).map(mangled)
    | odd
)


def spelled(text: bytes) -> Any:
    """Strict JSON in strict UTF-8; numbers beyond every type as their text."""
    return json.loads(text.decode(), parse_float=number, parse_int=number, parse_constant=int)


def number(text: str) -> Any:
    return float(text) if abs(float(text)) < 1e300 else text


@given(st.lists(anything | st.none(), max_size=5))
def test_every_record_ends_as_an_event_or_a_rejection_in_its_place(values: list[bytes | None]) -> None:
    verdicts = decode(batch_of(values), context())

    assert len(verdicts) == len(values)
    for verdict in verdicts:
        assert isinstance(verdict, (Event, Rejected))
        if isinstance(verdict, Event):
            for text in (verdict.properties, verdict.set or b"{}", verdict.set_once or b"{}"):
                assert isinstance(spelled(text), dict)
            assert verdict.distinct_id.encode()
            assert verdict.event.encode()


@given(likely.map(as_bytes) | objects.map(as_bytes) | odd)
def test_the_quick_way_and_the_careful_way_agree(value: bytes) -> None:
    batch = batch_of([value])

    [quick] = decode(batch, context())
    careful = decode_carefully(batch, 0, context())

    if isinstance(quick, Event) and isinstance(careful, Event):
        for name in ("properties", "set", "set_once"):
            assert spelled(getattr(quick, name) or b"{}") == spelled(getattr(careful, name) or b"{}")
        blank = {"properties": b"", "set": b"", "set_once": b""}
        assert msgspec.structs.replace(quick, **blank) == msgspec.structs.replace(careful, **blank)
    else:
        assert quick == careful


@given(
    st.lists(likely.map(as_bytes) | odd | st.sampled_from([b"\n", b"", b"{}\n{}"]), min_size=1, max_size=6),
    st.integers(0, 6),
)
def test_a_batch_may_be_cut_anywhere(values: list[bytes], at: int) -> None:
    whole = batch_of(list(values))
    cut = min(at, len(values))
    parts = [_slice(whole, 0, cut), _slice(whole, cut, len(values))]

    assert decode(whole, context()) == [verdict for part in parts for verdict in decode(part, context())]


FIELDS = [
    ("event", "string"),
    ("distinct_id", ["null", "string", "long", "double", "bytes"]),
    ("timestamp", ["null", {"type": "long", "logicalType": "timestamp-micros"}, "double"]),
    ("kind", {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}),
    ("amount", {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}),
    ("day", {"type": "int", "logicalType": "date"}),
    ("clock", {"type": "long", "logicalType": "time-micros"}),
    ("id", {"type": "string", "logicalType": "uuid"}),
    ("digest", {"type": "fixed", "name": "Digest", "size": 4}),
    ("flags", {"type": "array", "items": ["null", "boolean", "float"]}),
    ("properties", {"type": "map", "values": ["null", "string", "double", {"type": "array", "items": "int"}]}),
]
AVRO = {5: parse_schema({"type": "record", "name": "E", "fields": [{"name": n, "type": t} for n, t in FIELDS]})}


@given(st.binary(max_size=120) | st.lists(st.sampled_from([0, 1, 2, 4, 6, 0x7F, 0x80, 0xFF]), max_size=60).map(bytes))
def test_no_bytes_crash_the_reader_of_avro(body: bytes) -> None:
    [verdict] = decode(batch_of([b"\x00\x00\x00\x00\x05" + body]), context(avro=AVRO))

    assert isinstance(verdict, (Event, Rejected))


def _slice(batch: Any, start: int, end: int) -> Any:
    columns = ("offsets", "timestamps", "values", "keys", "headers")
    return msgspec.structs.replace(batch, **{name: getattr(batch, name)[start:end] for name in columns})

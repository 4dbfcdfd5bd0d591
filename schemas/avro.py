"""Avro in Confluent wire format: a zero byte, a schema id of four bytes, and the record without its schema."""

import io
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import fastavro
import msgspec
from fastavro.read import LOGICAL_READERS

from schemas.event import RejectionCode
from schemas.fields import Fields
from schemas.json_text import check_tree, parse_json
from schemas.limits import Limits
from schemas.own_json import own_fields
from schemas.refused import Refused

__all__ = ["avro_fields", "parse_schema", "schema_ids", "AvroSchema"]

AvroSchema = Any
"""A schema as fastavro has parsed it."""


PREFIX_BYTES = 5
_PRIMITIVES = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1}
"""The least that a value of each type takes, in bytes."""
_BYTES_BESIDE_DIGITS = 64
"""Of a decimal: room for writers that fill up with signs. A digit takes less than half a byte."""
_JSON_FIELDS = ("properties", "$set", "$set_once", "$unset")
_UNREADABLE = (
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    struct.error,
)
"""What fastavro raises, from twenty places, for bytes that are not what the schema says."""


def avro_fields(value: bytes, received_us: int, known: Mapping[int, AvroSchema], limits: Limits) -> tuple[Fields, int]:
    """The record's fields, named as in the plain form, and how many lone surrogates were repaired. Raises Refused."""
    if len(value) < PREFIX_BYTES:
        raise Refused(
            RejectionCode.BAD_AVRO, "the record begins like Avro and has no schema id: send it through a serializer"
        )
    number = int.from_bytes(value[1:PREFIX_BYTES])
    schema = known.get(number)
    if schema is None:
        raise Refused(
            RejectionCode.UNKNOWN_SCHEMA, f"schema {number} is not in the registry: register it, or send JSON"
        )
    content = _read(value, number, schema)
    check_tree(content, limits)
    repaired = 0
    for name in ("set", "set_once", "unset"):
        if name in content and f"${name}" not in content:
            content[f"${name}"] = content.pop(name)
    for name in _JSON_FIELDS:
        if isinstance(content.get(name), str):
            content[name], more = parse_json(content[name].encode(), limits, name)
            repaired += more
    return own_fields(content, received_us), repaired


def _read(value: bytes, number: int, schema: AvroSchema) -> dict[str, Any]:
    """The record as plain values: times and decimals as text, bytes in base64."""
    stream = io.BytesIO(value)
    stream.seek(PREFIX_BYTES)
    try:
        content = msgspec.to_builtins(fastavro.schemaless_reader(stream, schema, None))
    except _UNREADABLE as problem:
        reason = str(problem)[:100] or type(problem).__name__
        raise Refused(
            RejectionCode.BAD_AVRO, f"the record does not fit schema {number} ({reason}); write it with that schema"
        ) from problem
    if stream.read(1):
        raise Refused(
            RejectionCode.BAD_AVRO, f"the record is longer than schema {number} says; write it with that schema"
        )
    if not isinstance(content, dict):
        raise Refused(RejectionCode.NOT_AN_OBJECT, f"schema {number} is no record: an event is one")
    return content


def _short_decimal(data: bytes, schema: Any, reader: Any = None) -> Any:
    """A decimal of no more digits than its schema says. Raises ValueError: to read one takes the square of its length,
    a minute and more for a megabyte, and whoever takes the partition over would begin with it again."""
    if len(data) > schema.get("precision", 0) // 2 + _BYTES_BESIDE_DIGITS:
        raise ValueError("a decimal has more digits than its precision")
    return _decimal(data, schema, reader)


_decimal = LOGICAL_READERS["bytes-decimal"]
LOGICAL_READERS["bytes-decimal"] = LOGICAL_READERS["fixed-decimal"] = _short_decimal


def parse_schema(definition: Any) -> AvroSchema:
    """A schema from its JSON. Raises ValueError for what is none, and for two kinds that a few bytes could abuse.

    A type within itself lets a record nest until the parser's stack ends, and with it the process. An array of what
    takes no bytes lets ten bytes announce a billion of billions of elements.
    """
    named: dict[str, Any] = {}
    try:
        schema = fastavro.parse_schema(definition, named)
        _least_bytes(schema, named, frozenset())
    except (fastavro.schema.SchemaParseException, *_UNREADABLE) as problem:
        raise ValueError(f"{type(problem).__name__}: {problem}") from problem
    return schema


def _least_bytes(schema: Any, named: Mapping[str, Any], around: frozenset[str]) -> int:
    """How many bytes a value takes at least. Raises ValueError for a schema that is not safe to read with."""
    if isinstance(schema, list):
        for branch in schema:
            _least_bytes(branch, named, around)
        return 1
    if isinstance(schema, str):
        if schema in _PRIMITIVES:
            return _PRIMITIVES[schema]
        schema = named[schema]
    kind = schema["type"]
    if kind in ("record", "error"):
        name = schema["name"]
        if name in around:
            raise ValueError(f"type {name!r} contains itself: flatten it")
        return sum(_least_bytes(field["type"], named, around | {name}) for field in schema["fields"])
    if kind == "array":
        if not _least_bytes(schema["items"], named, around):
            raise ValueError("an array of what takes no bytes: give its items a type other than null")
        return 1
    if kind == "map":
        _least_bytes(schema["values"], named, around)
        return 1
    if kind == "fixed":
        return int(schema["size"])
    return 1 if kind == "enum" else _least_bytes(kind, named, around)


def schema_ids(values: Iterable[bytes | None]) -> set[int]:
    """The schema ids that records of a batch name."""
    return {
        int.from_bytes(value[1:PREFIX_BYTES])
        for value in values
        if value and value[0] == 0 and len(value) >= PREFIX_BYTES
    }

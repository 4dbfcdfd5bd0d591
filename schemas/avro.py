"""Avro in Confluent wire format: a zero byte, a schema id of four bytes, and the record without its schema."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import fastavro
import msgspec

from schemas.event import RejectionCode
from schemas.fields import Fields, Refused, checked_tree
from schemas.limits import Limits
from schemas.own_json import own_fields

__all__ = ["AvroSchema", "avro_fields", "parse_schema", "schema_ids"]

AvroSchema = Any
"""A schema as fastavro has parsed it."""


def avro_fields(value: bytes, received_us: int, known: Mapping[int, AvroSchema], limits: Limits) -> Fields:
    """The record's fields, named as in the plain form. Raises Refused."""
    if len(value) < 5:
        raise Refused(RejectionCode.BAD_AVRO, "the record begins like Avro but has no schema id")
    number = int.from_bytes(value[1:5])
    schema = known.get(number)
    if schema is None:
        raise Refused(
            RejectionCode.UNKNOWN_SCHEMA, f"schema {number} is not in the registry: register it, or send JSON"
        )
    stream = io.BytesIO(value[5:])
    try:
        content = fastavro.schemaless_reader(stream, schema, None)
    except (
        EOFError,
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
        MemoryError,
        RecursionError,
    ) as problem:
        reason = str(problem) or type(problem).__name__
        raise Refused(RejectionCode.BAD_AVRO, f"the record does not fit schema {number}: {reason}") from problem
    if stream.read(1):
        raise Refused(RejectionCode.BAD_AVRO, f"the record is longer than schema {number} says")
    if not isinstance(content, dict):
        raise Refused(RejectionCode.NOT_AN_OBJECT, f"schema {number} is no record of an event")
    try:
        plain = msgspec.to_builtins(content)
    except (TypeError, ValueError) as problem:
        raise Refused(RejectionCode.BAD_AVRO, f"a field cannot be shown as JSON: {problem}") from problem
    checked_tree(plain, limits)
    return own_fields(_parsed(plain), received_us)


def parse_schema(definition: Any) -> AvroSchema:
    """A schema from its JSON. Raises fastavro's SchemaParseException or ValueError."""
    return fastavro.parse_schema(definition)


def schema_ids(values: Iterable[bytes | None]) -> set[int]:
    """The schema ids that records of a batch name."""
    return {int.from_bytes(value[1:5]) for value in values if value and value[0] == 0 and len(value) >= 5}


def _parsed(content: dict[str, Any]) -> dict[str, Any]:
    """Names that Avro cannot spell get their dollar sign; JSON in a text field is opened."""
    opened = dict(content)
    for name in ("set", "set_once", "unset"):
        if name in opened and f"${name}" not in opened:
            opened[f"${name}"] = opened.pop(name)
    for name in ("properties", "$set", "$set_once", "$unset"):
        if isinstance(opened.get(name), str):
            try:
                opened[name] = msgspec.json.decode(opened[name])
            except (msgspec.DecodeError, RecursionError) as problem:
                raise Refused(RejectionCode.NOT_JSON, f"{name} is a text and not JSON: {problem}") from problem
    return opened

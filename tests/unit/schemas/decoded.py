"""Decoding one value in the tests, with one project and the default limits."""

import json
from typing import Any

from schemas.decoding import DecodeContext, decode
from schemas.event import Event, Rejected
from schemas.limits import Limits
from schemas.record import Headers, RawBatch

RECEIVED_MS = 1_672_574_400_000  # 2023-01-01T12:00:00Z
LOG = b"L" * 16


def context(**options: Any) -> DecodeContext:
    return DecodeContext(
        **{"projects": {"phc_1": 7, "phc_2": 8}, "limits": Limits(), "avro": {}, **options}  # type: ignore[arg-type]
    )


def batch_of(values: list[bytes | None], headers: Headers | None = None) -> RawBatch:
    count = len(values)
    return RawBatch(
        "events.raw", LOG, 3, range(count), [RECEIVED_MS] * count, values, [None] * count, [headers] * count
    )


def decode_one(value: Any, headers: Headers | None = None, **options: Any) -> Event | Rejected:
    raw = value if isinstance(value, (bytes, type(None))) else json.dumps(value).encode()
    [verdict] = decode(batch_of([raw], headers), context(**options))
    return verdict


def event(value: Any, **options: Any) -> Event:
    found = decode_one(value, **options)
    assert isinstance(found, Event), found
    return found


def code(value: Any, **options: Any) -> str:
    found = decode_one(value, **options)
    assert isinstance(found, Rejected), found
    return found.code.value

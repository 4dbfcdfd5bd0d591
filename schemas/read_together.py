"""Short texts of many records, read together: one by one, uuids and timestamps cost four times as much."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy
import pyarrow as pa
from numpy.typing import NDArray

from schemas.identifiers import record_uuid
from schemas.record import RawBatch
from schemas.timestamps import EPOCH

__all__ = ["NO_PROJECT", "micros_of", "projects_of", "uuids_of"]

NO_PROJECT = -1
"""Of a token that belongs to no project."""
_FEWER = 256
"""Rows that are read one by one where one of them cannot be read with the others."""
_NO_UUID = bytes(16)
_DASH = b"-"[0]
_DASHES = [8, 13, 18, 23]
_MICROS = pa.timestamp("us", tz="UTC")
_MICROSECOND = timedelta(microseconds=1)


def projects_of(tokens: Sequence[str], projects: Mapping[str, int]) -> NDArray[numpy.int64]:
    """The project of each token, or NO_PROJECT. Most batches have one token."""
    if tokens and tokens.count(tokens[0]) == len(tokens):
        return numpy.full(len(tokens), projects.get(tokens[0], NO_PROJECT), numpy.int64)
    return numpy.array([projects.get(token, NO_PROJECT) for token in tokens], numpy.int64)


def micros_of(texts: Sequence[str], received: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """When each was sent, in microseconds; the receipt where that was not said, -1 where it is unclear."""
    if "" in texts:
        return _micros_of_said(texts, received)
    try:
        # Takes less than `fromisoformat`, and the same for what it takes: no time without a zone, either.
        whole = pa.array(texts, pa.string()).cast(_MICROS)
    except pa.ArrowInvalid:
        if len(texts) > _FEWER:
            return numpy.concatenate([micros_of(texts[part], received[part]) for part in _parts(len(texts))])
        return numpy.array([_instant(text) for text in texts], numpy.int64)
    return numpy.asarray(whole.cast(pa.int64()))


def _micros_of_said(texts: Sequence[str], received: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """The same where some said nothing: an empty text keeps the others from being read together, and costs 1 us."""
    said = numpy.fromiter(map(bool, texts), numpy.bool_, len(texts))
    found = received.copy()
    found[said] = micros_of([text for text in texts if text], received[said])
    return found


def _instant(text: str) -> int:
    try:
        # Without a zone this raises TypeError: the careful way knows that it is UTC.
        return (datetime.fromisoformat(text) - EPOCH) // _MICROSECOND
    except (ValueError, TypeError, OverflowError):
        return -1


def uuids_of(batch: RawBatch, texts: Sequence[str], places: Sequence[int]) -> tuple[bytes, NDArray[numpy.bool_]]:
    """The 16 bytes of each uuid, and whether it is one: a text may have 36 characters and be none."""
    if "" not in texts:
        joined = "".join(texts)
        try:
            signs = numpy.frombuffer(joined.encode("ascii"), numpy.uint8).reshape(-1, 36)
            whole = bytes.fromhex(joined.replace("-", ""))
        except ValueError:
            whole = b""
        if len(whole) == 16 * len(texts) and (signs[:, _DASHES] == _DASH).all():
            return whole, numpy.ones(len(texts), numpy.bool_)
    if len(texts) > _FEWER:
        parts = [uuids_of(batch, texts[part], places[part]) for part in _parts(len(texts))]
        return b"".join([uuids for uuids, _ in parts]), numpy.concatenate([good for _, good in parts])
    uuids = [
        _uuid(text) if text else record_uuid(batch.topic_id, batch.partition, batch.offsets[place])
        for text, place in zip(texts, places, strict=True)
    ]
    return b"".join([uuid or _NO_UUID for uuid in uuids]), numpy.array([uuid is not None for uuid in uuids], bool)


def _parts(count: int) -> list[slice]:
    """Where something together fails for one row's sake, it is tried with fewer: the others need not suffer."""
    return [slice(start, start + _FEWER) for start in range(0, count, _FEWER)]


def _uuid(text: str) -> bytes | None:
    """The 16 bytes of a uuid with its dashes; None for any other text."""
    try:
        value = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    return value if len(value) == 16 and text[8:24:5] == "----" else None

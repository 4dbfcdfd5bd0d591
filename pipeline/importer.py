"""Files of past events into events.raw: every line becomes a record, also one that cannot be read."""

import gzip
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from pipeline.access_log import as_event, distinct_id_of
from pipeline.producer import plain_producer
from pipeline.settings import Settings
from schemas.decoding import UNPARSABLE_LINE_HEADER
from schemas.outcomes import ConfigError, Retry

__all__ = ["send", "lines_of", "ImportPlan", "Imported", "Line", "read_line"]

PROGRESS_EVERY = 500
LINE_BYTES_MAX = 15 * 1024 * 1024
"""A little under what events.raw takes; longer than `limits.event_bytes`, so that accept can say `too_large`."""
_OWN_TOKEN = {"token", "api_key", "$token", "writeKey"}


class ImportPlan(msgspec.Struct, frozen=True):
    """How the lines of a file are to be understood."""

    form: Literal["access-log", "ndjson"]
    token: str
    """Of the project; an NDJSON line that brings a token of its own keeps it."""
    site: str = ""
    """Put before the paths of an access log."""
    rate: float = 0.0
    """Lines a second at most; 0 is as fast as it goes."""


class Line(msgspec.Struct, frozen=True):
    """One line as a record: key, value, and whether it could be read."""

    value: bytes
    key: bytes | None = None
    parsable: bool = True


class Imported(msgspec.Struct):
    """What was sent, and the offset after the last of it in each partition of events.raw."""

    lines: int = 0
    unparsable: int = 0
    ends: dict[int, int] = {}


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file's lines without their ends, numbered from 1, empty ones left out; gzip is recognized by content.

    Raises ConfigError at a line that no record can hold, and where gzip data is damaged; what came before is given.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    number = 0
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while line := file.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(line) > LINE_BYTES_MAX:
                    raise ConfigError(
                        f"longer than {LINE_BYTES_MAX:,} bytes, which no record can hold: is this a file of lines?",
                        f"{path}:{number}",
                    )
                content = line.rstrip(b"\r\n")
                if content:
                    yield number, content
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise ConfigError(
            f"the gzip data is damaged ({problem}); repair the file and import it again, nothing is doubled",
            f"{path}:{number}",
        ) from problem


def send(
    settings: Settings, plan: ImportPlan, lines: Iterable[tuple[int, bytes]], progress: Callable[[int], None]
) -> Imported:
    """Send every line and return when all are acknowledged; `progress` hears how many were sent so far.

    Raises Retry when the broker did not take all of them: importing the file again doubles nothing.
    """
    done = Imported()
    failures: list[str] = []
    topic = settings.topics.named("events.raw")
    producer = plain_producer(settings)

    def report(error: Any, message: Any) -> None:
        if error is not None:
            failures.append(str(error))
        else:
            partition = message.partition()
            done.ends[partition] = max(message.offset() + 1, done.ends.get(partition, 0))

    started_s = time.monotonic()
    try:
        for number, content in lines:
            line = read_line(plan, content)
            headers = None if line.parsable else [(UNPARSABLE_LINE_HEADER, str(number).encode())]
            _produce(producer, topic, line.value, key=line.key, headers=headers, on_delivery=report)
            done.lines += 1
            done.unparsable += not line.parsable
            if failures:
                break
            if done.lines % PROGRESS_EVERY == 0 or plan.rate > 0:
                progress(done.lines)
                _keep_to(plan.rate, done.lines, started_s, producer)
    finally:
        left = producer.flush(60)  # also what came before a line that cannot be sent
    if failures or left:
        reason = failures[0] if failures else "no answer within 60 s"
        raise Retry(f"{len(failures) + left} lines were not acknowledged ({reason}); import the file again")
    progress(done.lines)
    return done


def read_line(plan: ImportPlan, line: bytes) -> Line:
    """The record for one line. Pure; never raises: what cannot be read is sent as it is, and rejected by accept."""
    if plan.form == "access-log":
        event = as_event(line, plan.token, plan.site)
        return Line(line, parsable=False) if event is None else Line(event, key=distinct_id_of(line))
    return _read_json(line, plan.token)


def _read_json(line: bytes, token: str) -> Line:
    """An NDJSON line with the token, unless it brings its own, and marked as of the past."""
    try:
        content = _parsed(line)
    except RecursionError:
        return Line(line)  # accept says `too_deep`
    except ValueError:
        return Line(line, parsable=False)
    if not isinstance(content, dict):
        return Line(line)  # accept says `not_an_object`
    found = content.get("distinct_id") or content.get("$distinct_id") or content.get("userId")
    key = found.encode("utf-8", "replace") if isinstance(found, str) else None
    properties = content.get("properties")
    inside = properties.keys() if isinstance(properties, dict) else ()
    added = {} if _OWN_TOKEN & content.keys() or "token" in inside else {"token": token}
    # Put in front: a line that says otherwise itself comes later, and of equal keys the last one wins.
    front = msgspec.json.encode(added | {"historical": True})[:-1]
    rest = line.strip()[1:].lstrip()
    return Line(front + (b"" if rest == b"}" else b",") + rest, key=key)


def _parsed(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return json.loads(line)  # takes lone surrogates, which accept repairs


def _produce(producer: Any, topic: str, value: bytes, **options: Any) -> None:
    while True:
        try:
            producer.produce(topic, value, **options)
        except BufferError:
            producer.poll(0.05)
        else:
            return


def _keep_to(rate: float, sent: int, started_s: float, producer: Any) -> None:
    """Handle acknowledgements; with a rate, do so until the next line is due."""
    due_in_s = sent / rate - (time.monotonic() - started_s) if rate > 0 else 0.0
    producer.poll(max(0.0, due_in_s))
    if due_in_s > 0:
        time.sleep(max(0.0, sent / rate - (time.monotonic() - started_s)))

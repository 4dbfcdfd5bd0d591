"""Recorded events for trying transformations out: lines of a file, or a stretch of events.raw, read as a bystander."""

import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.consumer import LogReader
from pipeline.settings import Settings
from pipeline.topics import found_topics
from schemas.outcomes import ConfigError
from schemas.record import RawBatch

__all__ = ["of_file", "of_topic"]

RECORDS_AT_ONCE = 1_000
RECORDS_MAX = 10_000_000
"""Of one comparison: some minutes; ask for a shorter time beyond that."""


def of_file(path: Path) -> Iterator[RawBatch]:
    """One event a line, in any form that producers send. Raises ConfigError for a file that cannot be read."""
    try:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}; give a file with one event a line") from problem
    now_ms = int(time.time() * 1000)
    for start in range(0, len(lines), RECORDS_AT_ONCE):
        values = lines[start : start + RECORDS_AT_ONCE]
        count = len(values)
        yield RawBatch(
            topic=str(path),
            topic_id=bytes(16),
            partition=0,
            offsets=range(start, start + count),
            timestamps=[now_ms] * count,
            values=values,
            keys=[None] * count,
            headers=[None] * count,
        )


def of_topic(settings: Settings, since_s: float) -> Iterator[RawBatch]:
    """What was sent to events.raw in the last `since_s` seconds, up to now. Joins no group, moves no position.

    Raises ConfigError for a topic that does not exist.
    """
    name = settings.topics.named("events.raw")
    found = found_topics(settings, [name])
    if name not in found:
        raise ConfigError(f"the topic {name} does not exist: create it with headrace topics create")
    reader = LogReader(settings)
    try:
        since_ms = max(0, int((time.time() - since_s) * 1000))  # below 0 stand other questions than one for a time
        starts, ends = {}, {}
        for partition in range(found[name].partitions):
            first, end = reader.since(name, partition, since_ms), reader.end(name, partition)[1]
            if first < end:
                starts[name, partition], ends[name, partition] = first, end
        reader.assign(starts, {name: found[name].log})
        count = 0
        while ends and count < RECORDS_MAX:
            for batch in reader.read(1.0):
                place = (name, batch.partition)
                count += len(batch)
                yield batch
                if place in ends and batch.offsets[-1] + 1 >= ends[place]:
                    del ends[place]
            for place in [place for place, end in ends.items() if reader.position(place) >= end]:
                del ends[place]  # the rest are control records
    finally:
        reader.close()

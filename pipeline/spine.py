"""The path of an event, from the raw record to the destination: read this first.

    events.raw ──accept──▶ events.accepted ──resolve──▶ events.prepared ──deliver──▶ ClickHouse

Each hop is a function from a batch to an outcome. It has no clock, no input or output and no framework: what it
reads is passed in, what it changes is returned, and every row ends as moved, rejected or dropped. The shell
(pipeline/work.py) puts the outcomes of a commit interval into one transaction.
"""

from pipeline.accept import AcceptRules, sort_out
from pipeline.deliver import Insert, landed
from pipeline.outcome import Outcome, Read
from pipeline.resolve import (
    AcceptedBatch,
    ResolveRules,
    keyed,
    prepared,
    with_people,
    with_sessions,
    without_repeats,
)
from schemas.block import Block
from schemas.decoding import decode
from schemas.record import RawBatch

__all__ = ["accept", "deliver", "resolve"]


def accept(records: RawBatch, rules: AcceptRules) -> Outcome:
    """Decode and validate raw records, and send each event to the partition of its distinct id."""
    verdicts = decode(records, rules.decoding)
    assert len(verdicts) == len(records), "a record was lost or invented while decoding"

    return sort_out(records, verdicts, rules)


def resolve(batch: AcceptedBatch, state: Read, rules: ResolveRules) -> Outcome:
    """Drop what a client sent twice, and stamp each event with its person and its session."""
    events, repeats, remembered = without_repeats(keyed(batch), state, rules.dedup)
    people = with_people(events)
    sessions = with_sessions(events)

    return prepared(batch, events, people | sessions, repeats, remembered)


def deliver(block: Block, insert: Insert, destination: str) -> Outcome:
    """Hand a block to the destination: its rows have landed, or are rejected with the destination's words."""
    result = insert(block)

    return landed(block, result, destination)

"""The path of an event, from the raw record to the destination: read this first.

    events.raw ──accept──▶ events.accepted ──resolve──▶ events.prepared ──deliver──▶ ClickHouse
                                            │      ▲
           identity.claims ──identify──▶ identity.mappings · person.changes ──people──▶ person.views, persons

Each hop is a function from a batch to an outcome. It has no clock, no input or output and no framework: what it
reads is passed in, what it changes is returned, and every row ends as moved, rejected or dropped. The shell
(pipeline/work.py) puts the outcomes of a commit interval into one transaction.
"""

from pipeline.accept import AcceptRules, sort_out
from pipeline.answers import described_anew, renamed
from pipeline.claims import IdentifyRules, settled
from pipeline.deliver import Insert, landed
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome, Read
from pipeline.person_changes import PersonRules, absorbed
from pipeline.properties import told_to_people
from pipeline.resolve import (
    ResolveRules,
    claimed,
    keyed,
    learned,
    prepared,
    session_facts,
    warned,
    with_people,
    with_properties,
    with_sessions,
)
from pipeline.transforming import transformed
from schemas.block import Block
from schemas.decoding import decoded
from schemas.record import RawBatch

__all__ = ["accept", "deliver", "describe", "identify", "people", "rename", "resolve"]


def accept(records: RawBatch, rules: AcceptRules) -> Outcome:
    """Decode and validate raw records, transform the events, and send each to the partition of its distinct id."""
    verdicts = decoded(records, rules.decoding)
    assert len(verdicts) == len(records), "a record was lost or invented while decoding"
    changed = transformed(verdicts, rules.transforms)
    assert len(changed.verdicts) == len(records), "a record was lost or invented while transforming"

    return sort_out(records, changed, rules)


def resolve(batch: LogBatch, read: Read, rules: ResolveRules) -> Outcome:
    """Drop what a client sent twice, and stamp each event with its person and its session."""
    events, known, state = learned(keyed(batch), read, rules.known)
    properties = with_properties(events, known, state, rules.people)
    people = with_people(events, known, properties.carried)
    sessions = with_sessions(events, known)
    beside = [
        *session_facts(batch, known),
        *claimed(events, batch.partition, rules),
        *told_to_people(known.created.keys() | properties.learned, state, rules.partitions),
        *warned(events, batch.partition, properties.refused),
    ]

    return prepared(batch, events, people | sessions, known, beside, state.changes)


def rename(mappings: LogBatch, read: Read, rules: ResolveRules) -> Outcome:
    """Take over who a distinct id is, and tell its person what is known of it."""
    return renamed(mappings, read, rules.people, rules.partitions)


def describe(views: LogBatch, read: Read) -> Outcome:
    """Take over how the person of a distinct id looks."""
    return described_anew(views, read)


def identify(claims: LogBatch, read: Read, rules: IdentifyRules) -> Outcome:
    """Decide who is one person, claim by claim, and tell the distinct ids and the people."""
    return settled(claims, read, rules)


def people(changes: LogBatch, read: Read, rules: PersonRules) -> Outcome:
    """Join what is known of a person's distinct ids, and tell them."""
    return absorbed(changes, read, rules)


def deliver(block: Block, insert: Insert, destination: str) -> Outcome:
    """Hand a block to the destination: its rows have landed, or are rejected with the destination's words."""
    result = insert(block)

    return landed(block, result, destination)

"""What the identify and people hops answer to resolve, taken over into its state."""

from pipeline.facts import taken
from pipeline.known_value import known_key, mapped, person_of
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome, Read, applied
from pipeline.properties import State, forget_view, told_to_people, viewed
from pipeline.registers import PeopleRules
from pipeline.routing import state_key

__all__ = ["described_anew", "renamed"]


def renamed(batch: LogBatch, read: Read, rules: PeopleRules, partitions: int) -> Outcome:
    """Answers of identify: the distinct ids are these people's now, who are told what is known of them."""
    state = State({}, read)
    changed: dict[bytes, None] = {}
    for project, distinct_id, person, identified, version in taken(batch.rows):
        key = state_key(project, distinct_id)
        before = state.get(known_key(key))
        after = mapped(key, before, person, identified, version)
        if after is None:
            continue
        state.changes[known_key(key)] = after
        if person_of(key, before)[0] != person:
            changed[key] = None
            forget_view(key, state, rules)
    return applied(batch.rows, told_to_people(changed, state, partitions), state.changes)


def described_anew(batch: LogBatch, read: Read) -> Outcome:
    """Answers of people: how the person of a distinct id looks."""
    state = State({}, read)
    for project, distinct_id, person, version, properties in taken(batch.rows):
        viewed(state_key(project, distinct_id), person, version, properties, state)
    return applied(batch.rows, [], state.changes)

"""The person properties that events carry: never those of a person where the distinct id no longer is."""

import pytest

from pipeline.known_value import computed_person, known_key, mapped
from pipeline.properties import State, describe, forget_view, viewed
from pipeline.registers import PeopleRules, PropertyEvent

RULES = PeopleRules()
ADA = b"1:ada"
EVE = computed_person(b"1:eve")


def carried(state: State, timestamp: int, set: bytes = b"", uuid: int = 1) -> bytes:
    """What an event of ada carries, which may set something."""
    said = {0: PropertyEvent(timestamp, uuid.to_bytes(16), set)} if set else {}
    return describe([(0, ADA)], said, state, RULES).carried[0]


def name(state: State, person: bytes, version: int) -> None:
    """Identify says who ada is."""
    after = mapped(ADA, state.get(known_key(ADA)), person, True, version)
    assert after is not None
    state.changes[known_key(ADA)] = after


@pytest.fixture
def state() -> State:
    return State({}, {}.get)


def test_a_late_event_carries_what_it_sets_and_the_next_one_what_is_latest(state: State) -> None:
    carried(state, 5, b'{"plan":"new"}')

    assert carried(state, 3, b'{"plan":"old"}') == b'{"plan":"old"}'
    assert carried(state, 6) == b'{"plan":"new"}'


def test_of_somebody_identified_who_is_alone_the_latest_is_known_without_asking(state: State) -> None:
    name(state, computed_person(ADA), 1)
    carried(state, 5, b'{"plan":"new"}')
    carried(state, 3, b'{"plan":"old","city":"Ulm"}')

    assert carried(state, 6) == b'{"city":"Ulm","plan":"new"}'


def test_what_people_has_said_stays_when_a_late_event_changes_nothing(state: State) -> None:
    carried(state, 5, b'{"plan":"new"}')
    name(state, EVE, 1)
    viewed(ADA, EVE, 9, b'{"plan":"hers"}', state)

    carried(state, 3, b'{"plan":"old"}')
    assert carried(state, 6) == b'{"plan":"hers"}'


def test_who_leaves_a_person_takes_along_only_what_it_has_set_itself(state: State) -> None:
    carried(state, 5, b'{"plan":"own"}')
    name(state, EVE, 1)
    viewed(ADA, EVE, 9, b'{"city":"hers","plan":"hers"}', state)

    name(state, computed_person(ADA), 2)
    forget_view(ADA, state, RULES)
    assert carried(state, 6) == b'{"plan":"own"}'


def test_who_set_nothing_leaves_with_nothing(state: State) -> None:
    name(state, EVE, 1)
    viewed(ADA, EVE, 9, b'{"city":"hers"}', state)

    name(state, computed_person(ADA), 2)
    forget_view(ADA, state, RULES)
    assert carried(state, 6) == b"{}"

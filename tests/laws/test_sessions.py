"""Laws of sessions: within the lateness any order, any repeats, and no cut give what the sorted timestamps give."""

import random
from collections.abc import Sequence
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sessions import LATE, SessionRules, place, resolved_start
from tests.reference import sessions_reference as reference

RULES = SessionRules(gap_s=3, lateness_s=1_000)
SECOND = 1_000_000
moments = st.lists(st.integers(-5, 30).map(lambda second: second * SECOND), min_size=1, max_size=12)


def told(timestamps: Sequence[int], rules: SessionRules = RULES) -> tuple[bytes, dict[int, list[int]], dict[int, bool]]:
    """The state at the end, the starts each timestamp was given, and all the facts; dead wins."""
    state, given_starts, facts = b"", {}, {}
    for timestamp in timestamps:
        state, start, changed = place(state, timestamp, rules)
        given_starts.setdefault(timestamp, []).append(start)
        for fact in changed:
            facts[fact.start] = facts.get(fact.start, False) or fact.dead
    return state, given_starts, facts


def assert_as_sorted(timestamps: Sequence[int]) -> None:
    _, given_starts, facts = told(timestamps)
    resolved = {at: {resolved_start(facts, start) for start in starts} for at, starts in given_starts.items()}
    expected = reference.sessions(timestamps, RULES.gap_s * SECOND)

    assert resolved == {at: {start} for at, start in expected.items()}
    assert {start for start, dead in facts.items() if not dead} == set(expected.values())


@given(moments, st.randoms(use_true_random=False))
def test_any_order_with_repeats_gives_what_sorted_timestamps_give(found: list[int], chance: random.Random) -> None:
    mixed = found + [one for one in found if chance.random() < 0.3]
    chance.shuffle(mixed)

    assert_as_sorted(mixed)
    assert told(mixed)[0] == told(sorted(set(found)))[0]


def test_every_order_of_six_timestamps_gives_the_same() -> None:
    for seconds in ((0, 3, 6, 9, 12, 15), (0, 3, 7, 10, 14, 20), (0, 4, 8, 2, 6, 13)):
        for order in permutations(seconds):
            assert_as_sorted([second * SECOND for second in order])


@given(moments, st.randoms(use_true_random=False))
def test_facts_say_the_same_in_any_order(found: list[int], chance: random.Random) -> None:
    state, facts = b"", []
    for timestamp in found:
        state, _, changed = place(state, timestamp, RULES)
        facts += changed
    chance.shuffle(facts)
    merged: dict[int, bool] = {}
    for fact in facts:
        merged[fact.start] = merged.get(fact.start, False) or fact.dead

    assert merged == told(found)[2]


@given(
    st.lists(st.integers(0, 60).map(lambda second: second * SECOND), min_size=1, max_size=15),
    st.randoms(use_true_random=False),
)
def test_what_was_never_late_ends_the_same_whatever_was_forgotten(found: list[int], chance: random.Random) -> None:
    rules = SessionRules(gap_s=3, lateness_s=15)
    order = _never_late(found, rules.lateness_s * SECOND, chance)
    state, given_starts, facts = told(order, rules)
    expected = reference.sessions(found, rules.gap_s * SECOND)

    assert LATE not in {start for starts in given_starts.values() for start in starts}
    assert {at: resolved_start(facts, starts[0]) for at, starts in given_starts.items()} == expected
    assert state == told(sorted(found), rules)[0]


def _never_late(found: Sequence[int], lateness: int, chance: random.Random) -> list[int]:
    """The timestamps in some order in which none lies further behind the newest before it."""
    left, order, newest = sorted(found), [], min(found)
    while left:
        latest_allowed = left[0] + lateness
        pick = chance.choice([one for one in left if one <= latest_allowed])
        left.remove(pick)
        order.append(pick)
        newest = max(newest, pick)
        assert pick >= newest - lateness
    return order

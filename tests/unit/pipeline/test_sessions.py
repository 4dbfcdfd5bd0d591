"""Vectors for sessions: the gap to the microsecond, late events, moved starts, what is forgotten."""

from struct import pack

import pytest

from pipeline.sessions import LATE, SessionRules, StartFact, place, resolved_start, session_id

RULES = SessionRules(gap_s=1_800, lateness_s=604_800)
SECOND = 1_000_000
GAP = RULES.gap_s * SECOND
LATENESS = RULES.lateness_s * SECOND
NOON = 1_431_864_000 * SECOND


def state(*moments: int) -> bytes:
    return pack(f">{len(moments)}q", *moments)


def live(start: int) -> StartFact:
    return StartFact(start, False)


def dead(start: int) -> StartFact:
    return StartFact(start, True)


def test_a_first_event_begins_a_session() -> None:
    assert place(b"", NOON, RULES) == (state(NOON, NOON), NOON, (live(NOON),))


@pytest.mark.parametrize(("apart", "joins"), [(GAP - 1, True), (GAP, True), (GAP + 1, False)])
def test_the_gap_counts_to_the_microsecond_forward(apart: int, joins: bool) -> None:
    found = place(state(NOON, NOON), NOON + apart, RULES)

    if joins:
        assert found == (state(NOON, NOON + apart), NOON, ())
    else:
        later = NOON + apart
        assert found == (state(NOON, NOON, later, later), later, (live(later),))


@pytest.mark.parametrize(("apart", "joins"), [(GAP - 1, True), (GAP, True), (GAP + 1, False)])
def test_the_gap_counts_to_the_microsecond_backward(apart: int, joins: bool) -> None:
    earlier = NOON - apart
    found = place(state(NOON, NOON), earlier, RULES)

    if joins:
        assert found == (state(earlier, NOON), earlier, (dead(NOON), live(earlier)))
    else:
        assert found == (state(earlier, earlier, NOON, NOON), earlier, (live(earlier),))


def test_an_event_inside_changes_nothing() -> None:
    before = state(NOON, NOON + 10)

    assert place(before, NOON + 5, RULES) == (before, NOON, ())
    assert place(before, NOON, RULES) == (before, NOON, ())
    assert place(before, NOON + 10, RULES) == (before, NOON, ())


def test_a_late_event_inside_an_older_session_changes_nothing() -> None:
    before = state(0, 10, 3 * GAP, 3 * GAP)

    assert place(before, 5, RULES) == (before, 0, ())


def test_a_late_event_prolongs_an_older_session() -> None:
    assert place(state(0, 10, 3 * GAP, 3 * GAP), GAP, RULES) == (state(0, GAP, 3 * GAP, 3 * GAP), 0, ())


def test_a_late_event_between_two_sessions_stands_alone() -> None:
    between = 2 * GAP

    found = place(state(0, 0, 4 * GAP, 4 * GAP), between, RULES)

    assert found == (state(0, 0, between, between, 4 * GAP, 4 * GAP), between, (live(between),))


def test_a_late_event_joins_two_sessions() -> None:
    found = place(state(0, 5, 2 * GAP, 2 * GAP + 7), GAP, RULES)

    assert found == (state(0, 2 * GAP + 7), 0, (dead(2 * GAP),))


def test_a_start_moves_again_and_again() -> None:
    facts: dict[int, bool] = {}
    sessions = b""
    for start in (3 * GAP, 2 * GAP, GAP, 0):
        sessions, _, changed = place(sessions, start, RULES)
        for fact in changed:
            facts[fact.start] = facts.get(fact.start, False) or fact.dead

    assert sessions == state(0, 3 * GAP)
    assert {resolved_start(facts, start) for start in facts} == {0}


def test_an_event_at_the_horizon_still_has_its_session_and_one_before_it_has_none() -> None:
    before = state(NOON, NOON)

    at_horizon = NOON - LATENESS
    assert place(before, at_horizon, RULES)[1] == at_horizon
    assert place(before, at_horizon - 1, RULES) == (before, LATE, ())


def test_sessions_are_forgotten_when_no_event_may_touch_them_any_more() -> None:
    newest = LATENESS + GAP + 10

    assert place(state(0, 10, 5 * GAP, 5 * GAP), newest, RULES)[0] == state(0, 10, 5 * GAP, 5 * GAP, newest, newest)
    later = newest + 1
    assert place(state(0, 10, 5 * GAP, 5 * GAP), later, RULES)[0] == state(5 * GAP, 5 * GAP, later, later)
    assert place(state(0, 10, newest, newest), later, RULES)[0] == state(newest, later)


def test_times_before_1970_are_times() -> None:
    assert place(state(-GAP, -GAP), -GAP - 1, RULES)[0] == state(-GAP - 1, -GAP)


def test_a_session_id_is_a_uuid_of_project_distinct_id_and_start() -> None:
    assert session_id(b"1:ada", NOON) == session_id(b"1:ada", NOON)
    assert len({session_id(b"1:ada", NOON), session_id(b"2:ada", NOON), session_id(b"1:ada", NOON + 1)}) == 3
    assert session_id(b"1:ada", NOON)[14] == "5"


def test_a_dead_start_without_a_live_one_before_it_says_that_facts_are_missing() -> None:
    with pytest.raises(ValueError, match="empty"):
        resolved_start({5: True, 9: False}, 5)

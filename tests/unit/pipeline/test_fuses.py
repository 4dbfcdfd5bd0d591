"""Fuses: what costs too much is taken out, loudly; what protects privacy stops the worker instead."""

import logging

import pytest

from pipeline.fuses import STRIKES, FuseBlown, Fuses
from pipeline.steps import Tally

SLOW = Tally(asked=100, nanoseconds=100 * 1_001_000)
IN_TIME = Tally(asked=100, nanoseconds=100 * 999_000)
SMALL = Tally(asked=1, nanoseconds=40_000_000)


def watched(*tallies: Tally, private: bool = False) -> Fuses:
    fuses = Fuses({"step": 1_000}, frozenset({"step"} if private else ()))
    for tally in tallies:
        fuses.watch({"step": tally})
    return fuses


def test_a_step_beyond_its_budget_for_long_is_disabled_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fuses = watched(*[SLOW] * STRIKES)

    assert fuses.blown == {"step"}
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "ERROR"]
    assert "1001 µs an event, the budget is 1000" in caplog.text


@pytest.mark.parametrize("other", [IN_TIME, SMALL])
def test_a_batch_in_time_or_a_small_one_begins_anew(other: Tally) -> None:
    assert not watched(SLOW, SLOW, other, SLOW, SLOW).blown


def test_what_protects_privacy_stops_the_worker() -> None:
    with pytest.raises(FuseBlown, match="nothing passes without it"):
        watched(*[SLOW] * STRIKES, private=True)


def test_what_was_done_adds_up() -> None:
    fuses = watched(Tally(seen=1, changed=1), Tally(seen=2, dropped=1))

    assert fuses.totals["step"] == Tally(seen=3, changed=1, dropped=1)


def test_events_that_the_filter_left_out_count() -> None:
    assert not watched(*[Tally(asked=5_000, seen=0, nanoseconds=100_000_000)] * STRIKES, private=True).blown


def test_large_events_may_take_longer_and_what_is_stuck_on_small_ones_may_not() -> None:
    tally, budgets = Tally(asked=4, nanoseconds=400_000_000), {"step": 1_000}
    large, small = Fuses(budgets, frozenset()), Fuses(budgets, frozenset())

    for _ in range(STRIKES):
        large.watch({"step": tally}, 4 * 900_000)
        small.watch({"step": tally}, 4 * 1_200)

    assert (large.blown, small.blown) == (set(), {"step"})

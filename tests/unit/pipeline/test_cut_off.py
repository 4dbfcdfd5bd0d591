"""Calls that do not return: each costs its event, the third in a row its step, and none the batch."""

import logging
import re
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
import numpy
import pytest

from pipeline import cut_off
from pipeline.cut_off import Alarm
from pipeline.fuses import STRIKES, FuseBlown, Fuses
from pipeline.steps import Step, TransformRules
from pipeline.transforming import Transformed, transformed
from schemas.decoding import Decoded
from schemas.event import Event, Rejected, RejectionCode
from schemas.event_columns import EventColumns
from schemas.json_text import parsed
from schemas.open_event import OpenEvent
from transforms.interface import Given, Transform
from transforms.testing import opened

Call = Callable[[OpenEvent], Any]
EVENTS = 5


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_off, "TICK_S", 0.01)


def event(index: int) -> Event:
    return msgspec.structs.replace(opened({"event": "e"})._of, uuid=bytes([index]) * 16)


def spinning(_: OpenEvent) -> OpenEvent:
    while True:
        pass


def sleeping(event: OpenEvent) -> OpenEvent:
    time.sleep(1_000_000)
    return event


def matching(event: OpenEvent) -> OpenEvent:
    re.fullmatch(r"(a|aa)+b", "a" * 1_000)
    return event


def defending(event: OpenEvent) -> OpenEvent:
    """It catches everything, and goes on twice."""
    for _ in range(3):
        try:
            spinning(event)
        except BaseException:  # noqa: BLE001 - what many a plugin does
            pass
    return event


def only(index: int, call: Call) -> Call:
    """The call for the event of this index, and nothing to do for the others."""
    return lambda event: call(event) if event.uuid[0] == index else event


def through(call: Call, private: bool = False) -> tuple[Transformed, Fuses]:
    steps = (
        Step("stuck", "stuck@1", call, on_error="reject" if private else "skip", private=private),
        Step("last", "last@1", lambda event: event.adding({"last": True})),
    )
    fuses = Fuses({"stuck": 1_000, "last": 1_000}, frozenset({"stuck"} if private else ()))
    rules = TransformRules({0: steps}, disabled=fuses.blown, watch=Alarm({"stuck": 20, "last": 20}, fuses))
    events = [event(index) for index in range(EVENTS)]
    return transformed(events, rules), fuses


def failed(after: Transformed) -> list[bool]:
    return [verdict.failed == "stuck@1" for verdict in after.verdicts if type(verdict) is Event]


@pytest.mark.parametrize("call", [spinning, sleeping, matching])
def test_a_call_that_does_not_return_costs_its_event_and_no_other(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    after, fuses = through(only(1, call))
    with caplog.at_level(logging.ERROR):
        fuses.watch(after.tallies)

    assert failed(after) == [False, True, False, False, False]
    assert [verdict.applied for verdict in after.verdicts if type(verdict) is Event] == ["last@1"] * EVENTS
    assert "stuck did not return in time (max_ms_per_call)" in caplog.text
    assert not fuses.blown


def test_a_step_that_never_returns_is_disabled_and_events_go_on(caplog: pytest.LogCaptureFixture) -> None:
    calls = []

    def counted(event: OpenEvent) -> OpenEvent:
        calls.append(event)
        return spinning(event)

    after, fuses = through(counted)
    with caplog.at_level(logging.ERROR):
        fuses.watch(after.tallies)

    assert len(calls) == STRIKES
    assert failed(after) == [True] * EVENTS
    assert after.tallies["last"].changed == EVENTS
    assert fuses.blown == {"stuck"}
    assert "DISABLED" in caplog.text


def test_what_protects_privacy_lets_nothing_pass_and_stops_the_worker() -> None:
    after, fuses = through(spinning, private=True)

    assert {type(verdict) for verdict in after.verdicts} == {Rejected}
    first = after.verdicts[0]
    assert isinstance(first, Rejected)
    assert (first.code, "did not return in time" in first.message) == (RejectionCode.TRANSFORM_FAILED, True)
    with pytest.raises(FuseBlown, match="nothing passes without it"):
        fuses.watch(after.tallies)


def test_calls_that_are_far_apart_do_not_add_up() -> None:
    after, fuses = through(only(1, spinning))
    fuses.watch(after.tallies)
    fuses.watch({"stuck": after.tallies["last"]})
    for _ in range(STRIKES - 1):
        fuses.cut_off("stuck")

    assert not fuses.blown


def test_a_batch_that_is_held_up_for_long_by_short_calls_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.fuses.LEAST_HELD_S", 0.02)
    calls = []

    def slow(event: OpenEvent) -> OpenEvent:
        calls.append(event)
        time.sleep(0.015)
        return event

    fuses = Fuses({"slow": 1}, frozenset())
    alarm = Alarm({"slow": 100_000}, fuses)
    rules = TransformRules({0: (Step("slow", "slow@1", slow),)}, disabled=fuses.blown, watch=alarm)
    events = [event(0) for _ in range(1_000)]
    after = transformed(events, rules)

    assert fuses.blown == {"slow"}
    assert len(calls) < len(events)
    assert after.tallies["slow"].failed == len(events) - len(calls) + 1


def test_large_events_may_hold_up_a_batch_for_longer() -> None:
    fuses = Fuses({"step": 1_000}, frozenset())

    assert fuses.is_beyond("step", 100, 100 * 1_200, 3.5)
    assert not fuses.is_beyond("step", 100, 100 * 900_000, 3.5)


def test_a_call_that_catches_what_is_to_end_it_is_ended_again() -> None:
    after, _ = through(only(1, defending))

    assert failed(after) == [False] * EVENTS


class Ended(KeyboardInterrupt):
    """In place of the end of the process."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(_: str, problem: BaseException) -> None:
        raise Ended(str(problem))

    monkeypatch.setattr(cut_off, "stop_now", end)


def stubborn() -> None:
    while True:
        try:
            while True:
                pass
        except cut_off.CutOff:
            pass


@pytest.mark.usefixtures("ends")
@pytest.mark.parametrize("held_s", [100.0, 0.0])
def test_a_call_that_catches_everything_for_ever_ends_with_its_worker(
    held_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.fuses.LEAST_HELD_S", held_s)
    with pytest.raises(Ended, match="stuck does not return, and catches what is to end it"):
        through(lambda event: stubborn() or event)


class Numbering(Transform[Any]):
    """Adds to the number, and for some numbers never comes to its end."""

    persons = True

    def __init__(self, endless: Collection[int]) -> None:
        self.endless = endless
        self.calls = 0

    def reads(self) -> Collection[str]:
        return ("n",)

    def additions(self, given: Given) -> Mapping[str, Any]:
        self.calls += 1
        while given.get("n") in self.endless:
            pass
        return {"n": given.get("n", 0) + 100}


def in_columns(call: Numbering, sets: Collection[int] = ()) -> tuple[list[Any], Fuses]:
    fuses = Fuses({"stuck": 1_000}, frozenset())
    steps = (Step("stuck", "stuck@1", call),)
    rules = TransformRules({0: steps}, disabled=fuses.blown, watch=Alarm({"stuck": 20}, fuses))
    said = [{"event": "e", "properties": {"n": index}} for index in range(EVENTS)]
    for index in sets:
        said[index]["$set"] = {"n": index}
    events = [opened(one)._of for one in said]
    columns = EventColumns.of([one for one in events if type(one) is Event])
    after = transformed(Decoded(numpy.arange(EVENTS), columns, {}), rules)
    return list(after.verdicts), fuses


@pytest.mark.parametrize("sets", [(), (1, 2)])
def test_on_the_short_way_a_call_that_does_not_return_costs_its_event_and_is_counted_once(
    sets: Collection[int],
) -> None:
    verdicts, fuses = in_columns(Numbering([2]), sets)

    assert [verdict.failed for verdict in verdicts] == ["", "", "stuck@1", "", ""]
    assert [parsed(verdict.properties)["n"] for verdict in verdicts] == [100, 101, 2, 103, 104]
    fuses.cut_off("stuck")
    assert not fuses.blown


@pytest.mark.usefixtures("ends")
def test_on_the_short_way_a_call_that_catches_everything_ends_with_its_worker_too() -> None:
    step = Numbering([])
    step.additions = lambda given: stubborn() or {}  # type: ignore[method-assign]

    with pytest.raises(Ended, match="stuck does not return"):
        in_columns(step)


def test_on_the_short_way_a_step_that_never_returns_is_disabled() -> None:
    step = Numbering(range(EVENTS))

    verdicts, fuses = in_columns(step)

    assert [verdict.failed for verdict in verdicts] == ["stuck@1"] * EVENTS
    assert fuses.blown == {"stuck"}


def test_the_timer_ends_with_the_batch() -> None:
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[1]

    through(only(1, spinning))

    assert (signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[1]) == before


def test_in_another_thread_nothing_is_watched() -> None:
    found: list[bool] = []

    def quick() -> None:
        found.extend(failed(through(lambda event: event)[0]))

    thread = threading.Thread(target=quick)
    thread.start()
    thread.join()

    assert found == [False] * EVENTS

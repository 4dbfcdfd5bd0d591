"""The engine: steps in their order, whatever they do, and every event in exactly one place."""

import sys
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import numpy
import pytest

from pipeline.filters import Filter
from pipeline.steps import Overgrown, Step, Tally, TransformRules
from pipeline.transforming import Transformed, transformed
from schemas import open_event
from schemas.decoding import Decoded
from schemas.event import Dropped, Event, Rejected, RejectionCode, Verdict
from schemas.event_columns import EventColumns
from schemas.json_text import parsed
from schemas.limits import Limits
from schemas.open_event import OpenEvent
from transforms.interface import DROPPED, refused
from transforms.testing import made, opened

Call = Callable[[OpenEvent], Any]


def event(name: str = "e", project: int = 1, **properties: Any) -> Event:
    return opened({"event": name, "project": project, "properties": properties})._of


def step(name: str, call: Call, when: str = "", on_error: Any = "skip") -> Step:
    return Step(name, f"{name}@1", call, Filter(when) if when else None, on_error)


def through(verdicts: list[Verdict], *steps: Step, **rules: Any) -> Transformed:
    return transformed(verdicts, TransformRules({0: steps}, **rules))


def properties(verdict: Verdict) -> dict[str, Any]:
    assert isinstance(verdict, Event)
    found: dict[str, Any] = msgspec.json.decode(verdict.properties)
    return found


def adding(**more: Any) -> Call:
    return lambda found: found.adding(more)


def raising(found: OpenEvent) -> OpenEvent:
    raise KeyError(found.properties["secret"])


def test_steps_are_taken_in_their_order_and_named_on_the_event() -> None:
    [after] = through(
        [event(a=1)], step("one", adding(b=1)), step("two", lambda e: e.adding({"c": e.get("b")}))
    ).verdicts

    assert properties(after) == {"a": 1, "b": 1, "c": 1}
    assert isinstance(after, Event)
    assert (after.applied, after.failed) == ("one@1 two@1", "")


def test_an_event_that_nothing_changed_is_handed_on_as_it_is() -> None:
    before = event(a=1)

    assert (
        through([before], step("same", lambda e: e), step("other", adding(b=1), 'event == "x"')).verdicts[0] is before
    )


def test_without_steps_nothing_is_touched() -> None:
    verdicts: list[Verdict] = [event(), Rejected(RejectionCode.NOT_JSON, "no")]

    assert transformed(verdicts, TransformRules()).verdicts is verdicts


def test_a_step_takes_only_what_its_filter_matches() -> None:
    found = [event("a", n=1), event("a", n=2), event("b", n=1)]

    after = through(found, step("s", adding(hit=True), 'event == "a" && properties.n == 1')).verdicts

    assert [properties(one).get("hit") for one in after] == [True, None, None]


def test_a_renamed_event_takes_the_steps_of_its_new_name() -> None:
    steps = (
        step("early", adding(early=1), 'event == "new"'),
        step("rename", lambda e: e.replace(event="new"), 'event == "old"'),
        step("late", adding(late=1), 'event == "new"'),
        step("gone", adding(gone=1), 'event == "old"'),
    )

    after = through([event("old"), event("new"), event("third")], *steps).verdicts

    assert [properties(one) for one in after] == [{"late": 1}, {"early": 1, "late": 1}, {}]


def test_dropped_and_rejected_events_end_there_and_are_counted_under_the_name_of_the_step() -> None:
    steps = (
        step("drop", lambda e: DROPPED if e.get("n") == 1 else e),
        step("refuse", lambda e: refused("n is two: send another") if e.get("n") == 2 else e),
        step("mark", adding(marked=True)),
    )

    found = through([event(n=1), event(n=2), event(n=3)], *steps)

    assert found.verdicts[0] == Dropped("drop", 1)
    assert found.verdicts[1] == Rejected(RejectionCode.REFUSED_BY_TRANSFORM, "refuse: n is two: send another", 1)
    assert properties(found.verdicts[2])["marked"]
    assert found.tallies["mark"] == Tally(asked=1, seen=1, changed=1)
    assert (found.tallies["drop"].dropped, found.tallies["refuse"].rejected) == (1, 1)


def test_a_step_that_raises_is_skipped_and_named() -> None:
    [after] = through([event(secret="s3cret")], step("bad", raising), step("good", adding(b=1))).verdicts

    assert isinstance(after, Event)
    assert (after.applied, after.failed) == ("good@1", "bad@1")


def test_a_step_that_must_not_fail_rejects_without_telling_what_it_saw() -> None:
    found = through([event(secret="s3cret"), event(secret=1)], step("bad", raising, on_error="reject"))

    for verdict in found.verdicts:
        assert isinstance(verdict, Rejected)
        assert verdict.code == RejectionCode.TRANSFORM_FAILED
        assert "KeyError" in verdict.message
        assert "s3cret" not in verdict.message
    assert found.tallies["bad"].failed == 2


def test_a_filter_without_an_answer_is_the_step_failing() -> None:
    verdicts = [event(n="text"), event(n=5), event()]

    [text, number, missing] = through(verdicts, step("s", adding(hit=1), "properties.n > 3")).verdicts

    assert isinstance(text, Event)
    assert text.failed == "s@1"
    assert properties(number)["hit"] == 1
    assert properties(missing) == {}


@pytest.mark.parametrize("made", [object(), "\ud800", {"a": {"b": object()}}])
def test_what_json_does_not_have_is_the_fault_of_the_step_that_made_it(made: Any) -> None:
    steps = (step("good", adding(a=1)), step("bad", adding(b=made)), step("after", adding(c=1)))

    found = through([event()], *steps)

    [after] = found.verdicts
    assert isinstance(after, Event)
    assert properties(after) == {"a": 1, "c": 1}
    assert (after.applied, after.failed) == ("good@1 after@1", "bad@1")
    assert found.tallies["bad"].failed == 1


def test_what_breaks_a_limit_is_the_fault_of_the_step_that_made_it() -> None:
    limits = Limits(event_bytes=100, event_name_chars=5)
    large, name = step("large", adding(b="x" * 200)), step("name", lambda e: e.replace(event="too long"))

    [after] = through([event("e", a=1)], large, name, limits=limits).verdicts
    [rejected] = through([event("e")], step("large", adding(b="x" * 200), on_error="reject"), limits=limits).verdicts

    assert isinstance(after, Event)
    assert (after.event, properties(after), after.failed) == ("e", {"a": 1}, "large@1 name@1")
    assert isinstance(rejected, Rejected)
    assert "the limit is 100" in rejected.message


def test_an_answer_that_is_none_is_a_failure() -> None:
    [after] = through([event(a=1)], step("forgot", lambda e: None)).verdicts

    assert isinstance(after, Event)
    assert after.failed == "forgot@1"


def test_what_an_event_says_of_its_person_and_visit_is_read_after_the_steps() -> None:
    hide = step("hide", lambda e: e.without(["$session_id"]))
    found = [opened({"properties": {"$session_id": "s1"}})._of]
    found = [msgspec.structs.replace(found[0], marks=b"\x94\x00\xa0\xa2s1\xc2")]

    [after] = through(found, hide).verdicts

    assert isinstance(after, Event)
    assert after.marks == b""


def test_a_project_has_steps_of_its_own() -> None:
    rules = TransformRules({0: (step("all", adding(all=1)),), 2: (step("two", adding(two=2)),)})

    one, two = transformed([event(project=1), event(project=2)], rules).verdicts

    assert (properties(one), properties(two)) == ({"all": 1}, {"two": 2})


def test_a_disabled_step_is_skipped_and_named() -> None:
    found = through([event(), event()], step("slow", adding(b=1)), disabled={"slow"})

    assert [(properties(one), one.failed) for one in found.verdicts if isinstance(one, Event)] == [({}, "slow@1")] * 2
    assert found.tallies["slow"] == Tally(asked=2, seen=2, failed=2)


@pytest.mark.parametrize("after", [[], [step("bad", lambda e: e.adding({"b": object()}))]])
def test_without_a_disabled_step_events_go_on_whatever_its_on_error_says(after: list[Step]) -> None:
    costly = step("costly", lambda e: e, on_error="reject")

    [found] = through([event(a=1)], costly, *after, disabled={"costly"}).verdicts

    assert isinstance(found, Event)
    assert found.failed.split()[0] == "costly@1"


def test_nothing_passes_a_disabled_step_that_protects_privacy() -> None:
    guard = msgspec.structs.replace(step("guard", lambda e: e, on_error="reject"), private=True)

    [found] = through([event(a=1)], guard, disabled={"guard"}).verdicts

    assert isinstance(found, Rejected)


def test_time_is_taken_by_the_clock_it_is_given() -> None:
    ticks = count(0, 1_000)

    found = through([event(), event()], step("s", adding(b=1)), clock=lambda: next(ticks))

    assert found.tallies["s"] == Tally(asked=2, seen=2, changed=2, nanoseconds=1_000)


def test_properties_are_decoded_once_and_only_where_a_step_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    monkeypatch.setattr(open_event, "parsed", lambda text: decoded.append(text) or parsed(text))
    looks = step("looks", lambda e: e.adding({"seen": e.get("n")}), 'event == "a"')
    again, blind = step("again", adding(hit=1), 'event == "a" && properties.n > 0'), step("blind", lambda e: e)

    through([event("a", n=1), event("b", n=2)], looks, again, blind)

    assert decoded == [b'{"n":1}']


@pytest.mark.parametrize("place", ["properties", "set", "set_once"])
def test_what_a_guard_has_looked_at_goes_on_without_the_other_properties_of_one_name(place: str) -> None:
    text = b'{"$ip":"93.184.216.34","a":1,"$ip":"93.184.216.0"}'
    twice = msgspec.structs.replace(event(), **{place: text})
    guard = Step("guard", "guard@1", made("anonymize_ip"), None, "reject", private=True)

    [after] = through([twice], guard).verdicts
    [alone] = through([twice], guard, step("bad", adding(b=object()))).verdicts

    for found in (after, alone):
        assert isinstance(found, Event)
        assert getattr(found, place) == b'{"$ip":"93.184.216.0","a":1}'


def test_a_step_that_is_only_met_one_by_one_costs_no_batch() -> None:
    steps = (
        step("rename", lambda e: e.replace(event="x" * 300)),
        step("old", lambda e: DROPPED, 'event.startsWith("a") && properties.n > 10'),
    )

    [failed, dropped] = through([event("a", n="text"), event("a", n=11)], *steps).verdicts

    assert isinstance(failed, Event)
    assert failed.failed == "rename@1 old@1"
    assert dropped == Dropped("old", 1)


def test_a_disabled_step_marks_only_what_its_filter_matches() -> None:
    found = through([event(n=1), event(n=2)], step("s", adding(b=1), "properties.n == 1"), disabled={"s"})

    assert [one.failed for one in found.verdicts if isinstance(one, Event)] == ["s@1", ""]


def panic(_: OpenEvent) -> Any:
    """As libraries written in Rust: PyO3's PanicException is no Exception."""
    raise BaseException("panicked")


@pytest.mark.parametrize(
    "answer",
    [
        lambda e: Rejected("no_such_code", "x"),  # type: ignore[arg-type]
        lambda e: e.replace(event="half \ud800"),
        lambda e: e.replace(distinct_id="half \ud800"),
        lambda e: e.replace(event=["a"]),  # type: ignore[arg-type]
        lambda e: e.replace(unset=["a", 1]),
        lambda e: sys.exit(3),
        panic,
    ],
)
def test_no_answer_of_a_plugin_takes_down_the_batch(answer: Call) -> None:
    [after] = through([event(a=1)], step("plugin", answer)).verdicts

    assert isinstance(after, Event)
    assert (properties(after), after.failed) == ({"a": 1}, "plugin@1")


def test_half_a_surrogate_pair_in_a_message_is_replaced() -> None:
    [after] = through([event()], step("plugin", lambda e: refused("half \ud800"))).verdicts

    assert isinstance(after, Rejected)
    assert after.message == "plugin: half ?"


def test_all_parts_of_an_event_count_together() -> None:
    large = step("large", lambda e: e.replace(set={"a": "x" * 60}, properties={"b": "x" * 60}), on_error="reject")

    [after] = through([event()], large, limits=Limits(event_bytes=100)).verdicts

    assert isinstance(after, Rejected)


@pytest.mark.parametrize("in_columns", [True, False])
def test_events_that_grow_too_large_together_are_taken_one_at_a_time(in_columns: bool) -> None:
    found: list[Any] = [event(n=number) for number in range(3)]
    rules = TransformRules({0: (step("grow", adding(much="x" * 100)),)}, growth_max=250)

    def run(events: list[Any]) -> Transformed:
        columns = Decoded(numpy.arange(len(events)), EventColumns.of(events), {})
        return transformed(columns if in_columns else events, rules)

    with pytest.raises(Overgrown):
        run(found)
    assert [len(list(run([one]).verdicts)) for one in found] == [1, 1, 1]
    assert len(run(found[:2]).verdicts) == 2
    alone = TransformRules(rules.steps, growth_max=1)
    assert properties(transformed(found[:1], alone).verdicts[0])["much"] == "x" * 100

"""The laws of transformations: nothing is lost, order is kept, a batch may be cut anywhere."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.filters import Filter
from pipeline.transforming import Step, TransformRules, transformed
from schemas.event import Event, Rejected, RejectionCode, Verdict
from schemas.open_event import OpenEvent
from transforms.interface import DROPPED, refused
from transforms.testing import opened


def failing(event: OpenEvent) -> Any:
    raise ValueError(event.event)


CALLS: list[Any] = [
    lambda event: event,
    lambda event: event.adding({"n": event.get("n", 0) + 1}),
    lambda event: event.without(["n"]),
    lambda event: event.replace(event={"a": "b", "b": "c"}.get(event.event, "a")),
    lambda event: DROPPED if event.get("n") == 2 else event,
    lambda event: refused("no") if event.get("n") == 3 else event,
    lambda event: event.adding({"bad": object()}),
    lambda event: event.replace(set={"n": event.get("n")}),
    lambda event: None,
    failing,
]
FILTERS = [None, 'event == "a"', 'event != "a"', "properties.n > 1", 'event == "b" && properties.n == 1', "has(set.n)"]
COMPILED = [Filter(text) if text else None for text in FILTERS]
steps = st.lists(
    st.tuples(st.sampled_from(CALLS), st.sampled_from(COMPILED), st.sampled_from(["skip", "reject"])), max_size=6
)
events = st.builds(
    lambda name, properties: opened({"event": name, "properties": properties})._of,
    st.sampled_from("abc"),
    st.dictionaries(st.sampled_from(["n"]), st.integers(0, 3) | st.just("text")),
)
verdicts = st.lists(events | st.just(Rejected(RejectionCode.NOT_JSON, "no")), max_size=8)


@given(verdicts, steps, st.integers(0, 8))
def test_each_event_ends_as_it_would_alone(found: list[Verdict], listed: list[Any], cut: int) -> None:
    chain = tuple(Step(f"s{n}", f"s{n}@1", call, when, error) for n, (call, when, error) in enumerate(listed))
    rules = TransformRules({0: chain})

    together = transformed(found, rules).verdicts

    assert list(together) == [transformed([one], rules).verdicts[0] for one in found]
    assert list(together) == [*transformed(found[:cut], rules).verdicts, *transformed(found[cut:], rules).verdicts]
    assert [one.uuid for one in together if isinstance(one, Event)] == [
        before.uuid
        for before, after in zip(found, together, strict=True)
        if isinstance(before, Event) and isinstance(after, Event)
    ]

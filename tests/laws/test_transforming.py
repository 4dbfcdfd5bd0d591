"""The laws of transformations: nothing is lost, order is kept, a batch may be cut anywhere, columns change nothing."""

from typing import Any

import numpy
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pipeline.filters import Filter
from pipeline.steps import Step, TransformRules
from pipeline.transforming import transformed
from schemas.decoding import Decoded
from schemas.event import Event, Rejected, RejectionCode, Verdict
from schemas.event_columns import EventColumns
from schemas.marks import marks_of
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
TEXTS = [
    b"{}",
    b'{"n":1}',
    b'{"n": 2, "m":"n"}',
    b'{"m":"\\u006e","n":1,"n":2}',
    b'{"$session_id":"s","n":0}',
]
SETS = [b"", b"", b'{"n":1,"n":2}']
in_columns = st.builds(
    lambda event, text, given, historical: structs.replace(
        event, properties=text, set=given, historical=historical, marks=marks_of(event.event, text)
    ),
    events,
    st.sampled_from(TEXTS),
    st.sampled_from(SETS),
    st.booleans(),
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


@given(st.lists(in_columns, max_size=6), st.sampled_from([1, 1, 60]), verdicts, steps, st.booleans())
def test_events_in_columns_end_as_they_would_outside(
    plain: list[Event], times: int, others: list[Any], listed: list[Any], private: bool
) -> None:
    plain = plain * times
    chain = tuple(
        Step(f"s{n}", f"s{n}@1", call, when, error, private and not n) for n, (call, when, error) in enumerate(listed)
    )
    rules = TransformRules({0: chain})
    decoded = Decoded(numpy.arange(len(plain)), EventColumns.of(plain), dict(enumerate(others, len(plain))))

    found, expected = transformed(decoded, rules), transformed([*plain, *others], rules)

    assert list(found.verdicts) == list(expected.verdicts)
    assert isinstance(found.verdicts, Decoded)
    assert list(found.verdicts.others) == sorted(found.verdicts.others)
    assert found.tallies == expected.tallies

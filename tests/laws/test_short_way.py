"""On the short way an event ends as it would on the long one, whatever its steps answer."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pipeline.filters import Filter
from pipeline.steps import Step, TransformRules
from pipeline.transforming import transformed
from schemas.decoding import Decoded
from schemas.event import Event
from schemas.event_columns import EventColumns
from schemas.limits import Limits
from schemas.marks import marks_of
from transforms.interface import DROPPED, OpenEvent, Result, Transform
from transforms.testing import opened

Answer = Callable[[Any], Any]


class Adding(Transform[Any]):
    """What a function answers is added."""

    def __init__(self, answer: Answer) -> None:
        self.additions = answer  # type: ignore[method-assign]

    def reads(self) -> Collection[str]:
        return ("n", "m", "$session_id")

    def gives(self) -> Collection[str]:
        return ("elsewhere",)

    def additions(self, found: Any) -> Mapping[str, Any] | None:
        raise NotImplementedError


class Deciding(Adding):
    """The same; where the function answers None, and where something is removed from a person, the event is dropped."""

    def additions(self, found: Any) -> Mapping[str, Any] | None:
        raise NotImplementedError

    def __call__(self, event: OpenEvent) -> Result:
        found = self.additions(event)
        return DROPPED if found is None or event.unset else event.adding(found)


class OfPersons(Adding):
    """The same for what is said of a person, and nothing else."""

    persons = True

    def additions(self, found: Any) -> Mapping[str, Any] | None:
        raise NotImplementedError

    def __call__(self, event: OpenEvent) -> Result:
        contents = {name: getattr(event, name) for name in ("set", "set_once") if getattr(event, name)}
        found = {name: self.additions(content) for name, content in contents.items()}
        new = self.additions(event)
        if new is None or None in found.values():
            return DROPPED
        given = {name: {**contents[name], **added} for name, added in found.items() if added}  # type: ignore[dict-item]
        return event.adding(new).replace(**given) if given else event.adding(new)


class Long:
    """Does not say what it adds, but for that it is the same."""

    def __init__(self, same: Adding) -> None:
        self.reads, self.gives, self.call = same.reads, same.gives, same

    def __call__(self, event: OpenEvent) -> Result:
        return self.call(event)


ANSWERS: list[Answer] = [
    # Each asks for something: the text that a guard has not looked at stays as it was spelled.
    lambda found: {"m": 1} if found.get("n") == "never" else {},
    lambda found: {"m": 1} if found.get("m") is None else {},
    lambda found: {"n": found.get("n", 0) + 1},
    lambda found: {"n": found.get("m"), "m": found.get("n")},
    lambda found: None if found.get("n") == 2 else {},
    lambda found: {"n": [[1]]} if found.get("n") == 1 else {},
    lambda found: {"n": "\ud800"} if found.get("n") == 3 else {"n": 2**70} if found.get("n") == 2 else {"m": 2},
    lambda found: {"elsewhere": found.get("n")} if found.get("n") else {},
    lambda found: {"$session_id": "new"} if found.get("n") == 1 else {},
    lambda found: {"m": "long" * 20} if found.get("n") == 0 else {"n": "x"},
    lambda found: {} if found.get("n") else [],
    lambda found: 7 if found.get("n") else {},
]
KINDS = [Adding, Adding, Deciding, OfPersons]
FILTERS = [None, None, None, 'event == "a"', "properties.n == 1", "has(set.n)"]
COMPILED = [Filter(text) if text else None for text in FILTERS]
steps = st.lists(
    st.tuples(
        st.builds(lambda kind, answer: kind(answer), st.sampled_from(KINDS), st.sampled_from(ANSWERS)),
        st.sampled_from(COMPILED),
        st.sampled_from(["skip", "reject"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
TEXTS = [
    b"{}",
    b'{"n":1}',
    b'{"n": 2, "m":"n"}',
    b'{"n":3,"m":null}',
    b'{"m":"\\u006e","n":1,"n":2}',
    b'{"n":1,"n":1}',
    b'{"$session_id":"s","n":0}',
    b'{"n":1,"elsewhere":true}',
    b'{"n":1e999}',
    b'{"x":{"n":1},"n":1}',
]
SETS = [b"", b"", b"", b'{"n":1,"n":2}', b'{"m":1,"n":0}']


def _event(name: str, text: bytes, set_: bytes, unset: bytes) -> Event:
    marks = marks_of(name, text)
    return structs.replace(opened({"event": name})._of, properties=text, set=set_, unset=unset, marks=marks)  # type: ignore[return-value]


events = st.builds(
    _event,
    st.sampled_from(["a", "b", "$identify"]),
    st.sampled_from(TEXTS),
    st.sampled_from(SETS),
    st.sampled_from([b"", b"", b'["x"]']),
)


LIMITS = [Limits(), Limits(event_bytes=60), Limits(depth=2)]
DISABLED: list[frozenset[str]] = [frozenset(), frozenset(), frozenset({"s1"})]


@given(
    st.lists(events, max_size=6), st.sampled_from([1, 20]), steps, st.sampled_from(LIMITS), st.sampled_from(DISABLED)
)
def test_on_both_ways_an_event_ends_the_same(
    found: list[Event], times: int, listed: list[Any], limits: Limits, disabled: frozenset[str]
) -> None:
    found = found * times
    decoded = Decoded(numpy.arange(len(found)), EventColumns.of(found), {})
    with_short, without = (_rules(listed, kind, limits, disabled) for kind in (lambda step: step, Long))

    short, long = transformed(decoded, with_short), transformed(decoded, without)

    assert list(short.verdicts) == list(long.verdicts) == list(transformed(found, without).verdicts)
    assert short.tallies == long.tallies


def _rules(
    listed: list[Any], kind: Callable[[Adding], Any], limits: Limits, disabled: frozenset[str]
) -> TransformRules:
    chain = [
        Step(f"s{n}", f"s{n}@1", kind(call), when, error, private)
        for n, (call, when, error, private) in enumerate(listed)
    ]
    return TransformRules({0: tuple(chain)}, limits, disabled=disabled)

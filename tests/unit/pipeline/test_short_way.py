"""The short way: who is asked on it, and for what it has to be left."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy
import pytest

from pipeline.steps import Step, TransformRules
from pipeline.transforming import transformed
from schemas.decoding import Decoded
from schemas.event import Event
from schemas.event_columns import EventColumns
from transforms.interface import Given, OpenEvent, Result, Transform, TransformConfig
from transforms.testing import opened, run


class Greet(Transform[Any]):
    """Says hello to who has a name, and to others who they are."""

    name = "greet"
    Config = TransformConfig

    def open(self) -> None:
        self.asked: list[type] = []

    def reads(self) -> Collection[str]:
        return ("name", "greeting")

    def gives(self) -> Collection[str]:
        return ("nobody",)

    def additions(self, given: Given) -> Mapping[str, Any]:
        self.asked.append(type(given))
        return {"greeting": f"hello {given.get('name')}"} if given.get("name") else {"nobody": True}


class Shout(Greet):
    """Made from another, and does something else."""

    def __call__(self, event: OpenEvent) -> Result:
        return event.adding({"greeting": "HELLO"})


def through(step: Any, *events: Event) -> list[Event]:
    rules = TransformRules({0: (Step("s", "s@1", step),)})
    found = transformed(Decoded(numpy.arange(len(events)), EventColumns.of(events), {}), rules)
    assert found.tallies["s"].seen == len(events)
    return list(found.verdicts)  # type: ignore[arg-type]


def event(**said: Any) -> Event:
    return opened(said)._of  # type: ignore[return-value]


def test_who_only_gets_properties_never_becomes_an_event() -> None:
    step = Greet(TransformConfig(), {})

    [one, other] = through(step, event(properties={"name": "Ada", "a": 1}), event(properties={"name": "Bob"}))

    assert step.asked == [dict, dict]
    assert one.properties == b'{"name":"Ada","a":1,"greeting":"hello Ada"}'
    assert (other.properties, other.applied) == (b'{"name":"Bob","greeting":"hello Bob"}', "s@1")


def test_what_is_answered_under_a_name_that_was_not_read_is_asked_again_about_the_whole() -> None:
    step = Greet(TransformConfig(), {})

    [after] = through(step, event(properties={"a": 1}))

    assert step.asked == [dict, OpenEvent]
    assert after.properties == b'{"a":1,"nobody":true}'


def test_a_step_that_cannot_say_more_of_a_person_takes_its_event_the_short_way() -> None:
    step = Greet(TransformConfig(), {})

    [after] = through(step, event(properties={"name": "Ada"}, **{"$set": {"name": "Eve"}}))

    assert step.asked == [dict]
    assert (after.properties, after.set) == (b'{"name":"Ada","greeting":"hello Ada"}', b'{"name":"Eve"}')


def test_a_class_made_from_another_that_is_called_otherwise_is_called() -> None:
    step = Shout(TransformConfig(), {})

    [after] = through(step, event(properties={"name": "Ada"}))

    assert step.asked == []
    assert after.properties == b'{"name":"Ada","greeting":"HELLO"}'


class Peek(Greet):
    """Looks at what it has not said that it reads."""

    def additions(self, given: Given) -> Mapping[str, Any]:
        return {"greeting": given.get("secret")}


def test_who_tries_a_step_out_is_told_that_it_asks_for_more_than_it_names() -> None:
    with pytest.raises(AssertionError, match="more than `reads` names"):
        run(Peek, {"properties": {"secret": 1}})

"""What every transformation promises: its examples are true, no event makes it raise, and it changes only a copy."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.closed_event import closed
from schemas.event import Dropped, Rejected
from schemas.limits import Limits
from schemas.open_event import OpenEvent
from tests.contract.transform_lookups import LOOKUPS
from transforms.interface import Transform, TransformConfig
from transforms.registry import BUILT_IN
from transforms.testing import example_fails, made, opened

NAMES = sorted(BUILT_IN)
ROOT = Path(__file__).parents[2]

# Names that some transformation reads, so that what stands there is anything but what it expects.
known_names = st.sampled_from(
    [
        "$ip",
        "$raw_user_agent",
        "$current_url",
        "$referrer",
        "$host",
        "$pathname",
        "email",
        "phone",
        "price",
        "currency",
        "version",
        "url",
        "title",
        "$browser",
        "utm_source",
        "timestamp",
        "consent",
        "a",
        "b",
    ]
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", " ", "1.2.3.4", "::1", "http://", "http://[", "//", "?a=b&a=c", "%", "%zz", "1.2.3-rc.1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known_names | st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(known_names | st.text(max_size=8), json_values, max_size=6)
events = st.fixed_dictionaries(
    # Accept leaves no NUL in an event's name.
    {"event": st.text(st.characters(exclude_characters="\x00"), min_size=1, max_size=10), "properties": objects},
    optional={"$set": objects, "$set_once": objects, "$unset": st.lists(st.text(max_size=5), max_size=2)},
)


def transform(name: str) -> Transform[Any]:
    """As its first example configures it, so that it does something."""
    kind = BUILT_IN[name]
    config = kind.examples[0].config if kind.examples else {}
    return made(kind, config, LOOKUPS.get(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_example_shows_what_happens(name: str) -> None:
    kind = BUILT_IN[name]

    assert kind.examples, f"{name} has no example"
    assert [example_fails(kind, example, LOOKUPS.get(name)) for example in kind.examples] == [""] * len(kind.examples)


@pytest.mark.parametrize("name", NAMES)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(said=events)
def test_no_event_makes_it_raise_and_what_it_makes_can_go_on(name: str, said: dict[str, Any]) -> None:
    step, before = transform(name), opened(said)
    text = before.properties | {}

    result = step(before)

    assert isinstance(result, OpenEvent | Rejected | Dropped)
    assert dict(before.properties) == text
    if isinstance(result, OpenEvent):
        json.loads(closed(result, Limits()).properties)


@pytest.mark.parametrize("name", NAMES)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)
@given(said=events)
def test_the_same_event_gives_the_same_again(name: str, said: dict[str, Any]) -> None:
    assert transform(name)(opened(said)) == transform(name)(opened(said))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_verb_in_a_file_of_its_name_and_says_what_it_does(name: str) -> None:
    kind = BUILT_IN[name]

    assert kind.name == name
    assert kind.__module__ == f"transforms.{name}"
    assert (kind.__doc__ or "").strip()
    assert issubclass(kind.Config, TransformConfig)
    assert all(_description(field) for field in msgspec.structs.fields(kind.Config)), "a field without `about`"
    assert (ROOT / "tests" / "unit" / "transforms" / f"test_{name}.py").exists()


def test_every_one_is_listed_in_alphabetical_order() -> None:
    modules = {path.stem for path in (ROOT / "transforms").glob("*.py")}

    assert list(BUILT_IN) == sorted(modules - {"__init__", "interface", "registry", "testing"})


@pytest.mark.parametrize("name", NAMES)
def test_data_that_age_say_what_they_are_and_since_when(name: str) -> None:
    for file in transform(name).data():
        assert file.name
        assert file.version
        assert date.fromisoformat(file.made_on) >= date(2010, 1, 1)


def _description(field: msgspec.structs.FieldInfo) -> str:
    metas = getattr(field.type, "__metadata__", ())
    return next((meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description), "")

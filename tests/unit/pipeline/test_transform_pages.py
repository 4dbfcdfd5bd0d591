"""A page tells what a transformation does, every setting, and its examples; never how a secret is written in YAML."""

from typing import Any, Literal

import msgspec

from pipeline.cli.transform_pages import pages, transform_page
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about


class Rule(msgspec.Struct, frozen=True):
    low: Annotated[int, about("From here on.")] = 0


class Config(TransformConfig, frozen=True):
    key: Annotated[str, about("Opens | it.", secret=True, min_length=1)]
    names: Annotated[tuple[str, ...], about("Which.", max_length=3)] = ("a", "b")
    how: Annotated[Literal["this", "that"], about("In which way.")] = "this"
    share: Annotated[float | None, about("How many.", ge=0, le=1)] = None
    table: Annotated[dict[str, Any], about("From, to.")] = msgspec.field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], about("By size.")] = ()


class OpenDoors(Transform[Config]):
    """Open doors, e.g. those of cellars. And windows.

    Rules follow.
    """

    name = "open_doors"
    Config = Config
    privacy = True
    examples = (
        Example(
            says="One door",
            config={"key": "sesame", "names": ("a",)},
            before={"properties": {"a": 1}, "$set": {"a": 1}},
            after={"properties": {"a": 2}, "$set": {}},
        ),
        Example(says="No door", before={"properties": {}}, after=None, outcome="dropped"),
        Example(says="An open one", before={"properties": {}}, after={}),
    )

    def __call__(self, event: OpenEvent) -> Result:
        return event


PAGE = transform_page(OpenDoors)


def test_a_setting_has_a_row_with_type_limits_default_and_meaning() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]

    assert rows == [
        "| `key` | text, not empty | required | Opens \\| it. **Secret**: give it as `${NAME}` or `${file:/path}`. |",
        '| `names` | list of text, at most 3 items | `["a", "b"]` | Which. |',
        "| `how` | one of `this`, `that` | `this` | In which way. |",
        "| `share` | number or null, at least 0, at most 1 |  | How many. |",
        "| `table` | map from text to anything | `{}` | From, to. |",
        "| `rules` | list of `Rule` | `[]` | By size. |",
        "| `low` | whole number | `0` | From here on. |",
    ]


def test_a_secret_is_taken_from_the_environment() -> None:
    assert "key: ${OPEN_DOORS_KEY}\n" in PAGE
    assert "Here `OPEN_DOORS_KEY` is `sesame`." in PAGE


def test_an_example_shows_the_event_before_and_after() -> None:
    assert 'Before:\n\n```json\n{"properties": {"a": 1}, "$set": {"a": 1}}\n```' in PAGE
    assert 'After:\n\n```json\n{"properties": {"a": 2}}\n```' in PAGE
    assert "The event is dropped." in PAGE
    assert "It stays as it is." in PAGE


def test_the_list_has_the_first_sentence_and_whether_it_is_about_privacy() -> None:
    found = pages({"open_doors": OpenDoors})

    assert set(found) == {"transforms/README.md", "transforms/open_doors.md"}
    assert "| [open_doors](open_doors.md) | Open doors, e.g. those of cellars. | yes |" in found["transforms/README.md"]

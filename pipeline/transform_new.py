"""What a new transformation begins with: a file that works, and its test."""

import re
from pathlib import Path

from schemas.outcomes import ConfigError

__all__ = ["write_new"]

RESERVED = frozenset({"Annotated", "Config", "Example", "OpenEvent", "Path", "Result", "Transform", "TransformConfig"})
"""What the file and its test name already: a class of one of these names would take its place."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

MODULE = '''"""{title}."""

from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["{cls}"]


class Config(TransformConfig, frozen=True):
    property: Annotated[str, about("The property to look at.")] = "plan"
    value: Annotated[str, about("What it becomes where it is missing.")] = "free"


class {cls}(Transform[Config]):
    """{title}: say here what it does and why, in a sentence for whoever reads the list."""

    name = "{name}"
    Config = Config
    examples = (
        Example(
            says="A missing value is filled in",
            before={{"properties": {{}}}},
            after={{"properties": {{"plan": "free"}}}},
        ),
    )

    def __call__(self, event: OpenEvent) -> Result:
        if self.config.property in event.properties:
            return event
        return event.adding({{self.config.property: self.config.value}})
'''
TEST = '''"""Tests of {name}: pytest {test}"""

from pathlib import Path

from transforms.testing import example_fails, load, run

{cls} = load(Path(__file__).with_name("{module}"))["{name}"]


def test_its_examples_show_what_happens() -> None:
    assert [example_fails({cls}, example) for example in {cls}.examples] == [""] * len({cls}.examples)


def test_a_missing_value_is_filled_in() -> None:
    after = run({cls}, {{"properties": {{"seats": 3}}}}, {{"value": "basic"}})

    assert dict(after.properties) == {{"seats": 3, "plan": "basic"}}


def test_a_value_that_is_there_stays() -> None:
    after = run({cls}, {{"properties": {{"plan": "pro"}}}})

    assert after.properties["plan"] == "pro"
'''


def write_new(name: str, folder: Path) -> list[Path]:
    """The files written. Raises ConfigError for a name that is none, and for files that are there already."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name: write a verb in snake case, like tidy_titles")
    cls = "".join(word.capitalize() for word in name.split("_"))
    if cls in RESERVED:
        raise ConfigError(f"{name!r} gives the class {cls}, which the file imports: write a verb, like tidy_titles")
    words = {
        "name": name,
        "cls": cls,
        "title": name.replace("_", " ").capitalize(),
        "module": f"{name}.py",
        "test": f"test_{name}.py",
    }
    files = {folder / words["module"]: MODULE.format(**words), folder / words["test"]: TEST.format(**words)}
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} is there already: choose another name, or another folder with --dir")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text)
    return list(files)

"""What the pages for authors show is true: the filters work, the class runs, the names exist."""

import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.filters import Filter
from pipeline.settings import TransformEntry
from pipeline.transform_new import write_new
from schemas.event import Rejected
from transforms.testing import example_fails, load, run

DOCS = Path(__file__).parents[2] / "docs"
TRANSFORMATIONS, PLUGINS = ((DOCS / name).read_text() for name in ("transformations.md", "plugins.md"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def shown_class() -> Any:
    [source] = [block for block in blocks(PLUGINS, "python") if block.startswith("from transforms.interface")]
    module = types.ModuleType("shown_plugin")
    sys.modules["shown_plugin"] = module
    exec(compile(source, "plugins.md", "exec"), vars(module))
    return vars(module)["TidyTitles"]


@pytest.mark.parametrize("line", blocks(TRANSFORMATIONS, "cel")[0].splitlines())
def test_every_filter_that_is_shown_compiles(line: str) -> None:
    assert Filter(line)


def test_every_key_of_an_entry_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TRANSFORMATIONS, re.MULTILINE)

    assert rows == ["use", "name", "config", "when", "on_error", "max_us_per_event", "max_ms_per_call"]
    assert set(rows) == set(TransformEntry.__struct_fields__)


def test_the_lists_that_are_shown_have_the_keys_there_are() -> None:
    for block in [*blocks(TRANSFORMATIONS, "yaml"), *blocks(PLUGINS, "yaml")]:
        for entry in yaml.safe_load(block)["transforms"]:
            assert set(entry) <= set(TransformEntry.__struct_fields__)


def test_the_class_that_is_shown_does_what_its_page_says() -> None:
    tidy = shown_class()

    assert run(tidy, {"properties": {"title": " Tea "}}, {"longest": 10}).properties["title"] == "Tea"
    assert isinstance(run(tidy, {"properties": {"title": "x" * 11}}, {"longest": 10}), Rejected)
    assert dict(run(tidy, {"properties": {"title": 7}}).properties) == {"title": 7}


def test_what_a_new_transformation_begins_with_works(tmp_path: Path) -> None:
    module, test = write_new("tidy_titles", tmp_path / "plugins")

    kind = load(module)["tidy_titles"]

    assert [example_fails(kind, example) for example in kind.examples] == [""]
    compile(test.read_text(), str(test), "exec")

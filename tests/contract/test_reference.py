"""The generated pages are current, and every command, setting, topic and rejection code keeps its promises."""

import json
import re
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from pipeline.cli.main import COMMANDS, main
from pipeline.cli.reference import pages, sections, told_fields
from pipeline.settings import Settings
from pipeline.topics import catalogue
from schemas.event import RejectionCode

DOCS = Path(__file__).parents[2] / "docs"
PAGES = pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    file = DOCS / name

    assert file.exists(), "run make docs"
    assert file.read_text() == PAGES[name], "run make docs"


def test_no_page_is_left_of_a_transformation_that_is_gone() -> None:
    found = {f"transforms/{file.name}" for file in (DOCS / "transforms").glob("*.md")}

    assert found - {*PAGES, "transforms/conformance.md"} == set()


def command_of(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)  # type: ignore[attr-defined]
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_and_speaks_json(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert "Example:" in result.output
    assert f"headrace {name}" in result.output
    assert "--json" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    options = [found for found in command_of(name).params if isinstance(found, click.Option)]

    assert all(option.help for option in options), [option.name for option in options if not option.help]


def test_help_imports_no_heavy_library() -> None:
    import subprocess
    import sys

    heavy = ["pyarrow", "faust", "chdb", "numpy", "rich"]
    code = f"import sys, pipeline.cli.main; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_every_setting_says_what_it_means() -> None:
    silent = []
    for path, struct in sections(Settings, ""):
        told = told_fields(struct)
        silent += [
            f"{path}.{field.name}"
            for field in msgspec.structs.fields(struct)
            if field.name not in told and field.name not in told_elsewhere(field.type)
        ]

    assert silent == []


def told_elsewhere(kind: object) -> set[str]:
    """A field that is a section is told by the section's own text."""
    return {
        "broker",
        "topics",
        "limits",
        "dedup",
        "sessions",
        "identity",
        "people",
        "commit",
        "deliver",
        "fetch",
        "store",
        "retry",
        "metrics",
        "clickhouse",
    }


def test_every_topic_says_what_it_carries_and_bounds_its_messages() -> None:
    for plan in catalogue(Settings()):
        assert plan.carries
        assert int(plan.config()["max.message.bytes"]) <= 16 * 1024 * 1024


@pytest.mark.parametrize("code", RejectionCode)
def test_every_rejection_code_is_explained_to_producers(code: RejectionCode) -> None:
    assert f"`{code.value}`" in (DOCS / "events.md").read_text()


def test_every_example_event_in_the_docs_is_accepted() -> None:
    from tests.unit.schemas.decoded import event

    text = (DOCS / "events.md").read_text()
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)

    assert len(examples) >= 4
    for example in examples:
        assert event(json.dumps(json.loads(example)).replace('"YOUR_TOKEN"', '"phc_1"').encode()).event

"""Lists of transformations: what a configuration says becomes steps, and what cannot work names its line."""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from pipeline.cli.lint_command import entry as lint
from pipeline.cli.output import EXIT_USAGE
from pipeline.cli.transform_command import entry as transform
from pipeline.configuration import parse
from pipeline.plugins import Offers
from pipeline.steps import TransformRules
from pipeline.transform_list import STEPS_MAX, opened_steps
from pipeline.transforming import transformed
from schemas.event import Event, Rejected
from schemas.outcomes import ConfigError
from transforms.testing import opened

PLUGIN = '''
from pathlib import Path
from typing import Annotated

from transforms.interface import LookupSource, OpenEvent, Result, Transform, TransformConfig, about


class Config(TransformConfig, frozen=True):
    names: Annotated[str, about("A file of names, one a line.")]
    secret: Annotated[str, about("Nobody sees it.", secret=True)] = ""


class NameVisitors(Transform[Config]):
    """Give visitors names."""

    name = "name_visitors"
    Config = Config
    version = "3"

    @classmethod
    def sources(cls, config):
        return {"names": LookupSource(config.names, lambda path: Path(path).read_text().split())}

    def __call__(self, event: OpenEvent) -> Result:
        return event.adding({"name": self.lookups["names"].value[0]})
'''


def settings(transforms: list[dict[str, Any]], **more: Any) -> Any:
    content = {"projects": [{"id": 1, "tokens": ["t"]}], "transforms": transforms, **more}
    return parse(yaml.safe_dump(content, sort_keys=False), "headrace.yaml", {})


def refusal(transforms: list[dict[str, Any]], **more: Any) -> str:
    with pytest.raises(ConfigError) as problem:
        settings(transforms, **more)
    return str(problem.value)


def through(found: Any, folder: Path, **said: Any) -> Any:
    rules = TransformRules(opened_steps(found, folder).steps)
    return transformed([opened(said)._of], rules).verdicts[0]


def test_steps_run_as_configured(tmp_path: Path) -> None:
    found = settings([{"use": "anonymize_ip", "config": {"v4_bits": 8}, "when": 'event == "e"'}])

    after = through(found, tmp_path, event="e", properties={"$ip": "93.184.216.34"})

    assert isinstance(after, Event)
    assert after.properties == b'{"$ip":"93.0.0.0"}'
    assert after.applied == "anonymize_ip@1"


def test_a_guard_is_not_passed_by_a_property_that_stands_twice(tmp_path: Path) -> None:
    rules = TransformRules(opened_steps(settings([{"use": "anonymize_ip"}]), tmp_path).steps)
    twice = msgspec.structs.replace(opened()._of, properties=b'{"$ip":"93.184.216.34","$ip":"93.184.216.0"}')

    [after] = transformed([twice], rules).verdicts

    assert isinstance(after, Event)
    assert after.properties == b'{"$ip":"93.184.216.0"}'


def test_a_project_adds_steps_of_its_own(tmp_path: Path) -> None:
    projects = [{"id": 1, "tokens": ["t"], "transforms": [{"use": "drop_events", "when": 'event == "ping"'}]}]
    found = settings([{"use": "anonymize_ip"}], projects=projects)

    steps = opened_steps(found, tmp_path).steps

    assert [step.name for step in steps[1]] == ["anonymize_ip", "drop_events"]
    assert [step.name for step in steps[0]] == ["anonymize_ip"]


def test_no_two_projects_have_steps_of_one_name() -> None:
    def project(number: int, **more: str) -> dict[str, Any]:
        entry = {"use": "drop_events", "when": "true", **more}
        return {"id": number, "tokens": [str(number)], "transforms": [entry]}

    said = refusal([], projects=[project(1), project(2)])

    assert said.startswith("headrace.yaml:")
    assert "'drop_events' is used twice, in this list or another's: give one of the two a `name`" in said
    settings([], projects=[project(1), project(2, name="drop_of_two")])


def test_the_steps_of_an_event_are_limited_and_not_those_of_all_projects() -> None:
    def project(number: int, count: int) -> dict[str, Any]:
        entries = [{"use": "remove_nulls", "name": f"p{number}_{index}"} for index in range(count)]
        return {"id": number, "tokens": [str(number)], "transforms": entries}

    settings([], projects=[project(1, 150), project(2, 150)])
    said = refusal([{"use": "remove_nulls"}], projects=[project(1, STEPS_MAX)])

    assert "with those of all projects there are 201 transformations, the limit is 200" in said


def test_a_file_may_bring_transformations_with_what_they_look_up(tmp_path: Path) -> None:
    (tmp_path / "visitors.py").write_text(PLUGIN)
    (tmp_path / "names.txt").write_text("Ada Bob")
    entry = {"use": "name_visitors", "config": {"names": str(tmp_path / "names.txt")}}

    after = through(settings([entry], plugins=[str(tmp_path / "visitors.py")]), tmp_path)

    assert isinstance(after, Event)
    assert (after.properties, after.applied) == (b'{"name":"Ada"}', "name_visitors@3")


def test_what_protects_privacy_rejects_where_it_fails(tmp_path: Path) -> None:
    found = settings([{"use": "anonymize_ip", "when": "properties.n > 3"}])

    assert isinstance(through(found, tmp_path, properties={"n": "text"}), Rejected)


@pytest.mark.parametrize(
    ("transforms", "said"),
    [
        ([{"use": "anonymise_ip"}], "headrace.yaml:6: there is no transformation 'anonymise_ip'"),
        (
            [{"use": "anonymize_ip", "config": {"bits": 8}}],
            "headrace.yaml:8: config.bits: 'bits' is not a setting",
        ),
        ([{"use": "anonymize_ip", "config": {"v4_bits": 33}}], "headrace.yaml:8: config.v4_bits: Expected `int` <= 32"),
        (
            [{"use": "anonymize_ip", "when": "evnt == 'a'"}],
            "headrace.yaml:7: when: at character 1: 'evnt' is not known",
        ),
        (
            [{"use": "detect_bots", "config": {"ignore": "http-library"}}],
            "headrace.yaml:8: config.ignore: Expected `array`, got `str`",
        ),
        (
            [{"use": "geoip", "config": {"database": "x", "fields": "city_name"}}],
            "headrace.yaml:9: config.fields: Expected `array`, got `str`",
        ),
        (
            [{"use": "rename_events", "config": {"names": ["a"]}}],
            "headrace.yaml:8: config.names: Expected `object`, got `array`",
        ),
        (
            [{"use": "hash_properties", "config": {"properties": ["a"], "key": 12345678901234567890}}],
            "config.key: Expected `str`, got `int`; put it in quotes",
        ),
        ([{"use": "anonymize_ip", "on_error": "skip"}], "headrace.yaml:7: anonymize_ip protects privacy"),
        ([{"use": "anonymize_ip"}, {"use": "anonymize_ip"}], "'anonymize_ip' is used twice"),
        ([{"use": "anonymize_ip", "name": "duplicate"}], "'duplicate' stands for events that were sent twice"),
        ([{"config": {}}], "use must be given"),
    ],
)
def test_what_cannot_work_names_its_line(transforms: list[dict[str, Any]], said: str) -> None:
    assert said in refusal(transforms)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        ("x = 1", "defines no transformation"),
        ("import nowhere_at_all", "cannot be imported"),
        ("from transforms.interface import Transform\nclass T(Transform): pass", "lacks `name`"),
    ],
)
def test_a_file_that_brings_nothing_says_why(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "plugin.py"
    if content is not None:
        file.write_text(content)

    assert said in refusal([], plugins=[str(file)])


def test_a_lookup_that_is_not_there_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "visitors.py").write_text(PLUGIN)
    entry = {"use": "name_visitors", "config": {"names": str(tmp_path / "missing.txt")}}

    with pytest.raises(ConfigError, match=r"missing\.txt cannot be read"):
        opened_steps(settings([entry], plugins=[str(tmp_path / "visitors.py")]), tmp_path)


BREAKS = {
    "open": "    def open(self): raise KeyError('column')",
    "sources": "    @classmethod\n    def sources(cls, config): raise RecursionError('deep')",
    "data": "    def data(self): raise OSError('no disk')",
    "__post_init__": "",
}
BREAKING = """
from transforms.interface import Transform, TransformConfig


class Config(TransformConfig, frozen=True):
    strange: bool = False

    def __post_init__(self):
        if self.strange:
            raise KeyError("column")


class Break(Transform[Config]):
    name = "break_things"
    Config = Config

{method}

    def __call__(self, event):
        return event
"""


@pytest.fixture
def breaking(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    (tmp_path / "breaking.py").write_text(BREAKING.format(method=BREAKS[request.param]))
    return str(tmp_path / "breaking.py")


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        ("open", "break_things: it cannot be opened: KeyError('column')"),
        ("sources", "break_things: it cannot be opened: RecursionError('deep')"),
    ],
    indirect=["breaking"],
)
def test_whatever_opening_raises_names_the_entry(tmp_path: Path, breaking: str, said: str) -> None:
    entries = [{"use": "anonymize_ip"}, {"use": "break_things"}]
    project = {"id": 1, "tokens": ["t"], "transforms": entries}

    for found, place in (
        (settings(entries, plugins=[breaking]), "transforms.1"),
        (settings([], plugins=[breaking], projects=[project]), "projects.0.transforms.1"),
    ):
        with pytest.raises(ConfigError) as problem:
            opened_steps(found, tmp_path)
        assert (problem.value.where, problem.value.message) == (place, said)


def test_a_lookup_that_is_not_there_names_the_entry(tmp_path: Path) -> None:
    found = settings([{"use": "geoip", "config": {"database": str(tmp_path / "missing.mmdb")}}])

    with pytest.raises(ConfigError) as problem:
        opened_steps(found, tmp_path)

    assert str(problem.value).startswith(f"transforms.0: geoip: {tmp_path}/missing.mmdb cannot be read")


class _Failing:
    """Finds one module, and fails at it."""

    def __init__(self, module: str, problem: BaseException) -> None:
        self.module, self.problem = module, problem

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == self.module:
            raise self.problem


PROBLEMS = [ImportError("no ua_parser"), KeyError("x"), OSError("too many files"), ValueError("bad"), SystemExit(3)]


@pytest.fixture(params=PROBLEMS, ids=repr)
def unimportable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said of `parse_user_agent`, which cannot be imported."""
    monkeypatch.delitem(sys.modules, "transforms.parse_user_agent", raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Failing("transforms.parse_user_agent", request.param), *sys.meta_path])
    return f"the built-in transformation 'parse_user_agent' cannot be imported: {request.param!r}"


def test_what_is_built_in_and_cannot_be_imported_names_its_line(unimportable: str) -> None:
    assert refusal([{"use": "anonymize_ip"}, {"use": "parse_user_agent"}]).startswith(
        f"headrace.yaml:7: {unimportable}"
    )


def test_the_list_of_all_says_what_cannot_be_imported(tmp_path: Path, unimportable: str) -> None:
    (tmp_path / "headrace.yaml").write_text("projects: []\n")

    result = CliRunner().invoke(transform, ["list", "--config", str(tmp_path / "headrace.yaml")])

    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, unimportable in result.stderr) == (EXIT_USAGE, True)


@pytest.mark.parametrize("breaking", ["__post_init__"], indirect=True)
def test_whatever_a_check_of_settings_raises_names_its_line(breaking: str) -> None:
    said = refusal([{"use": "break_things", "config": {"strange": True}}], plugins=[breaking])

    assert "headrace.yaml:7: config: it cannot be checked: KeyError('column')" in said


@pytest.mark.parametrize(
    ("breaking", "where"), [("open", "transforms.0"), ("data", "transforms")], indirect=["breaking"]
)
def test_lint_tells_of_a_plugin_that_breaks(tmp_path: Path, breaking: str, where: str) -> None:
    file = tmp_path / "headrace.yaml"
    content = {"plugins": [breaking], "transforms": [{"use": "break_things"}], "store": {"path": str(tmp_path)}}
    file.write_text(yaml.safe_dump(content))

    result = CliRunner().invoke(lint, ["--config", str(file), "--json"])

    assert (result.exit_code, [problem["where"] for problem in json.loads(result.stdout)["problems"]]) == (1, [where])


def test_a_secret_is_in_no_text_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "visitors.py").write_text(PLUGIN)
    entry = {"use": "name_visitors", "config": {"names": "x", "secret": "s3cret"}}

    assert "s3cret" not in repr(settings([entry], plugins=[str(tmp_path / "visitors.py")]).transforms)


def test_names_are_listed_in_order() -> None:
    names = Offers([]).names()

    assert names == sorted(names)
    assert {"anonymize_ip", "drop_events"} <= set(names)

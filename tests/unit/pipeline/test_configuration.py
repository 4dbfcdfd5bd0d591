"""Configuration: strict, with the line of every error, and secrets that show nowhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.configuration import connected, examine, load, parse
from pipeline.configuration_rules import advice
from pipeline.runfile import RunFile, started_at
from pipeline.settings import Settings
from schemas.outcomes import ConfigError, Retry

GOOD = """
broker:
  bootstrap: "kafka:9092"
projects:
  - id: 7
    tokens: [abc]
clickhouse:
  password: "${SECRET}"
"""


def refused(text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as problem:
        parse(text, "h.yaml", environ)
    return str(problem.value)


def test_a_file_with_references_and_overrides() -> None:
    settings = parse(GOOD, "h.yaml", {"SECRET": "hush", "HEADRACE_COMMIT__INTERVAL_MS": "20", "HEADRACE_APP": "x"})

    assert (settings.broker.bootstrap, settings.projects[0].tokens) == ("kafka:9092", ["abc"])
    assert (settings.clickhouse.password, settings.commit.interval_ms, settings.app) == ("hush", 20, "x")


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    text = f'clickhouse: {{password: "${{file:{tmp_path}/secret}}"}}'

    assert parse(text, "h.yaml", {}).clickhouse.password == "hush"


def test_secrets_show_in_no_text_of_the_settings() -> None:
    settings = parse(GOOD + "  user: u\n", "h.yaml", {"SECRET": "hush", "HEADRACE_BROKER__SASL_PASSWORD": "hush"})

    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limits:\n  event_bytes: many\n", "h.yaml:2: limits.event_bytes: Expected `int`"),
        ("limits:\n  evnt_bytes: 3\n", "h.yaml:2: limits.evnt_bytes: 'evnt_bytes' is not a setting"),
        ("nonsense: 3\n", "h.yaml:1: nonsense: 'nonsense' is not a setting"),
        ("a: [1\nb: 2\n", "h.yaml:2: this is not YAML"),
        ("- 1\n", "h.yaml: a configuration is a mapping"),
        ("app: a\napp: b\n", "h.yaml:2: the key 'app' stands here twice"),
        ("projects:\n  - id: 1\n    tokens: [é]\n", "h.yaml:2: a token must be 1 to 64 ASCII"),
        ("projects:\n  - {id: 1, tokens: [a]}\n  - {id: 2, tokens: [a]}\n", "h.yaml:3: projects 1 and 2 share a token"),
        ("clickhouse:\n  password: '${GONE}'\n", "h.yaml:2: the environment variable GONE is not set"),
        ("store: {kind: paper}\n", "h.yaml:1: store.kind: 'paper' is not one of 'memory', 'rocksdb'"),
        ("topics:\n  partitions: 0\n", "h.yaml:2: topics.partitions: Expected `int` >= 1"),
        ("topics:\n  prefix: 'a b'\n", "h.yaml:2: topics.prefix is part of topic names"),
        ("projects:\n  - tokens: [a]\n", "h.yaml:2: projects.0: id must be given"),
        ("projects:\n  - id: 1\n    tokens: [17]\n", "h.yaml:3: projects.0.tokens: Expected `str`, got `int`"),
        ("projects:\n  - {id: 0}\n", "h.yaml:2: a project's id must be at least 1"),
        ("projects:\n  - {id: 1}\n  - {id: 1}\n", "h.yaml:3: there are two projects with the id 1"),
        ("commit:\n  interval_ms: 0\n", "h.yaml:2: commit.interval_ms: Expected `int` >= 1"),
        ("broker:\n  bootstrap: kafka\n", "h.yaml:2: 'kafka' must be host:port"),
        ("broker:\n  bootstrap: 'a:1, b:2'\n", "h.yaml:2: ' b:2' must be host:port"),
        ("broker:\n  security_protocol: SASL_SSL\n", "h.yaml:1: broker.sasl_mechanism must be given"),
        ("clickhouse:\n  url: here\n", "h.yaml:2: clickhouse.url must look like http://host:8123"),
        ("destinations:\n  - name: a\n  - name: a\n", "h.yaml:3: there are two destinations called 'a'"),
        ("clickhouse:\n  password: '${file:/nowhere}'\n", "h.yaml:2: the file /nowhere gives no value"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(text: str, said: str) -> None:
    assert refused(text).startswith(said)


def test_a_wrong_override_names_its_variable() -> None:
    said = refused("", HEADRACE_COMMIT__INTERVAL_MS="soon")

    assert said.startswith("HEADRACE_COMMIT__INTERVAL_MS: commit.interval_ms")


def test_a_misspelt_key_is_told_the_right_one() -> None:
    assert refused("limits:\n  evnt_bytes: 3\n").endswith("did you mean 'event_bytes'?")


def test_all_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    file = tmp_path / "h.yaml"
    file.write_text("limits:\n  depth: many\n  kyes: 3\nstore: {kind: paper}\n")

    settings, problems = examine(file, {"HEADRACE_COMMIT__EVENTS_MAX": "-1"})

    assert settings is None
    assert {problem.where for problem in problems} == {
        f"{file}:2",
        f"{file}:3",
        f"{file}:4",
        "HEADRACE_COMMIT__EVENTS_MAX",
    }


def test_an_override_of_no_section_names_its_variable() -> None:
    assert refused("", HEADRACE_BROKR__BOOTSTRAP="x:1").startswith("HEADRACE_BROKR__BOOTSTRAP: brokr: 'brokr' is not")


def test_an_empty_section_is_its_defaults() -> None:
    assert parse("limits:\ncommit:\n  interval_ms: 7\n", "h.yaml", {}).limits == Settings().limits


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "gone.yaml", {})


def test_without_anything_running_the_default_has_no_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load(None, {})
    assert (settings.broker.bootstrap, settings.clickhouse.url, settings.projects[0].tokens) == ("", "", ["demo"])
    with pytest.raises(Retry, match="start it with headrace up"):
        connected(None, {})


@pytest.fixture
def running_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which this very process counts as `headrace up`."""
    monkeypatch.chdir(tmp_path)
    started = started_at(os.getpid())
    assert started is not None
    RunFile(
        pid=os.getpid(), started=started, bootstrap="127.0.0.1:7", clickhouse_url="http://127.0.0.1:8", log_epoch=3
    ).write()
    return tmp_path


def test_without_a_configuration_commands_find_what_runs_here(running_here: Path) -> None:
    settings = connected(None, {})

    assert (settings.broker.bootstrap, settings.clickhouse.url) == ("127.0.0.1:7", "http://127.0.0.1:8")
    assert (settings.log_epoch, settings.topics.partitions, settings.projects[0].tokens) == (3, 4, ["demo"])


def test_a_file_may_ask_for_the_embedded_broker_and_name_its_own_projects(running_here: Path) -> None:
    (running_here / "headrace.yaml").write_text("broker: {embedded: true}\nprojects: [{id: 5, tokens: [mine]}]\n")

    settings = connected(None, {"HEADRACE_CLICKHOUSE__URL": "http://127.0.0.1:9"})

    assert (settings.broker.bootstrap, settings.clickhouse.url) == ("127.0.0.1:7", "http://127.0.0.1:9")
    assert [project.tokens for project in settings.projects] == [["mine"]]


def test_what_works_and_is_not_meant_is_advised_against() -> None:
    settings = parse("broker: {bootstrap: 'a:1,b:1'}\n", "h.yaml", {})

    assert [hint.partition(":")[0] for hint in advice(settings)] == [
        "no project has a token",
        "topics.replication is 1",
    ]


def test_the_example_in_the_repository_is_right() -> None:
    text = (Path(__file__).parents[3] / "examples" / "headrace.yaml").read_text()

    assert parse(text, "h.yaml", {"CLICKHOUSE_PASSWORD": "x"}).topics.replication == 3


def test_reading_a_configuration_brings_no_library_of_what_it_configures() -> None:
    heavy = ["chdb", "clickhouse_connect", "confluent_kafka", "faust", "numpy", "pyarrow"]
    step = "from pipeline.configuration import parse; parse('projects: [{id: 1, tokens: [a]}]', 'h.yaml', {})"

    found = subprocess.run(
        [sys.executable, "-c", f"import sys; {step}; print([name for name in {heavy} if name in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == "[]"


OF_TRANSFORMS = ["cel", "crawleruseragents", "jsonschema_rs", "maxminddb", "phonenumbers", "ua_parser"]


@pytest.mark.parametrize(
    "step",
    [
        "from pipeline.configuration import parse; parse('projects: [{id: 1, tokens: [a]}]', 'h.yaml', {})",
        "from pipeline.hops import AcceptHop; from pipeline.settings import Settings; AcceptHop(Settings())",
    ],
)
def test_who_has_no_transformation_pays_for_none(step: str) -> None:
    loaded = f"[name for name in sys.modules if name in {OF_TRANSFORMS} or name.startswith('transforms.')]"

    found = subprocess.run(
        [sys.executable, "-c", f"import sys; {step}; print({loaded})"], capture_output=True, text=True, check=True
    )

    assert set(eval(found.stdout)) <= {"transforms.interface", "transforms.registry"}

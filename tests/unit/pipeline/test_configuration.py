"""Configuration: strict, with the line of every error, and secrets that show nowhere."""

from pathlib import Path

import pytest

from pipeline.configuration import parse
from schemas.outcomes import ConfigError

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
        ("store: {kind: paper}\n", "h.yaml:1: store.kind is memory or rocksdb"),
        ("topics:\n  partitions: 0\n", "h.yaml:2: topics.partitions must be 1 to 1024"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(text: str, said: str) -> None:
    assert refused(text).startswith(said)


def test_a_wrong_override_names_its_variable() -> None:
    said = refused("", HEADRACE_COMMIT__INTERVAL_MS="soon")

    assert said.startswith("HEADRACE_COMMIT__INTERVAL_MS: commit.interval_ms")


def test_the_example_in_the_repository_is_right() -> None:
    text = (Path(__file__).parents[3] / "examples" / "headrace.yaml").read_text()

    assert parse(text, "h.yaml", {"CLICKHOUSE_PASSWORD": "x"}).topics.replication == 3

"""Trying transformations out: those of a file, whatever the configuration says of it, and Avro behind a registry."""

import ast
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from fastavro import schemaless_writer

from pipeline.cli.transform_command import entry
from pipeline.settings import Project, Settings, TransformEntry
from pipeline.transform_diff import Comparison
from pipeline.transform_new import write_new
from pipeline.transform_trial import only, side_of, trials
from schemas.event import Event
from schemas.outcomes import ConfigError
from tests.unit.schemas.decoded import batch_of
from transforms.registry import BUILT_IN

NAMES = ("token", "event", "distinct_id", "properties")
SCHEMA = {
    "type": "record",
    "name": "Event",
    "fields": [{"name": name, "type": "string"} for name in NAMES],
}


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return write_new("tidy_titles", tmp_path / "plugins")[0]


@pytest.fixture
def registry() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"schema": json.dumps(SCHEMA)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def avro(**fields: str) -> bytes:
    body = BytesIO()
    schemaless_writer(body, SCHEMA, fields)
    return b"\x00" + (7).to_bytes(4, "big") + body.getvalue()


def used(settings: Settings) -> list[str]:
    return [entry.use for entry in settings.transforms]


def test_a_file_is_tried_out_wherever_it_stands(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plugin.parent)

    for plugins in ([], [str(plugin)], ["tidy_titles.py"], ["../plugins/tidy_titles.py"]):
        assert used(only(Settings(plugins=plugins), str(plugin), {})) == ["tidy_titles"]


def test_a_file_whose_name_is_that_of_a_built_in_one_is_tried_out(tmp_path: Path) -> None:
    file = write_new("remove_nulls", tmp_path)[0]

    [step] = side_of(only(Settings(), str(file), {}), tmp_path).transforms.steps[0]

    assert step.label == "remove_nulls@1"
    assert not isinstance(step.call, BUILT_IN["remove_nulls"])


def test_a_file_without_a_transformation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nothing.py").write_text("from transforms.remove_nulls import RemoveNulls\n")

    with pytest.raises(ConfigError, match="defines no transformation"):
        only(Settings(), str(tmp_path / "nothing.py"), {})


@pytest.mark.parametrize("name", ["config", "transform", "example", "result", "path", "open_event", "annotated"])
def test_a_new_one_is_not_called_like_what_its_file_imports(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="which the file imports"):
        write_new(name, tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["about", "load", "run", "example_fails", "class", "lambda"])
def test_names_that_look_dangerous_and_are_not(tmp_path: Path, name: str) -> None:
    for file in write_new(name, tmp_path):
        ast.parse(file.read_text())


def benched(folder: Path, *arguments: str, **content: Any) -> str:
    config, events = folder / "headrace.yaml", folder / "events.ndjson"
    content = {"projects": [{"id": 1, "tokens": ["t"]}], "store": {"path": str(folder)}, **content}
    config.write_text(json.dumps(content))
    agent = {"$raw_user_agent": "curl/8"}
    events.write_text(json.dumps({"token": "t", "event": "e", "distinct_id": "d", "properties": agent}) + "\n")
    common = ["--input", str(events), "--config", str(config), "--rounds", "2"]
    result = CliRunner().invoke(entry, ["bench", *arguments, *common], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_bench_tells_how_often_a_cache_had_what_was_asked_for(tmp_path: Path) -> None:
    assert benched(tmp_path, "detect_bots").endswith("over 2 events; 50% of them from its cache\n")


def test_bench_knows_the_steps_of_a_project(tmp_path: Path) -> None:
    projects = [{"id": 1, "tokens": ["t"], "transforms": [{"use": "parse_user_agent"}]}]

    assert benched(tmp_path, projects=projects).startswith("parse_user_agent: ")


@pytest.mark.parametrize("since", ["²d", "d", ".d", "1e9d", "-1d", "٣d", "9" * 400 + "d", "1.d"])
def test_a_time_that_is_none_is_a_usage_error(since: str) -> None:
    result = CliRunner().invoke(entry, ["diff", "--with", "x.yaml", f"--since={since}"])

    assert (result.exit_code, result.stderr) == (2, f"Error: --since takes 90m, 24h or 7d, not {since!r}\n")


def test_avro_is_read_with_the_schemas_of_a_registry(registry: str, tmp_path: Path) -> None:
    settings = Settings(registry=registry, projects=[Project(id=1, tokens=["t"])])
    without_plan = TransformEntry(use="filter_properties", config={"properties": ["plan"]})
    other = Settings(registry=registry, projects=settings.projects, transforms=[without_plan])
    batch = batch_of([avro(token="t", event="e", distinct_id="d", properties='{"plan":"pro"}')])

    comparison = Comparison(side_of(settings, tmp_path), side_of(other, tmp_path))
    comparison.take(batch)
    [(before, after)] = trials(side_of(other, tmp_path), batch)

    assert (comparison.records, list(comparison.fields)) == (1, ["properties.plan"])
    assert isinstance(before, Event)
    assert isinstance(after, Event)

"""A folder of Avro schemas."""

import json
from pathlib import Path

import pytest

from pipeline.registry import Registry
from schemas.outcomes import ConfigError

SCHEMA = {"type": "record", "name": "Event", "fields": [{"name": "event", "type": "string"}]}


def test_a_folder_is_read_at_once_and_nothing_is_ever_missing_from_it(tmp_path: Path) -> None:
    (tmp_path / "3.avsc").write_text(json.dumps(SCHEMA))
    (tmp_path / "12-checkout.avsc").write_text(json.dumps(SCHEMA))
    (tmp_path / "README").write_text("not a schema")

    registry = Registry(str(tmp_path))

    assert sorted(registry.known) == [3, 12]
    assert registry.missing([b"\x00\x00\x00\x00\x63rest"]) == set()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("event.avsc", json.dumps(SCHEMA), "is called <id>.avsc"),
        ("3.avsc", "junk", "cannot be read"),
        ("3.avsc", '{"type": "nonsense"}', "cannot be read"),
        ("3.avsc", '{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}', "contains itself"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(ConfigError, match=expected) as problem:
        Registry(str(tmp_path))

    assert name in problem.value.where


def test_no_folder_is_a_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a folder nor"):
        Registry(str(tmp_path / "missing"))


def test_without_a_registry_nothing_is_known_and_nothing_missing() -> None:
    registry = Registry("")

    assert (registry.known, registry.missing([b"\x00\x00\x00\x00\x07"])) == ({}, set())


def test_a_number_that_no_registry_gives_is_not_asked_for() -> None:
    registry = Registry("http://127.0.0.1:9")

    assert registry.missing([b"\x00\x80\x00\x00\x00", b"\x00\xff\xff\xff\xff", b"\x00\x7f\xff\xff\xff"]) == {2**31 - 1}

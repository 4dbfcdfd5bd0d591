"""The quickstart page does what it says: every command on it runs, in order."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "quickstart.md"
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S) for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "access.log").write_text('10.0.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 5\nnoise\n')
    (tmp_path / "events.ndjson").write_text('{"event":"bought","distinct_id":"ada"}\n')
    yield tmp_path
    run("headrace down", tmp_path)


def run(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    # The installed command, found as after activating the environment.
    environment = {**clean, "PATH": f"{Path(sys.executable).parent}:{clean['PATH']}"}
    return subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=200)


def test_every_command_of_the_page_succeeds_and_the_events_are_there(folder: Path) -> None:
    assert COMMANDS[0] == "make demo"
    shown = ""
    for line in COMMANDS[1:]:
        found = run(line, folder)
        assert found.returncode == 0, f"{line}\n{found.stdout}{found.stderr}"
        shown += found.stdout

    expected = ["signed up", "request", "bought", "unparsable_line", "unaccounted            0", "stopped"]
    assert [part for part in expected if part not in shown] == []

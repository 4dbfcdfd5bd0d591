"""The first thing that a stranger does: `make demo`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def headrace(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    command = [sys.executable, "-m", "pipeline.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=250)


def test_the_demo_shows_the_report_and_the_proof_and_then_once_more(tmp_path: Path) -> None:
    first = headrace(tmp_path, "demo")
    again = headrace(tmp_path, "demo", "--stop", "--json")
    said = json.loads(again.stdout)
    audit, people = said["audit"], said["people"]

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    expected = ["9,980 events of 1,753 people", "Top pages", "/projects/xdotool/", "Events per", "unparsable_line"]
    expected += ["line 8899", "unaccounted 0", "headrace tap", "headrace down stops it"]
    expected += ["A batch computation over all of it, sorted by time, says the same.", "two users stay two"]
    assert [part for part in expected if part not in " ".join(first.stdout.split())] == []
    # The second time the log brings nothing new: 19 lines stand in it twice, and now all of them have come before.
    visitors = 2 * people["acts"][-1]["events"]
    accepted, delivered = 19_998 + visitors, 9_980 + visitors
    assert (audit["accepted"], audit["delivered"], audit["duplicates"]) == (accepted, delivered, 19 + 9_999)
    assert [act["people"] for act in people["acts"]] == [24, 12, 13, 12]
    assert people["differences"] == []
    assert all(fact["sent"] == fact["read"] for fact in audit["facts"])
    assert sum(fact["sent"] > 0 for fact in audit["facts"]) == len(audit["facts"])
    assert (audit["rejected"], audit["pending"], audit["unaccounted"]) == (2, 0, 0)
    assert headrace(tmp_path, "down").stdout == "nothing is running here\n"

"""`headrace person` on what really runs: claims go in as events, and who is who comes out, and apart again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.identifiers import person_id
from tests.e2e.terminal import on_a_terminal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


DOCUMENTED = re.findall(r"```sql\n(.*?)```", (Path(__file__).parents[2] / "docs" / "people.md").read_text(), re.DOTALL)
BEGIN_S = int(time.time()) - 3_600
"""An hour ago: older claims than 30 days would be refused."""


def _moment(second: int) -> str:
    return time.strftime("%FT%TZ", time.gmtime(BEGIN_S + second))


class Folder:
    """Where the commands are given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self._uuids = iter(range(1, 1_000))

    def run(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            _command(words), cwd=self.path, env=self._environment, input=given, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip

    def ask(self, *words: str, given: str = "") -> Any:
        found = self.run(*words, "--json", given=given)
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)

    def on_a_terminal(self, *words: str, answer: str) -> "tuple[str, int]":
        """What is shown to somebody who types the answer, and the exit code."""
        return on_a_terminal(words, self.path, answer)

    def send(self, event: str, distinct_id: str, second: int, **more: Any) -> None:
        fields = {
            "token": "demo",
            "uuid": f"0190b5a0-0000-7000-8000-{next(self._uuids):012}",
            "event": event,
            "distinct_id": distinct_id,
            "timestamp": _moment(second),
            **more,
        }
        assert self.ask("produce", given=json.dumps(fields))["sent"] == 1

    def claim(self, into: str, other: str, second: int) -> None:
        self.send("$identify", into, second, properties={"$anon_distinct_id": other}, **{"$set": {"name": into}})

    def ids(self, distinct_id: str) -> list[str]:
        """The distinct ids of its person, as the tables have it; none while nothing is stored about it."""
        said = self.run("person", "show", distinct_id, "--json")
        assert said.returncode in (0, 1), said.stderr
        found: list[str] = sorted(json.loads(said.stdout)["distinct_ids"])
        return found

    def wait_for_ids(self, distinct_id: str, expected: list[str], within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while (found := self.ids(distinct_id)) != expected:
            assert time.monotonic() < deadline, found
            time.sleep(0.3)

    def wait_for_claims(self, expected: int, within_s: float = 60.0) -> None:
        """Until so many wait that identify has not read."""
        deadline = time.monotonic() + within_s
        while (found := self.ask("person", "explain", "nobody")["waiting"]) != expected:
            assert time.monotonic() < deadline, found
            time.sleep(0.3)

    def process(self, name: str) -> int:
        found: int = json.loads((self.path / ".headrace" / "run.json").read_bytes())["children"][name]["pid"]
        return found


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli.main", *words]


def person(name: str) -> str:
    return str(UUID(bytes=person_id(1, name)))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    folder = Folder(tmp_path_factory.mktemp("people"))
    folder.ask("up", "--detach")
    yield folder
    folder.ask("down")


@pytest.fixture
def empty(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_show_tells_the_person_of_every_id_that_was_merged(running: Folder) -> None:
    running.send("$pageview", "show-a1", 1, properties={"$current_url": "https://example.com/"})
    running.claim("show-ada", "show-a1", 2)
    running.wait_for_ids("show-a1", ["show-a1", "show-ada"])

    by_id, by_person = running.ask("person", "show", "show-a1"), running.ask("person", "show", person("show-ada"))

    assert by_id | {"id": ""} == by_person | {"id": ""}
    assert (by_id["person_id"], by_id["identified"]) == (person("show-ada"), True)
    assert (by_id["properties"], by_id["created_at"]) == ({"name": "show-ada"}, _moment(1))
    assert [visit["entry_url"] for visit in by_id["visits"]] == ["", "https://example.com/"]


def test_show_computes_the_person_of_an_id_that_was_never_seen_and_says_so(running: Folder) -> None:
    for_machines = running.run("person", "show", "we\tird\\'id", "--json")
    for_people = running.run("person", "show", "we\tird\\'id")
    found = json.loads(for_machines.stdout)

    assert (found["person_id"], found["stored"]) == (person("we\tird\\'id"), False)
    assert (for_machines.returncode, for_people.returncode, for_people.stdout) == (1, 1, "")
    assert f"Error: {found['note']}\n" == for_people.stderr
    assert "Nothing is stored about we\\tird" in found["note"]


def test_show_lists_visits_with_the_names_under_which_they_are_found(running: Folder) -> None:
    running.send("$pageview", "seen-a1", 1, properties={"$current_url": "https://example.com/"})
    running.send("$pageview", "seen-a1", 2, properties={"$session_id": "0190b5a0-0000-7000-8000-00000000000a"})
    running.claim("seen-ada", "seen-a1", 3)
    running.wait_for_ids("seen-a1", ["seen-a1", "seen-ada"])

    visits = running.ask("person", "show", "seen-ada")["visits"]
    page = running.run("person", "show", "seen-ada").stdout

    assert [visit["distinct_id"] for visit in visits] == ["seen-ada", "seen-a1", "seen-a1"]
    for visit in visits:
        assert visit["session_id"] in page
        assert running.ask("session", "show", visit["session_id"])["sessions"][0]["start"][:19] == visit["start"][:19]


def test_explain_tells_the_claims_with_their_verdicts(running: Folder) -> None:
    running.claim("why-ada", "why-a1", 1)
    running.claim("why-bob", "why-a1", 2)
    running.wait_for_ids("why-bob", ["why-bob"])

    found = running.ask("person", "explain", "why-a1")

    assert [one["distinct_ids"] for one in found["people"]] == [["why-a1", "why-ada"], ["why-bob"]]
    assert [one["verdict"] for one in found["claims"]] == ["accepted", "already_identified"]
    assert "two users stay two" in found["claims"][1]["meaning"]
    assert found["waiting"] == 0


def test_explain_finds_a_person_that_was_merged_into_another(running: Folder) -> None:
    running.claim("gone-ada", "gone-a1", 1)
    running.wait_for_ids("gone-ada", ["gone-a1", "gone-ada"])

    found = running.ask("person", "explain", person("gone-a1"))

    assert found["distinct_id"] == "gone-a1"
    assert found["people"][0]["person_id"] == person("gone-ada")


def test_explain_says_that_an_unclaimed_id_stands_alone(running: Folder) -> None:
    found = running.run("person", "explain", "nobody")
    said = "No claim that counts names it: it stands alone. Claims that were refused are in ingestion_warnings."

    assert (found.returncode, found.stdout.splitlines()[-1]) == (0, said)


@pytest.mark.parametrize("name", ["old-ada", "old-a'\\1"])
def test_explain_lists_claims_that_were_refused_before_they_connected_anything(running: Folder, name: str) -> None:
    other = f"of {name}"
    running.claim(name, other, -40 * 86_400)
    running.wait_for_ids(name, [name])
    deadline = time.monotonic() + 60
    while not (warnings := running.ask("person", "explain", other)["warnings"]):
        assert time.monotonic() < deadline
        time.sleep(0.3)

    assert [(one["code"], one["timestamp"]) for one in warnings] == [("stale_claim", _moment(-40 * 86_400))]
    assert running.ask("person", "explain", name)["warnings"] == warnings
    assert "identity.stale_days" in " ".join(running.run("person", "explain", name).stdout.split())


def test_a_split_is_shown_first_and_refused_where_nobody_can_be_asked(running: Folder) -> None:
    running.claim("ask-ada", "ask-a1", 1)
    running.wait_for_ids("ask-ada", ["ask-a1", "ask-ada"])

    found = running.run("person", "split", "ask-a1")

    assert found.returncode == 2
    assert "people after splitting at ask-a1" in found.stdout
    assert "say --yes to split" in found.stderr
    assert len(running.ask("person", "explain", "ask-a1")["people"]) == 1


@pytest.mark.parametrize(("answer", "code", "people"), [("n", 1, 1), ("y", 0, 2)])
def test_a_split_asks_on_a_terminal(running: Folder, answer: str, code: int, people: int) -> None:
    name = f"tty-{answer}"
    running.claim(name, f"{name}-a1", 1)
    running.wait_for_ids(name, [name, f"{name}-a1"])

    shown, found = running.on_a_terminal("person", "split", f"{name}-a1", answer=answer)

    assert (found, "Split? [y/N]" in shown) == (code, True)
    assert len(running.ask("person", "explain", name)["people"]) == people


def test_a_split_takes_people_apart_until_a_later_login(running: Folder) -> None:
    running.claim("apart-ada", "apart-phone", 1)
    running.claim("apart-phone", "apart-tablet", 2)
    running.wait_for_ids("apart-ada", ["apart-ada", "apart-phone", "apart-tablet"])

    found = running.ask("person", "split", "apart-phone", "--yes")

    assert found["distinct_id"] == "apart-phone"
    assert [one["distinct_ids"] for one in found["before"]] == [["apart-ada", "apart-phone", "apart-tablet"]]
    assert found["people"][0]["distinct_ids"] == ["apart-phone"]
    assert len(found["people"]) == 3
    assert "later login merges again" in found["note"]
    running.wait_for_ids("apart-ada", ["apart-ada"])

    later = int(time.time()) - BEGIN_S + 1
    running.send("$merge_dangerously", "apart-ada", later, properties={"alias": "apart-phone"})
    running.wait_for_ids("apart-ada", ["apart-ada", "apart-phone"])


def test_nothing_to_split_is_no_error_and_writes_nothing(running: Folder) -> None:
    found = running.ask("person", "split", "stranger", "--yes")

    assert (found["split"], found["waiting"], len(found["people"])) == (False, 0, 1)
    assert running.run("person", "split", "stranger").returncode == 0


def test_a_person_is_not_split_by_its_own_id_which_names_no_place_to_split_at(running: Folder) -> None:
    running.claim("hub-ada", "hub-a1", 1)
    running.wait_for_ids("hub-ada", ["hub-a1", "hub-ada"])

    found = running.run("person", "split", person("hub-ada"), "--yes", "--json")

    assert (found.returncode, found.stdout) == (2, "")
    assert f"{person('hub-ada')} is the person of 'hub-ada': name the distinct id to split" in found.stderr
    assert len(running.ask("person", "explain", "hub-ada")["people"]) == 1


def test_that_there_is_nothing_to_split_is_not_said_while_claims_wait(running: Folder) -> None:
    identify = running.process("identify")
    os.kill(identify, signal.SIGSTOP)
    try:
        running.claim("wait-ada", "wait-a1", 1)
        running.wait_for_claims(1)
        for_people = running.run("person", "split", "wait-a1", "--yes")
        for_machines = running.run("person", "split", "wait-a1", "--yes", "--json")
    finally:
        os.kill(identify, signal.SIGCONT)

    assert (for_people.returncode, for_people.stdout, for_machines.returncode) == (4, "", 4)
    assert "Nothing to split yet, and nothing was changed" in for_people.stderr
    told = json.loads(for_machines.stdout)
    assert (told["split"], told["distinct_id"], told["waiting"]) == (False, "wait-a1", 1)
    running.wait_for_ids("wait-ada", ["wait-a1", "wait-ada"])


def test_a_split_that_identify_does_not_carry_out_says_how_to_start_it(running: Folder) -> None:
    running.claim("late-ada", "late-a1", 1)
    running.wait_for_ids("late-ada", ["late-a1", "late-ada"])
    identify = running.process("identify")
    os.kill(identify, signal.SIGSTOP)
    try:
        found = running.run("person", "split", "late-a1", "--yes")
        waiting = running.ask("person", "explain", "late-a1")["waiting"]
    finally:
        os.kill(identify, signal.SIGCONT)

    assert found.returncode == 4
    assert "headrace run identify, or headrace up" in found.stderr
    assert waiting == 1
    running.wait_for_ids("late-ada", ["late-ada"])


@pytest.mark.parametrize("query", DOCUMENTED)
def test_every_query_of_the_page_on_people_is_answered(running: Folder, query: str) -> None:
    found = running.run("sql", query, "--format", "JSON")

    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "ada", "--project", "9"], "no project has the id 9; configured are: 1 (demo)"),
        (["show", "ada", "--yes"], "leave out --yes"),
        (["split", "ada", "--json"], "then say --yes"),
    ],
)
def test_wrong_usage_says_what_to_do(running: Folder, words: list[str], said: str) -> None:
    found = running.run("person", *words)

    assert found.returncode == 2
    assert said in found.stderr


def test_of_several_projects_one_has_to_be_named(empty: Folder) -> None:
    text = "broker: {bootstrap: '127.0.0.1:1'}\nprojects: [{id: 1, tokens: [a]}, {id: 2, name: shop, tokens: [b]}]\n"
    (empty.path / "headrace.yaml").write_text(text)

    found = empty.run("person", "explain", "ada")

    assert found.returncode == 2
    assert "say which project with --project; configured are: 1, 2 (shop)" in found.stderr


@pytest.mark.parametrize("action", ["explain", "split"])
def test_a_broker_that_does_not_answer_is_told_with_exit_code_3(empty: Folder, action: str) -> None:
    text = "broker: {bootstrap: '127.0.0.1:1'}\nprojects: [{id: 1, tokens: [a]}]\n"
    (empty.path / "headrace.yaml").write_text(text)

    found = empty.run("person", action, "ada")

    assert found.returncode == 3
    assert "the broker at 127.0.0.1:1 does not answer" in found.stderr


@pytest.mark.parametrize("action", ["show", "explain", "split"])
def test_where_nothing_runs_the_command_says_how_to_start_it(empty: Folder, action: str) -> None:
    found = empty.run("person", action, "ada")

    assert (found.returncode, "start it with headrace up" in found.stderr) == (3, True)

"""Transformations on the whole path: an installed plugin is used, and what is removed is nowhere behind accept."""

import hmac
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
ADDRESS, MAIL, PHONE = "93.184.216.34", "ada.lovelace@example.org", "+4930123456789"
KEY = "a-key-of-more-than-thirty-two-characters"
CONFIGURATION: dict[str, Any] = {
    "broker": {"embedded": True},
    "plugins": ["fragile.py"],
    "transforms": [
        {"use": "anonymize_ip"},
        {"use": "hash_properties", "config": {"properties": ["phone", "contact.mail"], "key": "${HASH_KEY}"}},
        {"use": "score_leads", "config": {"points": {"demo booked": 50}, "partners": "partners.txt"}},
        {"use": "drop_events", "when": 'event == "ping"'},
        {"use": "fragile", "when": 'event == "odd"'},
        {"use": "fragile", "name": "endless", "when": 'event == "loops"', "max_ms_per_call": 300},
        {"use": "hide_mail"},
    ],
}
FRAGILE = '''
from transforms.interface import OpenEvent, Result, Transform, TransformConfig


class Config(TransformConfig, frozen=True):
    pass


class Fragile(Transform[Config]):
    """Fails on everything, and on some events never comes to its end."""

    name = "fragile"
    Config = Config

    def __call__(self, event: OpenEvent) -> Result:
        while event.event == "loops":
            pass
        raise RuntimeError(f"cannot handle {event.get('email')}")


class HideMail(Transform[Config]):
    """Removes mail addresses, and fails on what is no text."""

    name = "hide_mail"
    Config = Config
    privacy = True

    def __call__(self, event: OpenEvent) -> Result:
        if "email" in event.properties and "@" not in event.properties["email"]:
            raise ValueError(event.properties["email"])
        return event.without(["email"])
'''


def line(name: str, number: int, **properties: Any) -> str:
    uuid = f"0199b2f0-0000-7000-8000-{number:012d}"
    return json.dumps({"token": "demo", "event": name, "distinct_id": "ada", "uuid": uuid, "properties": properties})


EVENTS = "\n".join(
    [
        line("demo booked", 1, **{"$ip": ADDRESS, "email": MAIL}),
        line("ping", 2, **{"$ip": ADDRESS}),
        line("odd", 3, **{"$ip": ADDRESS, "email": MAIL, "kept": True}),
        line("page viewed", 4, email=["private", "secret-value"], n=1),
        line("page viewed", 5, n=2),
        line("loops", 6, n=3),
        json.dumps(
            {
                "token": "demo",
                "event": "set",
                "distinct_id": "ada",
                "$set": {"$ip": ADDRESS, "plan": "pro", "phone": PHONE},
                "properties": {"contact": {"mail": MAIL}, "phone": PHONE},
            }
        ),
    ]
)

SEARCH = """
import sys

from confluent_kafka.admin import AdminClient

from destinations.clickhouse.connect import new_client
from pipeline.configuration import connected
from pipeline.connection import client_options
from pipeline.consumer import read_to_end
from pipeline.topics import found_topics
from schemas.batches import from_wire, schema_of

settings = connected()
topics = AdminClient(client_options(settings)).list_topics(timeout=10).topics
names = [name for name in topics if not name.startswith("__")]
for name, found in found_topics(settings, names).items():
    starts = {(name, partition): 0 for partition in range(found.partitions)}
    for batch, _ in read_to_end(settings, starts, {name: found.log}):
        for value in filter(None, batch.values):
            try:
                said = repr(from_wire(value, schema_of(name)).to_pylist())
            except (StopIteration, Exception):
                said = repr(value)
            if sys.argv[1] in said:
                print("topic:" + name)
client = new_client(settings.clickhouse)
for (name,) in client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows:
    if sys.argv[1].encode() in client.raw_query(f"SELECT * FROM {name}", fmt="JSONEachRow"):
        print("table:" + name)
"""


def files_with(folder: Path, text: bytes) -> list[str]:
    """The files below a folder in which it stands, of those under 10 MB; ClickHouse may join some meanwhile."""
    for _ in range(20):
        try:
            files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 10**7]
            return [path.name for path in files if text in path.read_bytes()]
        except FileNotFoundError:
            continue
    raise AssertionError("files go faster than they can be read")


class Place:
    """A folder with a plugin installed beside it, in which commands are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        packages = folder / "packages"
        install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(packages)]
        subprocess.run([sys.executable, "-m", *install, str(ROOT / "examples" / "plugin")], check=True, timeout=120)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self._environment = {**ours, "HASH_KEY": KEY, "PYTHONPATH": os.pathsep.join([str(packages), str(ROOT)])}
        (folder / "headrace.yaml").write_text(yaml.safe_dump(CONFIGURATION))
        (folder / "partners.txt").write_text("example.org\n")
        (folder / "fragile.py").write_text(FRAGILE)

    def run(self, *words: str, given: str = "", code: int = 0) -> str:
        command = [sys.executable, "-m", "pipeline.cli.main", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, input=given, capture_output=True, text=True, timeout=150
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def python(self, script: str, *words: str) -> str:
        command = [sys.executable, "-c", script, *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("sql", query, "--json"))["data"]
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = Place(tmp_path_factory.mktemp("transformations"))
    found.run("up", "--detach")
    try:
        found.run("produce", given=EVENTS)
        found.run("audit", "--wait", "60")
        yield found
    finally:
        found.run("down")


def test_events_take_their_steps_and_say_which(place: Place) -> None:
    found = place.rows(
        "SELECT event, properties, transforms_applied AS applied, transforms_failed AS failed "
        "FROM events_resolved ORDER BY uuid"
    )

    by_event = {row["event"]: row for row in found if row["event"] != "page viewed"}
    assert json.loads(by_event["demo booked"]["properties"]) == {"$ip": "93.184.216.0", "lead_score": 100}
    assert by_event["demo booked"]["applied"] == ["anonymize_ip@1", "score_leads@0.2.0", "hide_mail@1"]
    assert json.loads(by_event["odd"]["properties"]) == {"$ip": "93.184.216.0", "kept": True}
    assert by_event["odd"]["failed"] == by_event["loops"]["failed"] == ["fragile@1"]
    assert "ping" not in by_event


def test_every_event_is_accounted_for_by_the_step_that_ended_it(place: Place) -> None:
    audit = json.loads(place.run("audit", "--json"))

    assert (audit["accepted"], audit["unaccounted"]) == (5, 0)
    assert audit["dropped"] == 1
    assert audit["rejected_by_code"] == {"transform_failed": 1}


def test_what_a_guard_let_not_pass_is_kept_as_it_came_with_a_reason_that_tells_nothing(place: Place) -> None:
    [row] = place.rows("SELECT code, message, value FROM rejected_events")

    assert row["code"] == "transform_failed"
    assert "hide_mail" in row["message"]
    assert "secret-value" not in row["message"]
    assert "secret-value" in row["value"]


def test_what_is_hashed_can_still_be_joined_by(place: Place) -> None:
    [row] = place.rows("SELECT properties, `set` FROM events_resolved WHERE event = 'set'")
    [person] = place.rows("SELECT properties FROM persons_current")

    digest = hmac.new(KEY.encode(), PHONE.encode(), "sha256").hexdigest()
    assert json.loads(row["properties"])["phone"] == digest
    assert json.loads(row["set"])["phone"] == json.loads(person["properties"])["phone"] == digest


def test_recorded_events_tell_what_another_list_would_change(place: Place) -> None:
    steps = [step for step in CONFIGURATION["transforms"] if step["use"] not in ("anonymize_ip", "drop_events")]
    (place.folder / "other.yaml").write_text(yaml.safe_dump({**CONFIGURATION, "transforms": steps}))

    found = json.loads(place.run("transform", "diff", "--with", "other.yaml", "--since", "1h", "--json"))
    gated = place.run("transform", "diff", "--with", "other.yaml", "--since", "1h", "--fail-on", "added", code=1)

    assert (found["records"], found["added"], found["dropped"], found["failed_on"]) == (7, 1, 0, [])
    assert found["fates"] == [{"now": "dropped by drop_events", "then": "moved", "events": 1}]
    assert found["fields"]["properties.$ip"]["changed"] == 2
    assert found["fields"]["$set.$ip"]["examples"] == [
        {"event": "set", "now": '"93.184.216.0"', "then": f'"{ADDRESS}"'}
    ]
    assert "there are events added" in gated


def test_a_secret_is_nowhere_at_all(place: Place) -> None:
    assert place.python(SEARCH, KEY) == ""
    assert files_with(place.folder / ".headrace", KEY.encode()) == []


@pytest.mark.parametrize("private", [ADDRESS, MAIL, PHONE, "secret-value"])
def test_what_is_removed_is_nowhere_behind_accept(place: Place, private: str) -> None:
    found = place.python(SEARCH, private).split()
    logs = [path.name for path in place.folder.rglob("*.log") if private in path.read_text(errors="replace")]

    assert "topic:events.raw" in found
    assert set(found) <= {"topic:events.raw", "topic:events.rejected", "table:rejected_events"}
    assert logs == []

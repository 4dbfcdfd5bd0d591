"""What must be true in the end: every event once, as it was sent; every hostile record with its reason, untouched."""

import hashlib
from collections import Counter
from typing import Any

from tests.e2e.rig.events import WANDERING_TOKEN, Sent, record
from tests.e2e.rig.people import judge_people
from tests.e2e.rig.rig import Rig

__all__ = ["judge", "expected_of"]

CONTENT = "MD5(concat(event, '|', distinct_id, '|', toString(toUnixTimestamp64Micro(timestamp)), '|', properties))"
OURS = "(event LIKE 'event-%' OR event = '$identify')"
_SHOWN = 5


def judge(rig: Rig, sent: int, wait_s: float = 180.0) -> dict[str, Any]:
    """Raises AssertionError with the first differences; the audit's report when all is well."""
    report = rig.audit(wait_s)
    assert report["pending"] == 0, f"still pending after {wait_s} s: {report}\n{rig.logs()}"
    assert report["unaccounted"] == 0, f"unaccounted: {report['unaccounted']}: {report['problems']}"
    events, repeats, hostile = expected_of(rig.seed, sent)
    with rig.query_client() as client:
        refused = _rejected(client)
        _check_events(client, events, refused)
        _check_hostile(refused, hostile, events)
        _check_places(client)
        rig.settle(wait_s)
        judge_people(client)
    accepted = len(events) + repeats + rig.sent_besides - _wandering(refused, events)
    assert report["accepted"] == accepted, f"{accepted} events are to be accepted: {report}"
    assert report["duplicates"] == repeats, f"{repeats} events were sent twice: {report}"
    return report


def expected_of(seed: int, sent: int) -> tuple[dict[bytes, Sent], int, Counter[tuple[str, bytes]]]:
    """Events by uuid, how many were sent a second time, and the hostile records by (code, hash)."""
    events: dict[bytes, Sent] = {}
    hostile: Counter[tuple[str, bytes]] = Counter()
    repeats = 0
    for number in range(sent):
        found = record(seed, number)
        if found.name is None:
            hostile[(found.code, _hash(found.value))] += 1
        elif found.name.bytes in events:
            repeats += 1
        else:
            events[found.name.bytes] = found
    return events, repeats, hostile


def _check_events(client: Any, events: dict[bytes, Sent], refused: Counter[tuple[str, bytes]]) -> None:
    """By uuid and content, once each: as stored (without FINAL) and as read (with FINAL)."""
    for final in ("", "FINAL"):
        query = f"SELECT uuid, {CONTENT} FROM headrace.events {final} WHERE {OURS}"
        rows = client.query(query, column_formats={"uuid": "native"}).result_columns
        names, contents = (rows[0], rows[1]) if rows else ([], [])
        counts = Counter(name.bytes for name in names)
        twice = [name.hex() for name, count in counts.items() if count > 1]
        assert not twice, f"{len(twice)} uuids are stored more than once ({final or 'without FINAL'}): {twice[:_SHOWN]}"
        held = {name.bytes: bytes(content) for name, content in zip(names, contents, strict=True)}
        absent = [name for name in events if name not in held and not _was_refused(events[name], refused)]
        assert not absent, f"{len(absent)} events are missing: {[events[name].value for name in absent[:_SHOWN]]}"
        strange = [name.hex() for name in held if name not in events]
        assert not strange, f"{len(strange)} events that nobody sent: {strange[:_SHOWN]}"
        wrong = [events[name].value for name, content in held.items() if content != events[name].content]
        assert not wrong, f"{len(wrong)} events differ from what was sent: {wrong[:_SHOWN]}"
        both = [name.hex() for name in held if _was_refused(events[name], refused)]
        assert not both, f"{len(both)} events were rejected and stored: {both[:_SHOWN]}"


def _check_hostile(
    refused: Counter[tuple[str, bytes]], hostile: Counter[tuple[str, bytes]], events: dict[bytes, Sent]
) -> None:
    """Every hostile record is in rejected_events under its code with its bytes, as often as it was sent."""
    wandering = {("unknown_token", _hash(sent.value)) for sent in events.values() if sent.token == WANDERING_TOKEN}
    found = Counter({key: count for key, count in refused.items() if key not in wandering})
    repeated = [key for key in wandering if refused[key] > 1]
    assert not repeated, f"{len(repeated)} events were rejected twice"
    assert found == hostile, f"missing {hostile - found}, too many {found - hostile}"


def _check_places(client: Any) -> None:
    """No row of a log is stored twice, not even for a while."""
    for table in ("events", "rejected_events", "persons", "person_distinct_id_overrides", "session_starts"):
        query = f"SELECT count(), uniqExact(_log, _partition, _offset, _row) FROM headrace.{table}"
        rows, places = client.query(query).result_rows[0]
        assert rows == places, f"{table} holds {rows} rows of {places} places"


def _rejected(client: Any) -> Counter[tuple[str, bytes]]:
    query = "SELECT code, MD5(assumeNotNull(value)) FROM headrace.rejected_events"
    return Counter((str(code), bytes(hashed)) for code, hashed in client.query(query).result_rows)


def _wandering(refused: Counter[tuple[str, bytes]], events: dict[bytes, Sent]) -> int:
    return sum(_was_refused(sent, refused) for sent in events.values())


def _was_refused(sent: Sent, refused: Counter[tuple[str, bytes]]) -> bool:
    return sent.token == WANDERING_TOKEN and ("unknown_token", _hash(sent.value)) in refused


def _hash(value: bytes) -> bytes:
    return hashlib.md5(value, usedforsecurity=False).digest()

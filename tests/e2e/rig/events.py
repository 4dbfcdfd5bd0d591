"""Events whose fate is known beforehand: the same number gives the same record, and what must become of it.

Most are plain events, some are sent twice, some carry a token whose meaning changes with the configuration, some set
properties of their person, some log in, and one in a hundred records is hostile. They are spread over two hours, so
that what comes next is mostly late.
"""

import hashlib
import json
import uuid

import msgspec

__all__ = ["Sent", "record", "content_hash", "MOVING_TOKEN", "PLAIN_TOKEN", "WANDERING_TOKEN"]

PLAIN_TOKEN = "plain"
MOVING_TOKEN = "moving"
"""Belongs to another project in the other configuration: its events are routed differently."""
WANDERING_TOKEN = "wandering"
"""Unknown in one of the two configurations: there its events are rejected."""
DISTINCT_IDS = 5_000
USERS = 400
LOGIN_EVERY = 60
SETTING_EVERY = 10
SPREAD_US = 2 * 3_600 * 1_000_000
REPEAT_EVERY = 20
HOSTILE_EVERY = 100
START_US = 1_700_000_000_000_000
_SCALE = 1_000_000

_HOSTILE = (
    ("not_json", b'{"token":"plain","event":"x",'),
    ("not_json", b"\xff\xfe\x00junk"),
    ("not_json", b'{"token":"plain","event":"e","distinct_id":"d","properties":{"n":NaN}}'),
    ("not_an_object", b"[1,2,3]"),
    (
        "too_deep",
        b'{"token":"plain","event":"e","distinct_id":"d","properties":{"a":' + b"[" * 500 + b"]" * 500 + b"}}",
    ),
    ("missing_distinct_id", b'{"token":"plain","event":"e"}'),
    ("missing_event_name", b'{"token":"plain","distinct_id":"d","event":""}'),
    ("unknown_token", b'{"token":"stranger","event":"e","distinct_id":"d"}'),
    ("unknown_schema", b"\x00\x00\x00\x03\xe7truncated"),
    ("distinct_id_too_long", b'{"token":"plain","event":"e","distinct_id":"' + b"d" * 300 + b'"}'),
)


class Sent(msgspec.Struct, frozen=True):
    """A record, and what must become of it."""

    value: bytes
    code: str = ""
    """The rejection code of a hostile record; empty for an event."""
    name: uuid.UUID | None = None
    content: bytes = b""
    """Hash of what ClickHouse must hold under the uuid."""
    token: str = PLAIN_TOKEN


def record(seed: int, number: int) -> Sent:
    """The record of this number in this run."""
    if number % HOSTILE_EVERY == 7:
        return _hostile(seed, number)
    if number % REPEAT_EVERY == 11 and number > 1_000:
        # The same event again, long after: another partition may hold it, another worker may see it.
        return record(seed, number - 1_000 + 1)
    return _event(seed, number)


def content_hash(event: str, distinct_id: str, timestamp_us: int, properties: str) -> bytes:
    """What identifies the content of an event; the same expression as verdict.CONTENT."""
    return hashlib.md5(f"{event}|{distinct_id}|{timestamp_us}|{properties}".encode(), usedforsecurity=False).digest()


def _event(seed: int, number: int) -> Sent:
    name = uuid.UUID(bytes=hashlib.sha256(f"{seed}:{number}".encode()).digest()[:16], version=4)
    token = {3: MOVING_TOKEN, 4: WANDERING_TOKEN}.get(number % 50, PLAIN_TOKEN)
    distinct_id = f"user-{int.from_bytes(name.bytes[:4]) % DISTINCT_IDS}"
    event = f"event-{number % 13}"
    timestamp_us = START_US + number * 1_000 + int.from_bytes(name.bytes[9:14]) % SPREAD_US
    said = {"n": number, "seed": seed, "page": f"/path/{number % 997}", "text": "é" * (number % 40)}
    if number % LOGIN_EVERY == 17:
        event, said["$anon_distinct_id"] = "$identify", distinct_id
        distinct_id = f"login-{int.from_bytes(name.bytes[14:]) % USERS}"
    properties = json.dumps(said, ensure_ascii=False)
    setting = f',"$set":{{"plan":"p{number % 7}","n":{number}}},"$set_once":{{"first":{number}}}'
    value = (
        f'{{"token":"{token}","uuid":"{name}","event":"{event}","distinct_id":"{distinct_id}",'
        f'"timestamp":"{_rfc3339(timestamp_us)}","properties":{properties}'
        f"{setting if number % SETTING_EVERY == 5 else ''}}}"
    )
    content = content_hash(event, distinct_id, timestamp_us, properties)
    return Sent(value.encode(), name=name, content=content, token=token)


def _hostile(seed: int, number: int) -> Sent:
    code, value = _HOSTILE[(seed + number // HOSTILE_EVERY) % len(_HOSTILE)]
    return Sent(value, code=code)


def _rfc3339(timestamp_us: int) -> str:
    seconds, micros = divmod(timestamp_us, _SCALE)
    days, rest = divmod(seconds - START_US // _SCALE, 86_400)
    # The whole run lies within the two days from START_US (2023-11-14T22:13:20Z).
    rest += 22 * 3600 + 13 * 60 + 20
    days, rest = days + rest // 86_400, rest % 86_400
    return f"2023-11-{14 + days:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}.{micros:06}Z"

"""The benchmark's events: the same seed gives the same million, with the fate of every record known beforehand.

Each is about 1.2 KB of own JSON with 35 mixed properties, of one of 50,000 distinct ids; one in twenty repeats an
earlier event byte for byte, 3 % log in on one of three devices, one in ten sets properties of its person. On request
one record in so many is hostile.
"""

import hashlib
import random
from collections.abc import Iterator

import msgspec

__all__ = ["Record", "records", "expected", "DISTINCT_IDS", "HOSTILE", "AVRO_SCHEMA"]

DISTINCT_IDS = 50_000
REPEAT_EVERY = 20
REPEAT_BACK = 1_907
"""How many records before it the repeated one stands: never a repeat itself, nor, at one in 1,000, a hostile one."""
LOGINS = (7, 41, 73)
"""Of a hundred: numbers modulo 100."""
SETTING_EVERY = 10
TEMPLATES = 4_096
"""So many different bodies that a compressor's window of 64 KB sees none of them twice."""
PER_SECOND = 12
"""Of the events' own time: a million take a day, from 2026-09-21T14:13:20Z."""
_FIRST_SECOND = 14 * 3600 + 13 * 60 + 20
_EVENTS = ("page_view", "click", "scroll", "search", "add_to_cart", "checkout", "sign_in", "video_play")
_WORDS = ("river", "stone", "cloud", "market", "garden", "engine", "winter", "silver", "bridge", "orange", "window")

AVRO_SCHEMA = 1
"""The schema id of the truncated Avro record, which must be known for that to be noticed."""
HOSTILE: tuple[tuple[str, bytes], ...] = (
    ("not_json", b'{"token":"demo","event":"broken","distinct_id":'),
    ("not_json", b"\xff\xfe\x00\x00 no text at all \x00\x00"),
    (
        "too_deep",
        b'{"token":"demo","event":"e","distinct_id":"d","properties":{"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}}",
    ),
    ("too_large", b'{"token":"demo","event":"e","distinct_id":"d","properties":{"a":"' + b"x" * 5_000_000 + b'"}}'),
    ("wrong_type", b'{"token":"demo","event":{"name":"e"},"distinct_id":"d","properties":{}}'),
    ("wrong_type", b'{"token":"demo","event":"e","distinct_id":"d","properties":"text"}'),
    ("bad_avro", b"\x00" + AVRO_SCHEMA.to_bytes(4) + b"\x08tr"),
    ("unknown_schema", b"\x00\x7f\xff\xff\xff\x02a"),
    # Odd, and still events: a NUL, and halves of surrogate pairs, which are replaced and counted.
    ("", b'{"token":"demo","event":"nul","distinct_id":"hostile","properties":{"a":"x\\u0000y"}}'),
    ("", b'{"token":"demo","event":"surrogate","distinct_id":"hostile","properties":{"a":"\\ud800","b":"\\udc00"}}'),
)
"""Rejection code (none for what is an event all the same) and value, taken in turn."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """What a producer sends."""

    key: bytes
    value: bytes


def records(count: int, seed: int = 1, hostile_every: int = 0) -> Iterator[Record]:
    """So many records in their order; with `hostile_every`, every so manieth is one of HOSTILE instead."""
    bodies = _bodies(seed)
    for number in range(count):
        if hostile_every and number % hostile_every == hostile_every // 2:
            yield Record(b"hostile", HOSTILE[number // hostile_every % len(HOSTILE)][1])
        elif _is_repeat(number):
            yield _event(number - REPEAT_BACK, seed, bodies)
        else:
            yield _event(number, seed, bodies)


def expected(count: int, hostile_every: int = 0) -> dict[str, int]:
    """How many of these records end as `moved`, as `duplicate`, and under each rejection code."""
    found = {"moved": 0, "duplicate": 0}
    for number in range(count):
        if hostile_every and number % hostile_every == hostile_every // 2:
            code = HOSTILE[number // hostile_every % len(HOSTILE)][0] or "moved"
            found[code] = found.get(code, 0) + 1
        elif _is_repeat(number):
            found["duplicate"] += 1
        else:
            found["moved"] += 1
    return found


def _is_repeat(number: int) -> bool:
    return number % REPEAT_EVERY == REPEAT_EVERY - 1 and number >= REPEAT_BACK


def _event(number: int, seed: int, bodies: list[bytes]) -> Record:
    digest = hashlib.blake2b(b"%d:%d" % (seed, number), digest_size=24).digest()
    name = digest.hex()
    distinct_id = b"user-%05d" % (int.from_bytes(digest[16:20]) % DISTINCT_IDS)
    second = number // PER_SECOND % 86_400 + _FIRST_SECOND
    uuid = f"{name[:8]}-{name[8:12]}-4{name[13:16]}-8{name[17:20]}-{name[20:32]}".encode()
    event, device, setting = _EVENTS[digest[22] % len(_EVENTS)].encode(), b"", b""
    if number % 100 in LOGINS:
        event, device = b"$identify", b'"$anon_distinct_id":"device-%b-%d",' % (distinct_id, digest[23] % 3)
    if number % SETTING_EVERY == 4:
        setting = b'"$set":{"plan":"%b","last_seen":%d},' % ((b"free", b"pro")[digest[21] % 2], number)
    value = (
        b'{"token":"demo","event":"%b","distinct_id":"%b","uuid":"%b",%b'
        b'"timestamp":"2026-09-%02dT%02d:%02d:%02d.%03dZ","properties":{%b"number":%d,"share":0.%d,%b'
        % (
            event,
            distinct_id,
            uuid,
            setting,
            21 + second // 86_400,
            second // 3600 % 24,
            second // 60 % 60,
            second % 60,
            number % 1000,
            device,
            number,
            number % 997 + 1,
            bodies[int.from_bytes(digest[20:22]) % TEMPLATES],
        )
    )
    return Record(distinct_id, value)


def _bodies(seed: int) -> list[bytes]:
    """The rest of the properties, encoded once: 33 each, of every kind that JSON has."""
    chance = random.Random(seed)  # noqa: S311 - reproducible, no secret
    return [msgspec.json.encode(_properties(chance))[1:] + b"}" for _ in range(TEMPLATES)]


def _properties(chance: random.Random) -> dict[str, object]:
    def words(count: int) -> str:
        return " ".join(chance.choice(_WORDS) for _ in range(count))

    path = "/".join(chance.choice(_WORDS) for _ in range(3))
    found: dict[str, object] = {
        "$current_url": f"https://shop.example.com/{path}?ref={chance.randrange(10**9)}",
        "$pathname": f"/{path}",
        "$host": "shop.example.com",
        "$referrer": f"https://search.example.org/q={chance.choice(_WORDS)}",
        "$raw_user_agent": f"Mozilla/5.0 (X11; Linux x86_64) Chrome/{chance.randrange(90, 140)}.0.0.0 Safari/537.36",
        "$ip": ".".join(str(chance.randrange(1, 255)) for _ in range(4)),
        "$browser": chance.choice(("Chrome", "Firefox", "Safari")),
        "$os": chance.choice(("Linux", "Windows", "Mac OS X", "Android", "iOS")),
        "$screen_width": chance.choice((360, 1280, 1920, 2560)),
        "$screen_height": chance.choice((640, 800, 1080, 1440)),
        "$lib": "web",
        "$lib_version": f"1.{chance.randrange(200)}.{chance.randrange(20)}",
        "title": words(6),
        "description": words(14),
        "city": chance.choice(("Berlin", "London", "Zürich", "Paris", "Oslo", "São Paulo", "Madrid", "Rome")),
        "price": round(chance.uniform(1, 500), 2),
        "discount": round(chance.random(), 6),
        "quantity": chance.randrange(1, 9),
        "in_stock": chance.random() < 0.9,
        "logged_in": chance.random() < 0.3,
        "coupon": None,
        "tags": [chance.choice(_WORDS) for _ in range(4)],
        "cart": {"items": chance.randrange(9), "total": round(chance.uniform(1, 900), 2), "currency": "EUR"},
    }
    found.update({f"property_{number}": words(2) for number in range(33 - len(found) - 4)})
    found.update({f"measure_{number}": chance.randrange(10**6) for number in range(4)})
    return found

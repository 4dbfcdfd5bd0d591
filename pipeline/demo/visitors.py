"""A small invented shop: visitors browse on two devices and log in. Everything that is hard about people, once. Pure.

What makes a story: one device that two users log in on, so that a merge is refused; one person who is split and logs
in again; one event that comes late and joins two visits. The rest is ordinary.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from schemas.identifiers import LINES, uuid5

__all__ = ["OWN_IDS", "Event", "Story", "relogin", "story"]

Event = dict[str, Any]
"""An event in Headrace's own form (docs/events.md)."""
_PAGES = ("/", "/pricing", "/docs", "/docs/quickstart", "/blog/merging-people", "/blog/late-events", "/jobs", "/signup")
_NAMES = (
    "Ada",
    "Grace",
    "Linus",
    "Barbara",
    "Ken",
    "Margaret",
    "Dennis",
    "Frances",
    "Edsger",
    "Radia",
    "Donald",
    "Joan",
)
OWN_IDS = f"^(phone-[0-9]+|laptop-[0-9]+|{'|'.join(map(str.lower, _NAMES))})-[0-9a-f]{{8,}}$"
"""A pattern of the distinct ids of any run."""
_SITE = "https://shop.example"
_MINUTE = timedelta(minutes=1)


class Story(msgspec.Struct, frozen=True):
    """What is sent, act by act; within an act in any order."""

    browsing: list[Event]
    """Page views before anybody logged in, on devices that nobody knows."""
    logins: list[Event]
    """Who is who, and what happened after; and one page view from before, late."""
    shared_device: str
    """The device that a second user logs in on: that merge is refused."""
    late_device: str
    """The device whose two visits the late event joins."""
    split_device: str
    """The device at which a person is split, and its user."""
    split_user: str
    distinct_ids: list[str]


def story(day: datetime, run: str, seed: int = 7) -> Story:
    """The story of `day` (midnight, UTC). `run` is part of every distinct id: each run has people of its own."""
    chance = random.Random(seed)  # noqa: S311 - a story that is told the same way again, no secret
    browsing: list[Event] = []
    logins: list[Event] = []
    for number, name in enumerate(_NAMES):
        user = f"{name.lower()}-{run}"
        begin = day + timedelta(hours=8, minutes=20 * number)
        for device in ("phone", "laptop"):
            place = _Browser(f"{device}-{number:02}-{run}", begin, chance)
            browsing += place.visit(chance.randint(2, 6))
            place.wait(timedelta(hours=chance.randint(2, 4)))
            browsing += place.visit(chance.randint(2, 5))
            logins.append(place.login(user, name, "pro" if number % 3 == 0 else "free"))
            logins += place.visit(chance.randint(1, 3), user)
            begin += timedelta(minutes=7)
    late = f"phone-00-{run}"
    evening = day + timedelta(hours=20)
    browsing += [_view(late, evening + minute * _MINUTE, "/docs") for minute in (0, 4, 50, 53)]
    logins.append(_view(late, evening + 27 * _MINUTE, "/docs/quickstart"))
    shared = f"laptop-01-{run}"
    logins.append(_login(f"linus-{run}", shared, day + timedelta(hours=21), "Linus", "free"))
    chance.shuffle(browsing)
    chance.shuffle(logins)
    ids = sorted({event["distinct_id"] for event in browsing + logins})
    return Story(browsing, logins, shared, late, f"laptop-03-{run}", f"barbara-{run}", ids)


def relogin(found: Story, now: datetime) -> Event:
    """The split user logs in again on the device, now."""
    return _login(found.split_user, found.split_device, now, "Barbara", "pro")


class _Browser:
    """One device, and how late it is there."""

    def __init__(self, distinct_id: str, now: datetime, chance: random.Random) -> None:
        self._distinct_id = distinct_id
        self._now = now
        self._chance = chance

    def visit(self, pages: int, user: str = "") -> Iterator[Event]:
        """Some page views, each a few minutes after the one before."""
        for _ in range(pages):
            yield _view(user or self._distinct_id, self._now, self._chance.choice(_PAGES))
            self._now += self._chance.randint(20, 600) * timedelta(seconds=1)

    def wait(self, time: timedelta) -> None:
        self._now += time

    def login(self, user: str, name: str, plan: str) -> Event:
        event = _login(user, self._distinct_id, self._now, name, plan)
        self._now += _MINUTE
        return event


def _view(distinct_id: str, at: datetime, path: str) -> Event:
    properties = {"$current_url": _SITE + path, "$pathname": path}
    return _event("$pageview", distinct_id, at, {"properties": properties})


def _login(user: str, device: str, at: datetime, name: str, plan: str) -> Event:
    said = {"properties": {"$anon_distinct_id": device}, "$set": {"name": name, "plan": plan}}
    return _event("$identify", user, at, said | {"$set_once": {"first_device": device.split("-")[0]}})


def _event(name: str, distinct_id: str, at: datetime, more: Event) -> Event:
    known = f"{name} {distinct_id} {at.isoformat()} {more}"
    digits = uuid5(LINES, known.encode()).hex()
    return {"event": name, "uuid": digits, "distinct_id": distinct_id, "timestamp": at.isoformat(), **more}

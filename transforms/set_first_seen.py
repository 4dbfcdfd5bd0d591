"""What somebody came with first, kept with the person: the first address, referrer, campaign and time."""

from collections.abc import Collection
from datetime import timedelta
from functools import lru_cache
from typing import Any

from schemas.timestamps import EPOCH
from transforms.interface import Annotated, Example, OpenEvent, Result, Transform, TransformConfig, about

__all__ = ["SetFirstSeen"]


class Config(TransformConfig, frozen=True):
    properties: Annotated[tuple[str, ...], about("Which properties are remembered as they first were.")] = (
        "$current_url",
        "$pathname",
        "$referrer",
        "$referring_domain",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "utm_term",
        "utm_content",
        "gclid",
        "fbclid",
        "msclkid",
    )
    prefix: Annotated[str, about("What the names of the person properties begin with; a leading $ goes.")] = "$initial_"
    seen_at: Annotated[str, about("Which person property gets the time of the first event; empty: none.")] = (
        "$first_seen_at"
    )
    events: Annotated[tuple[str, ...], about("Which events count; all if empty.")] = ()


class SetFirstSeen(Transform[Config]):
    """Remember with the person where it came from: `$initial_referrer`, `$initial_utm_source`, `$first_seen_at`, …

    Every event offers what it has in `$set_once`; the event that happened first wins, in whatever order they arrive.
    Each property is remembered for itself: if the first visit had no campaign, that of a later one is the initial one.
    Null and empty texts are no value. What the sender put into `$set_once` itself stays. Events that are about nobody
    (`$process_person_profile: false`) are left alone. The time is the event's own, UTC.
    """

    name = "set_first_seen"
    Config = Config
    examples = (
        Example(
            says="A first visit",
            before={"properties": {"$referrer": "https://news.example/", "utm_source": "mail", "plan": "pro"}},
            after={
                "$set_once": {
                    "$initial_referrer": "https://news.example/",
                    "$initial_utm_source": "mail",
                    "$first_seen_at": "2026-09-21T12:00:00.000000Z",
                }
            },
        ),
        Example(
            says="The sender knows better; the time is not wanted",
            config={"properties": ["$referrer"], "seen_at": ""},
            before={
                "properties": {"$referrer": "https://news.example/"},
                "$set_once": {"$initial_referrer": "a friend"},
            },
            after={"$set_once": {"$initial_referrer": "a friend"}},
        ),
    )

    def open(self) -> None:
        prefix = self.config.prefix
        self._names = [(name, prefix + name.removeprefix("$")) for name in self.config.properties]
        self._asked = frozenset(("$process_person_profile", *self.config.properties))
        self._events = frozenset(self.config.events)

    def reads(self) -> Collection[str]:
        return self._asked

    def __call__(self, event: OpenEvent) -> Result:
        if self._events and event.event not in self._events:
            return event
        content = event._some(self._asked)
        if content.get("$process_person_profile") is False:
            return event
        said = event.set_once
        new: dict[str, Any] = {}
        for name, target in self._names:
            if name in content:
                value = content[name]
                if value is not None and value != "" and target not in said:
                    new[target] = value
        seen_at = self.config.seen_at
        if seen_at and seen_at not in said:
            new[seen_at] = _text(event.timestamp)
        return event.replace(set_once={**said, **new}) if new else event


def _text(microseconds: int) -> str:
    """ISO 8601 in UTC, always with six digits: texts of the same length sort like times."""
    minute, rest = divmod(microseconds, 60_000_000)
    return f"{_minute(minute)}:{rest // 1_000_000:02}.{rest % 1_000_000:06}Z"


@lru_cache(maxsize=1_440)
def _minute(minute: int) -> str:
    """Remembered for a day's worth of minutes: most events are of the same few."""
    return (EPOCH + timedelta(minutes=minute)).isoformat(timespec="minutes").removesuffix("+00:00")

"""People, sessions and events of a whole history, as plainly as they can be said: everything at once, sorted.

Deliberately naive and without a line of the product's code. An event is what its sender means, before it is JSON; a
person is named by the distinct id that its id is computed from, so that one answer serves every project.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.reference.identity_reference import Answer, Said, Split, answer
from tests.reference.identity_reference import id_of as person_id_of
from tests.reference.sessions_reference import sessions

__all__ = [
    "Event",
    "Final",
    "Limits",
    "Refused",
    "Shown",
    "claims_of",
    "final",
    "kept_once",
    "refused",
    "session_id_of",
    "text_of",
]

SESSIONS = uuid.uuid5(uuid.NAMESPACE_URL, "headrace:sessions")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = {"$identify": "identify", "$create_alias": "alias", "$merge_dangerously": "dangerously"}
DAY_US = 86_400_000_000
# fmt: off
NOBODY = (
    "", "anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined", "true",
    "false", "null", "none", "nan", "0", "[object object]",
)
# fmt: on
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Event(NamedTuple):
    """One event of a history. Times are microseconds, `uuid` a small number, `other` whatever JSON was sent."""

    distinct_id: Any
    uuid: int
    at: int
    name: str = "$pageview"
    other: Any = None
    set: Mapping[str, Any] = NOTHING
    set_once: Mapping[str, Any] = NOTHING
    unset: tuple[str, ...] = ()
    session: str = ""
    personless: bool = False
    late_ms: int = 0
    """How long after the event its record was received."""
    historical: bool = False

    def __repr__(self) -> str:
        """Only what is said, so that a failing history can be read."""
        said = {name: value for name, value in zip(self._fields, self, strict=True) if value != _DEFAULTS.get(name)}
        return f"Event({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def raw(self, token: str) -> bytes:
        """As its sender writes it."""
        properties: dict[str, Any] = {"n": self.uuid}
        if self.other is not None:
            properties["$anon_distinct_id" if self.name == "$identify" else "alias"] = self.other
        if self.session:
            properties["$session_id"] = self.session
        if self.personless:
            properties["$process_person_profile"] = False
        said = {"$set": self.set, "$set_once": self.set_once, "$unset": list(self.unset), "historical": self.historical}
        sent = {
            "token": token,
            "event": self.name,
            "distinct_id": self.distinct_id,
            "uuid": str(uuid.UUID(int=self.uuid)),
            "timestamp": iso(self.at),
            "properties": properties,
            **{name: value for name, value in said.items() if value},
        }
        return json.dumps(sent).encode()

    @property
    def received_ms(self) -> int:
        return self.at // 1000 + self.late_ms


_DEFAULTS = Event._field_defaults


class Limits(NamedTuple):
    """The rules that a history meets."""

    max_distinct_ids: int = 1_000
    too_common: int = 10_000
    stale_days: int = 30
    keys_max: int = 1_000
    gap_us: int = 1_800_000_000


class Shown(NamedTuple):
    """A person: properties, creation (microseconds), whether identified, distinct ids in order."""

    properties: dict[str, Any]
    created_at: int
    identified: bool
    distinct_ids: tuple[str, ...]


class Final(NamedTuple):
    """The answer for one project."""

    mapping: dict[str, tuple[str, bool]]
    """Who is somebody else, or identified: distinct id to (person, identified). Everybody else is alone."""
    persons: dict[str, Shown]
    events: dict[tuple[str, int], tuple[str, bool, str | int]]
    """(distinct id, uuid) to person, identified, and session: its name, or the microsecond it began."""


class Refused(NamedTuple):
    """A claim that does not count: the distinct id and uuid of its event, and the rule."""

    distinct_id: str
    uuid: int
    rule: str


def final(events: Iterable[Event], limits: Limits, log: Sequence[Said | Split] | None = None) -> Final:
    """What the events say in the end. `log` are the claims with splits among them, where there are splits."""
    once = kept_once(events)
    people = _people(once, _answer(once, limits, log))
    starts = _starts(once, limits)
    return Final(
        {name: person for name, person in people.items() if person != (name, False)},
        _persons(once, people, limits),
        {
            (name, event.uuid): (*people[name], event.session or starts[name][event.at])
            for event in once
            for name in [text_of(event.distinct_id)]
        },
    )


def refused(events: Iterable[Event], limits: Limits, log: Sequence[Said | Split] | None = None) -> set[Refused]:
    """Which claims do not count; of those that say the same, only the first is looked at."""
    once = kept_once(events)
    found = _answer(once, limits, log)
    firsts: dict[tuple[str, str, str], Said] = {}
    for said in sorted(found.verdicts, key=lambda said: (said.timestamp, said.uuid)):
        firsts.setdefault((said.into, said.other, said.kind), said)
    ruled = {(said, found.verdicts[said]) for said in firsts.values()}
    told = {Refused(said.into, int.from_bytes(said.uuid), rule) for said, rule in ruled if rule}
    return told | set(claims_of(once, limits)[1])


def _answer(once: Sequence[Event], limits: Limits, log: Sequence[Said | Split] | None) -> Answer:
    claims, _ = claims_of(once, limits)
    log = claims if log is None else log
    assert {record for record in log if isinstance(record, Said)} == set(claims), "another set of claims"
    return answer(0, list(log), limits.max_distinct_ids, limits.too_common)


def kept_once(events: Iterable[Event]) -> list[Event]:
    """Without the copies, sorted by time."""
    found = {(text_of(event.distinct_id), event.uuid): event for event in events}
    return sorted(found.values(), key=lambda event: (event.at, event.uuid))


def claims_of(events: Sequence[Event], limits: Limits) -> tuple[list[Said], list[Refused]]:
    """The claims that are worth a look at other claims, and what became of the others."""
    claims, refusals = [], []
    for event in events:
        into, other = text_of(event.distinct_id), "" if event.other is None else text_of(event.other)
        if event.name not in KINDS or (not other and event.name != "$identify"):
            continue
        rule = _refusal(event, into, other, limits)
        if rule:
            refusals.append(Refused(into, event.uuid, rule))
        else:
            claims.append(Said(into, other, KINDS[event.name], event.at, event.uuid.to_bytes(16)))
    return claims, refusals


def _refusal(event: Event, into: str, other: str, limits: Limits) -> str:
    if event.personless:
        return "personless"
    if illegal(event.distinct_id) or (other and illegal(event.other)):
        return "illegal_distinct_id"
    if into == other:
        return "same_distinct_id"
    behind_us = event.received_ms * 1000 - event.at
    return "stale_claim" if not event.historical and behind_us > limits.stale_days * DAY_US else ""


def illegal(value: Any) -> bool:
    text = text_of(value)
    if isinstance(value, (dict, list)) or len(text) > 200 or "\0" in text or "\ufffd" in text:
        return True
    bare = text.strip()
    for quote in "'\"":
        if len(bare) > 1 and bare.startswith(quote) and bare.endswith(quote):
            bare = bare[1:-1].strip()
            break
    if bare.lower() in NOBODY:
        return True
    try:
        return isinstance(json.loads(bare), (dict, list))
    except ValueError:
        return False


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def session_id_of(project: int, distinct_id: str, start: int) -> str:
    return str(uuid.uuid5(SESSIONS, f"{start}:{project}:{distinct_id}"))


def iso(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def _people(events: Sequence[Event], found: Answer) -> dict[str, tuple[str, bool]]:
    names = {text_of(event.distinct_id) for event in events}
    origin = {person_id_of(0, name): name for name in found.people}
    people = {name: (name, False) for name in names}
    return people | {name: (origin[person], known) for name, (person, known) in found.people.items()}


def _persons(events: Sequence[Event], people: dict[str, tuple[str, bool]], limits: Limits) -> dict[str, Shown]:
    persons = {}
    about = [event for event in events if not event.personless]
    for person in {person for person, _ in people.values()}:
        members = {name for name, (owner, _) in people.items() if owner == person}
        own = [event for event in about if text_of(event.distinct_id) in members]
        senders = {text_of(event.distinct_id) for event in own}
        rows = tuple(sorted(name for name in members if name in senders or name != person))
        if own:
            # Nobody is older than the second microsecond of 1970: 0 says that there is nobody.
            since = max(1, min(event.at for event in own))
            persons[person] = Shown(_properties(own, limits), since, people[person][1], rows)
    return persons


def _properties(events: Sequence[Event], limits: Limits) -> dict[str, Any]:
    """The latest `$set` or `$unset` if there is one, else the earliest `$set_once`."""
    latest: dict[str, tuple[Any, ...]] = {}
    earliest: dict[str, tuple[Any, ...]] = {}
    for event in events:
        said = {name: (False, json.dumps(value)) for name, value in event.set.items()}
        said |= dict.fromkeys(event.unset, (True, "null"))
        for name, (gone, text) in said.items():
            latest[name] = max((event.at, event.uuid, gone, text), latest.get(name, (-1,)))
        for name, value in event.set_once.items():
            one = (event.at, event.uuid, json.dumps(value))
            earliest[name] = min(one, earliest.get(name, one))
    shown = {}
    for name in sorted(latest.keys() | earliest.keys())[: limits.keys_max]:
        if name not in latest:
            shown[name] = json.loads(earliest[name][-1])
        elif not latest[name][2]:
            shown[name] = json.loads(latest[name][-1])
    return shown


def _starts(events: Sequence[Event], limits: Limits) -> dict[str, dict[int, int]]:
    times: dict[str, list[int]] = {}
    for event in events:
        times.setdefault(text_of(event.distinct_id), []).extend([] if event.session else [event.at])
    return {name: sessions(found, limits.gap_us) for name, found in times.items()}

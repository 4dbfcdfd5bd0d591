"""Looking somebody up: in ClickHouse, as analysts see them, and in identify's state, where it is decided.

The state is read from its changelog, as identify itself does when it takes a partition over. Of a project's components
only those that mention the id are held, so that the size of a project is a matter of time and not of memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from pipeline.catch_up import catch_up
from pipeline.changelog import COMMIT_KEY
from pipeline.component_records import Books, Read
from pipeline.components import Component, Refused, apply_block, component_of
from pipeline.consumer import read_to_end
from pipeline.facts import claims_key
from pipeline.identity import IdentityRules
from pipeline.large_values import in_parts
from pipeline.ownership import CommitRecord
from pipeline.person_page import Profile, Visit
from pipeline.person_report import ToldWarning, told_moment
from pipeline.readable import readable
from pipeline.routing import partitions_of
from pipeline.session_look import listed
from pipeline.settings import Settings
from pipeline.stores import Changes, MemoryStore
from pipeline.topics import deviations, found_topics
from schemas.batches import check_headers
from schemas.identifiers import person_id
from schemas.outcomes import ConfigError
from schemas.record import RawBatch

__all__ = ["IdentityState", "Mentioned", "SplitPreview", "profile_of", "split_preview", "uuid_of", "warnings_of"]

Tell = Callable[[int, int], None]
"""Called while reading with the records read and those there are."""
_AFTER_ALL = 2**63 - 1
"""A version behind that of every record."""
_VISITS = 10
_WARNINGS = 10
_ABOUT = "WHERE project = {project:Int64} AND"
_NAMED = "distinct_id = {id:String}"


class SplitPreview(msgspec.Struct, frozen=True):
    """What a split would do."""

    before: Component
    after: Component
    refused: list[Refused]
    """Claims whose verdict it would change to a refusal."""

    @property
    def comes_apart(self) -> bool:
        """Whether any distinct id would get another person."""
        return any(person.person_id != self.before.ids[name].person_id for name, person in self.after.ids.items())


def split_preview(project: int, distinct_id: str, now: int, read: Read, rules: IdentityRules) -> SplitPreview | None:
    """What a split at an id would do now (`now` in microseconds); None where the id has no claims to refuse.

    Ids that are joined only through the split one come apart too. Nothing is changed: it works on a copy.
    """
    before = component_of(project, distinct_id, read)
    if before is None or before.too_common:
        return None
    applied = apply_block(project, distinct_id, now, _AFTER_ALL, read, rules)
    after = component_of(
        project, distinct_id, lambda key: applied.changes[key] if key in applied.changes else read(key)
    )
    assert after is not None, "a split does not remove its id"
    return SplitPreview(before, after, applied.refused)


class Mentioned(MemoryStore):
    """Of identify's state, what it takes to tell the component of one distinct id.

    `computed` is an id too, if the looked-up one is a uuid: that whose computed person it is.
    """

    def __init__(self, project: int, distinct_id: str) -> None:
        super().__init__()
        self.distinct_id = distinct_id
        self.computed: str | None = None
        # The keys are those of pipeline/components.py: `d` and a distinct id, `c` and a component's name.
        self._ids, self._components = b"i%d:d" % project, b"i%d:c" % project
        self._own = self._ids + distinct_id.encode()
        self._needle = distinct_id.encode()
        self._person = uuid_of(distinct_id)
        self._project = project

    def apply(self, changes: Changes, position: int) -> None:
        """Take over what concerns the id. A component that no longer mentions it is let go."""
        wanted: dict[bytes, bytes | None] = {}
        for key, value in changes.items():
            if key in (COMMIT_KEY, self._own):
                wanted[key] = value
            elif key.startswith(self._components):
                # A component's record names its ids as they are: whoever is not in it byte for byte is no member.
                is_about = value is not None and (self._needle in value or in_parts(key, value))
                wanted[key] = value if is_about else None
            elif self._person is not None and key.startswith(self._ids):
                self._compare(key[len(self._ids) :].decode())
        super().apply(wanted, position)

    def _compare(self, name: str) -> None:
        if person_id(self._project, name) == self._person:
            self.computed = name


class IdentityState:
    """What identify has decided about one id of one project. `ConfigError` where its topics are not as they should be.

    The id may be a distinct id, or the id of a person that a claim ever named: it then stands for the distinct id
    that this person's id is computed from.
    """

    def __init__(self, settings: Settings, project: int, identifier: str, tell: Tell) -> None:
        self.project = project
        self.claims_topic = settings.topics.named("identity.claims")
        self.partition = int(partitions_of([claims_key(project)], settings.topics.partitions)[0])
        self._settings = settings
        self._topic = f"{settings.app}-identify-state"
        self._logs = _logs(settings, [self.claims_topic, self._topic])
        self._store = Mentioned(project, identifier)
        self._catch_up(tell)
        if self.component() is None and self._store.computed is not None:
            self._store = Mentioned(project, self._store.computed)
            self._catch_up(tell)

    @property
    def distinct_id(self) -> str:
        """The id as it was given, or the one that the given person's id is computed from."""
        return self._store.distinct_id

    def component(self) -> Component | None:
        """All that decides who the id is; None if no claim and no split ever named it."""
        return component_of(self.project, self.distinct_id, self._store.get)

    def common_partners(self) -> list[str]:
        """Ids claimed together with this one that are too common to merge anybody; those claims are kept nowhere."""
        return Books(self.project, self._store.get).id(self.distinct_id).common_partners

    def preview(self, now: int) -> SplitPreview | None:
        """What a split at the id would do now; see `split_preview`."""
        return split_preview(self.project, self.distinct_id, now, self._store.get, self._settings.identity)

    def refresh(self) -> None:
        """Read what has been written since."""
        self._catch_up(lambda read, there_are: None)

    def has_settled(self, offset: int) -> bool:
        """Whether identify has read, and committed, the record at this offset of the claims' partition."""
        return self._position() > offset

    def waiting(self) -> int:
        """Claims and splits of all projects in the partition that identify has not read yet."""
        batches = read_to_end(self._settings, {(self.claims_topic, self.partition): self._position()}, self._logs)
        return sum(check_headers(dict(headers or ()))[0] for batch, _ in batches for headers in batch.headers)

    def _catch_up(self, tell: Tell) -> None:
        catch_up(self._settings, self._store, (self._topic, self.partition), self._logs, partial(_told, tell=tell))

    def _position(self) -> int:
        found = self._store.get(COMMIT_KEY)
        if found is None:
            return 0
        record = msgspec.json.decode(found, type=CommitRecord)
        log = self._logs[self.claims_topic].hex()
        return max((one.position for one in record.account.logs if one.log == log), default=0)


def profile_of(client: Any, project: int, identifier: str) -> Profile:
    """A person as the views have it. An id that nothing is stored about has the computed person."""

    def rows(query: str, **values: Any) -> list[Any]:
        found: list[Any] = client.query(query, parameters={"project": project, **values}).result_rows
        return found

    owner = _owner(rows, identifier)
    asked = None if owner else uuid_of(identifier)
    person = str(owner or UUID(bytes=asked or person_id(project, identifier)))
    columns = "identified, created_at, properties, distinct_ids"
    stored = rows(f"SELECT {columns} FROM persons_current {_ABOUT} person_id = {{person:UUID}}", person=person)
    identified, created_at, properties, ids = stored[0] if stored else (False, None, "", [identifier])
    return Profile(
        project=project,
        id=identifier,
        person_id=person,
        stored=bool(stored),
        identified=identified,
        created_at=_utc(created_at) if created_at else None,
        properties=msgspec.Raw((properties or "{}").encode()),
        distinct_ids=list(ids) if stored else [],
        visits=msgspec.convert(listed(client, ids, project, _VISITS), list[Visit]),
        note="" if stored else _not_stored(project, identifier, person, asked is not None),
    )


def _owner(rows: Callable[..., list[Any]], distinct_id: str) -> UUID | None:
    """The person of a distinct id. While people are merged it may stand under two: then the mapping says which."""
    holders, decided = (
        {UUID(str(row[0])) for row in rows(f"SELECT person_id FROM {table} {_ABOUT} {_NAMED}", id=distinct_id)}
        for table in ("person_distinct_ids", "person_distinct_id_overrides FINAL")
    )
    return min(holders & decided or holders, default=None)


def warnings_of(client: Any, project: int, distinct_id: str) -> list[ToldWarning]:
    """The newest warnings that name the id: of its own events, and those that would have merged it into another."""
    # A claim's warning stands under the id that it merges into; its message begins with the other (refused_claim).
    query = (
        "SELECT code, message, toString(event_uuid), timestamp FROM ingestion_warnings FINAL "
        f"WHERE project = {{project:Int64}} AND ({_NAMED} OR startsWith(message, {{start:String}})) "
        f"ORDER BY timestamp DESC, event_uuid, code LIMIT {_WARNINGS}"
    )
    asked = {"project": project, "id": distinct_id, "start": f"{distinct_id[:200]!r} was not merged into "}
    found = client.query(query, parameters=asked).result_rows
    return [ToldWarning(code, said, uuid, told_moment(_utc(at))) for code, said, uuid, at in found]


def uuid_of(text: str) -> bytes | None:
    """The 16 bytes of a uuid in its usual form; None for any other text."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found.bytes if str(found) == text.lower() else None


def _told(batches: Iterable[tuple[RawBatch, int]], start: int, end: int, tell: Tell) -> Iterator[tuple[RawBatch, int]]:
    for batch, position in batches:
        tell(position - start, end - start)
        yield batch, position


def _logs(settings: Settings, names: list[str]) -> Mapping[str, bytes]:
    found = found_topics(settings, names)
    wrong = [said for said in deviations(settings, found) if said.split()[0] in names]
    if wrong:
        raise ConfigError("; ".join(wrong))
    return {name: topic.log for name, topic in found.items()}


def _not_stored(project: int, identifier: str, person: str, by_person: bool) -> str:
    if by_person:
        return (
            f"No person {person} is stored in project {project}: if it was merged into another one, headrace person "
            "explain finds it; a distinct id of this name would have the person "
            f"{UUID(bytes=person_id(project, identifier))}"
        )
    return (
        f"Nothing is stored about {readable(identifier)} in project {project}: it has sent no event that is not "
        f"personless, or none that has arrived (headrace status); as long as nothing merges it, its person is {person}"
    )


def _utc(when: datetime) -> datetime:
    """ClickHouse's clients give UTC without saying so."""
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)

"""Looking an id up in identify's state, and what a split would do, on states made by the claims themselves."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from clickhouse_connect.driver.binding import format_bind_value

from pipeline import large_values
from pipeline.accounts import Account, LogAccount
from pipeline.changelog import COMMIT_KEY, bundles, restore
from pipeline.component_records import Books
from pipeline.components import Component, apply_block, apply_claim, component_of
from pipeline.identity import Claim, ClaimKind, IdentityRules
from pipeline.ownership import CommitRecord
from pipeline.person_lookup import Mentioned, profile_of, split_preview, uuid_of
from schemas.identifiers import person_id
from schemas.record import RawBatch

RULES = IdentityRules()
IDENTIFY, ALIAS, DANGEROUSLY = ClaimKind
NOW = 1_000


def claim(into: str, other: str, timestamp: int, kind: ClaimKind = IDENTIFY) -> Claim:
    return Claim(into, other, kind, timestamp, timestamp.to_bytes(16))


class Changelog:
    """A project's claims applied one by one; what each changed, as identify writes it."""

    def __init__(self, rules: IdentityRules = RULES, project: int = 1) -> None:
        self.rules = rules
        self.project = project
        self.state: dict[bytes, bytes] = {}
        self.records: list[dict[bytes, bytes | None]] = []

    def claim(self, *claims: Claim) -> "Changelog":
        for one in claims:
            changes = apply_claim(self.project, one, len(self.records), self.state.get, self.rules).changes
            self._take(changes)
        return self

    def split(self, distinct_id: str, at: int) -> "Changelog":
        self._take(apply_block(self.project, distinct_id, at, len(self.records), self.state.get, self.rules).changes)
        return self

    def _take(self, changes: Mapping[bytes, bytes | None]) -> None:
        self.records.append(dict(changes))
        self.state.update({key: value for key, value in changes.items() if value is not None})
        for key in [key for key, value in changes.items() if value is None]:
            self.state.pop(key, None)


def read_by(store: Mentioned, *logs: Changelog) -> Mentioned:
    for log in logs:
        for position, changes in enumerate(log.records):
            store.apply(changes, position + 1)
    return store


def people(component: Component | None) -> set[frozenset[str]]:
    """The sets of ids that are one person."""
    assert component is not None
    ids = component.ids
    return {frozenset(name for name in ids if ids[name].person_id == one.person_id) for one in ids.values()}


def family() -> Changelog:
    """Phone and laptop of ada, and a tablet that only the phone knows."""
    log = Changelog().claim(claim("ada", "laptop", 1), claim("ada", "phone", 2), claim("phone", "tablet", 3, ALIAS))
    return log.claim(claim("bob", "other", 4))


def test_an_id_is_found_with_its_whole_component() -> None:
    log = family()

    store = read_by(Mentioned(1, "tablet"), log)

    assert component_of(1, "tablet", store.get) == component_of(1, "tablet", log.state.get)


def test_components_that_do_not_mention_the_id_are_not_held() -> None:
    store = read_by(Mentioned(1, "tablet"), family())

    assert sorted(key for key, _ in store.items()) == [b"i1:cada", b"i1:dtablet"]


def test_a_component_that_is_kept_in_parts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_values, "PART_BYTES", 40)
    log = Changelog().claim(*(claim("ada", f"device-{number}", number) for number in range(20)))

    store = read_by(Mentioned(1, "device-3"), log)

    assert component_of(1, "device-3", store.get) == component_of(1, "device-3", log.state.get)
    assert len(component_of(1, "device-3", store.get).ids) == 21  # type: ignore[union-attr]


def test_another_project_is_not_held() -> None:
    theirs = Changelog(project=11).claim(claim("ada", "tablet", 1))

    assert len(read_by(Mentioned(1, "tablet"), theirs)) == 0


def test_a_component_that_took_another_name_is_held_once() -> None:
    log = Changelog().claim(claim("a", "b", 1), claim("x", "y", 2), claim("x", "z", 3), claim("x", "a", 4, DANGEROUSLY))

    store = read_by(Mentioned(1, "b"), log)

    assert sorted(key for key, _ in store.items()) == [b"i1:cx", b"i1:db"]


def test_a_component_that_the_id_has_left_is_let_go() -> None:
    log = Changelog(IdentityRules(too_common=2)).claim(claim("kiosk", "a", 1), claim("kiosk", "b", 2))
    before = read_by(Mentioned(1, "a"), log)
    assert component_of(1, "a", before.get) is not None

    after = read_by(Mentioned(1, "a"), log.claim(claim("kiosk", "c", 3)))

    assert component_of(1, "a", after.get) is None
    assert [key for key, _ in after.items()] == [b"i1:da"]
    assert Books(1, after.get).id("a").common_partners == ["kiosk"]


def test_a_person_is_found_by_its_id_even_after_it_was_merged_into_another() -> None:
    phone = str(UUID(bytes=person_id(1, "phone")))

    store = read_by(Mentioned(1, phone), family())

    assert store.computed == "phone"


def test_a_distinct_id_that_is_a_uuid_is_first_of_all_a_distinct_id() -> None:
    device = "0189c7a0-0000-7000-8000-000000000001"
    log = Changelog().claim(claim("ada", device, 1))

    store = read_by(Mentioned(1, device), log)

    assert people(component_of(1, device, store.get)) == {frozenset({"ada", device})}


@pytest.mark.parametrize(
    "text", ["ada", "", "{0189c7a0-0000-7000-8000-000000000001}", "0189c7a0000070008000000000000001"]
)
def test_only_the_usual_form_of_a_uuid_is_one(text: str) -> None:
    assert uuid_of(text) is None


def test_what_a_transaction_wrote_before_it_was_aborted_is_not_believed() -> None:
    good, bad = Changelog().claim(claim("ada", "phone", 1)), Changelog().claim(claim("eve", "phone", 1))
    account = Account(hop="identify", partition=0, logs=[LogAccount("identity.claims", "00" * 16, 1)])
    commit = (COMMIT_KEY, msgspec.json.encode(CommitRecord(account)))
    begin = (b"\x00begin", b"")
    aborted, whole = ((b"\x00bundle", *bundles(log.records[0])) for log in (bad, good))
    records = [begin, aborted, begin, whole, commit]
    batch = RawBatch(
        "headrace-identify-state", b"L" * 16, 0, range(5), [0] * 5, [value for _, value in records],
        [key for key, _ in records], [None] * 5,
    )  # fmt: skip
    store = Mentioned(1, "phone")

    restore(store, [(batch, 5)], isolated=False)

    assert people(component_of(1, "phone", store.get)) == {frozenset({"ada", "phone"})}
    assert store.get(COMMIT_KEY) == commit[1]


def test_a_split_takes_along_nobody_who_is_joined_only_through_the_split_id() -> None:
    preview = split_preview(1, "phone", NOW, family().state.get, RULES)

    assert preview is not None
    assert people(preview.before) == {frozenset({"ada", "laptop", "phone", "tablet"})}
    assert people(preview.after) == {frozenset({"ada", "laptop"}), frozenset({"phone"}), frozenset({"tablet"})}
    assert [one.claim.timestamp for one in preview.refused] == [2, 3]
    assert preview.comes_apart


def test_a_preview_is_what_the_split_then_does() -> None:
    log = family()
    preview = split_preview(1, "phone", NOW, log.state.get, RULES)

    log.split("phone", NOW)

    assert preview is not None
    assert component_of(1, "phone", log.state.get) == preview.after


def test_a_preview_changes_nothing() -> None:
    log = family()
    before = dict(log.state)

    split_preview(1, "phone", NOW, log.state.get, RULES)

    assert log.state == before


def test_a_preview_covers_claims_whose_clock_was_ahead() -> None:
    log = Changelog().claim(claim("ada", "phone", NOW + 500))

    preview = split_preview(1, "phone", NOW, log.state.get, RULES)

    assert preview is not None
    assert preview.after.blocks == {"phone": NOW + 500}
    assert preview.comes_apart


@pytest.mark.parametrize("name", ["stranger", "kiosk"])
def test_who_has_no_claims_to_refuse_is_not_split(name: str) -> None:
    log = Changelog(IdentityRules(too_common=1)).claim(claim("kiosk", "a", 1), claim("kiosk", "b", 2))

    assert split_preview(1, name, NOW, log.state.get, log.rules) is None


def test_a_second_split_finds_nothing_to_take_apart() -> None:
    preview = split_preview(1, "phone", NOW + 1, family().split("phone", NOW).state.get, RULES)

    assert preview is not None
    assert not preview.comes_apart
    assert preview.refused == []


class Answers:
    """A ClickHouse that knows the given rows by the view they are read from; of visits, those of the ids asked for."""

    def __init__(self, visits: Sequence[Mapping[str, object]] = (), **rows: list[tuple[object, ...]]) -> None:
        self._rows = rows
        self._visits = visits
        self.longest = 0

    def query(self, query: str, parameters: Mapping[str, Any]) -> "Answers":
        self.result_rows = self._rows.get(query.partition(" FROM ")[2].split()[0], [])
        names = parameters.get("names", [])
        self.longest = max(self.longest, len(format_bind_value(names)))
        self._found = [visit for visit in self._visits if set(cast("list[str]", visit["distinct_ids"])) & set(names)]
        return self

    def named_results(self) -> Sequence[Mapping[str, object]]:
        return self._found


def visit(name: str, minute: int, *distinct_ids: str) -> dict[str, object]:
    start = f"2026-11-20T12:{minute:02}:00.000000Z"
    shown = {"duration_s": 0, "events": 1, "pageviews": 1, "entry_url": "/", "distinct_id": distinct_ids[0]}
    place = {"project": 1, "session_id": name, "given": len(distinct_ids) > 1, "start": start, "end": start}
    return place | shown | {"distinct_ids": list(distinct_ids)}


def test_an_id_that_nothing_is_stored_about_has_the_computed_person() -> None:
    profile = profile_of(Answers(), 1, "stranger")

    assert (profile.person_id, profile.stored) == (str(UUID(bytes=person_id(1, "stranger"))), False)
    assert "Nothing is stored about stranger" in profile.note


def test_a_uuid_that_is_no_distinct_id_is_a_person() -> None:
    person = "0189c7a0-0000-7000-8000-000000000001"

    profile = profile_of(Answers(persons_current=[(True, None, '{"plan":"pro"}', ["ada"])]), 1, person)

    assert (profile.person_id, profile.stored, profile.distinct_ids) == (person, True, ["ada"])
    assert bytes(profile.properties) == b'{"plan":"pro"}'


@pytest.mark.parametrize("decided", [1, 2])
def test_of_two_people_that_hold_an_id_during_a_merge_the_mapping_tells_which(decided: int) -> None:
    found = Answers(
        person_distinct_ids=[(str(UUID(int=2)),), (str(UUID(int=1)),)],
        person_distinct_id_overrides=[(str(UUID(int=decided)),)],
    )

    assert profile_of(found, 1, "ada").person_id == str(UUID(int=decided))


def test_the_person_of_a_mapping_is_not_shown_before_it_is_stored() -> None:
    found = Answers(person_distinct_ids=[(str(UUID(int=1)),)], person_distinct_id_overrides=[(str(UUID(int=2)),)])

    assert profile_of(found, 1, "ada").person_id == str(UUID(int=1))


def test_the_newest_visits_of_a_person_with_more_ids_than_one_request_can_name() -> None:
    ids = [f"{number:04}{'x' * 190}" for number in range(1_000)]
    visits = [visit(f"s{number}", number % 60, ids[number * 60]) for number in range(16)]
    shared = visit("shared", 59, ids[0], ids[-1])
    found = Answers([*visits, shared], persons_current=[(True, None, "{}", ids)])

    profile = profile_of(found, 1, ids[0])

    assert [one.session_id for one in profile.visits] == ["shared", *(f"s{number}" for number in range(15, 6, -1))]
    assert found.longest <= 131_072

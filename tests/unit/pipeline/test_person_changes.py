"""The people hop: one batch of changes, and what is told of it."""

from typing import Any

import msgspec

from pipeline.facts import sent, taken
from pipeline.hops import ROWS_AT_ONCE
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome
from pipeline.person_changes import PersonRules, absorbed
from pipeline.registers import PeopleRules, PropertyEvent, learn
from schemas.identifiers import person_id

RULES = PersonRules(people=PeopleRules(), partitions=1)
ADA, BOB = person_id(1, "ada"), person_id(1, "bob")
Fact = tuple[Any, ...]


def said(name: str, value: int, version: int = -1, person: bytes = ADA, created_at: int = 5) -> Fact:
    event = PropertyEvent(value, value.to_bytes(16), b'{"%s":%d}' % (name.encode(), value))
    registers = learn(b"", [event], RULES.people).registers if value else b""
    return 1, person, name, version, False, False, False, registers, created_at


def member(name: str, version: int, joined: bool = True, person: bytes = ADA) -> Fact:
    return 1, person, name, version, True, joined, joined, b"", 0


class People:
    """The hop with its state and its log."""

    def __init__(self) -> None:
        self.state: dict[bytes, bytes] = {}
        self.offset = 0

    def take(self, *facts: Fact) -> Outcome:
        [one] = sent("person.changes", 0, facts)
        self.offset += 1
        outcome = absorbed(LogBatch.joined(b"L" * 16, 0, [(self.offset, one.rows)]), self.state.get, RULES)
        self.state.update({key: value for key, value in outcome.changes.items() if value is not None})
        return outcome


def told(outcome: Outcome, topic: str) -> list[Fact]:
    return [fact for one in outcome.sent if one.topic == topic for fact in taken(one.rows)]


def views(outcome: Outcome) -> dict[str, bytes]:
    return {name: properties for _, name, _, _, properties in told(outcome, "person.views")}


def test_a_person_changed_several_times_is_told_once_as_of_its_last_change() -> None:
    people = People()

    outcome = people.take(said("ada", 1), said("bob", 2, person=BOB), said("ada", 3), said("ada", 3))

    persons = told(outcome, "persons")
    assert [(person, version) for _, person, version, *_ in persons] == [(ADA, 1 << 20 | 2), (BOB, 1 << 20 | 1)]
    assert [properties for *_, properties, _ in persons] == [b'{"ada":3}', b'{"bob":2}']
    assert (outcome.rows, len(outcome.changes)) == (4, 2)


def test_a_change_that_nobody_can_see_is_kept_and_not_told() -> None:
    people = People()
    people.take(said("ada", 1), member("ada", 3), member("phone", 3))

    outcome = people.take(member("phone", 8))

    assert (outcome.sent, len(outcome.changes)) == ([], 1)


def test_of_a_person_never_heard_of_nothing_is_told_when_an_id_leaves_it() -> None:
    outcome = People().take(member("phone", 3, joined=False, person=person_id(1, "phone")))

    assert (outcome.sent, len(outcome.changes)) == ([], 1)


def test_a_view_that_all_were_told_is_told_only_to_who_may_have_lost_it() -> None:
    people = People()
    first = people.take(said("ada", 1), member("ada", 3), member("phone", 3))
    joined = people.take(member("tablet", 5))
    heard = people.take(said("tablet", 0, version=5, created_at=0))
    again = people.take(said("tablet", 0, version=5, created_at=0))

    assert views(first) == {"ada": b'{"ada":1}', "phone": b'{"ada":1}'}
    assert views(joined) == {}
    assert views(heard) == {"tablet": b'{"ada":1}'}
    assert (views(again), again.changes) == ({}, {})


def test_a_view_that_changes_is_told_to_all() -> None:
    people = People()
    people.take(said("ada", 1), member("ada", 3), member("phone", 3), said("phone", 0, version=3))

    assert set(views(people.take(said("ada", 2)))) == {"ada", "phone"}
    assert views(people.take(member("phone", 9, joined=False))) == {}
    assert set(views(people.take(said("ada", 4)))) == {"ada"}


def test_the_first_companion_makes_the_view_news_to_both() -> None:
    people = People()
    alone = people.take(said("ada", 1))

    assert views(alone) == {}
    assert set(views(people.take(member("phone", 3)))) == {"ada", "phone"}


def test_many_distinct_ids_are_told_less_of_a_view_than_would_fill_the_log() -> None:
    people, value = People(), b'"%s"' % (b"x" * 16_000)
    event = PropertyEvent(1, bytes(16), b'{"a":1,"b":2,%s}' % b",".join(b'"c%d":%s' % (at, value) for at in range(4)))
    registers = learn(b"", [event], RULES.people).registers

    people.take(*(member(f"phone {number}", 3) for number in range(999)), said("ada", 0))
    outcome = people.take((1, ADA, "ada", 3, False, False, False, registers, 5))

    told_to = views(outcome)
    assert (len(told_to), set(told_to.values())) == (1_000, {b'{"a":1,"b":2}'})
    [whole] = [properties for *_, properties, _ in told(outcome, "persons")]
    assert len(whole) > 64_000


def test_what_all_people_of_a_batch_are_told_fits_into_a_column() -> None:
    most = msgspec.json.schema(PeopleRules)["$defs"]["PeopleRules"]["properties"]["told_bytes_max"]["maximum"]

    assert ROWS_AT_ONCE * most < 1 << 31

"""What is known of a distinct id: one value with its person, its sessions and its recent uuids."""

from typing import NamedTuple

from pipeline.dedupe import DedupRules
from pipeline.known import GIVEN, PERSONLESS, Known, KnownRules
from pipeline.known_value import computed_person, known_key, mapped, person_of
from pipeline.learned import Learned
from pipeline.sessions import LATE, SessionRules, StartFact
from schemas.identifiers import person_id

RULES = KnownRules(dedup=DedupRules(), sessions=SessionRules(gap_s=10, lateness_s=100))
SECOND = 1_000_000
ADA = b"1:ada"
OTHER = bytes(range(16))


class Told(NamedTuple):
    """What was learned of the events that are no repeats, in lists."""

    people: list[bytes]
    identified: list[bool]
    starts: list[int]
    sessions: list[bytes]
    facts: list[tuple[bytes, StartFact]]
    created: dict[bytes, int]


def told(found: Learned, keys: list[bytes]) -> Told:
    facts = [
        (keys[row], StartFact(start, dead))
        for row, start, dead in zip(found.facts.rows, found.facts.starts, found.facts.dead, strict=True)
    ]
    kept = found.kept()
    return Told(
        [bytes(person) for person in kept.people],
        kept.identified.tolist(),
        kept.starts.tolist(),
        [bytes(session) for session in kept.sessions],
        facts,
        found.created,
    )


class State(dict[bytes, bytes]):
    def learn(self, *events: tuple[int, int], key: bytes = ADA) -> Told:
        """Events as (timestamp in seconds, marks), each with a uuid of its own."""
        known = Known(self.get, RULES)
        count = len(events)
        uuids = [(len(self) * 1000 + hash(events) + n).to_bytes(16, signed=True) for n in range(count)]
        times, marks = [time * SECOND for time, _ in events], [mark for _, mark in events]
        found = known.learn([key] * count, uuids, [5] * count, times, marks)
        self.update({name: value for name, value in known.changes.items() if value is not None})
        return told(found, [key] * count)

    def name(self, person: bytes, identified: bool, version: int, key: bytes = ADA) -> bool:
        value = mapped(key, self.get(known_key(key)), person, identified, version)
        if value is not None:
            self[known_key(key)] = value
        return value is not None


def test_an_unknown_id_is_its_computed_person_in_a_session_of_its_own() -> None:
    found = State().learn((100, 0))

    assert found.people == [person_id(1, "ada")] == [computed_person(ADA)]
    assert (found.identified, found.starts) == ([False], [100 * SECOND])
    assert found.facts == [(ADA, StartFact(100 * SECOND, False))]
    assert found.created == {ADA: 100 * SECOND}


def test_what_was_learned_is_known_next_time() -> None:
    state = State()
    state.learn((100, 0))

    found = state.learn((105, 0), (90, 0), (300, 0))

    assert found.starts == [100 * SECOND, 90 * SECOND, 300 * SECOND]
    assert found.created == {ADA: 90 * SECOND}
    assert found.facts[:2] == [(ADA, StartFact(100 * SECOND, True)), (ADA, StartFact(90 * SECOND, False))]


def test_an_event_whose_sender_named_the_session_touches_no_derived_one() -> None:
    state = State()

    found = state.learn((100, GIVEN), (105, GIVEN))

    assert (found.starts, found.facts) == ([LATE, LATE], [])


def test_a_personless_event_creates_nobody_and_has_a_session() -> None:
    state = State()

    found = state.learn((100, PERSONLESS))
    assert (found.created, found.starts) == ({}, [100 * SECOND])
    assert state.learn((200, 0)).created == {ADA: 200 * SECOND}


def test_an_event_of_the_first_moment_of_1970_creates_somebody() -> None:
    state = State()

    assert state.learn((0, 0)).created == {ADA: 1}
    assert state.learn((5, 0)).created == {}
    assert person_of(ADA, state[known_key(ADA)])[2] == 1


def test_a_mapping_names_the_person_until_a_newer_one_comes() -> None:
    state = State()
    state.learn((100, 0))

    assert state.name(OTHER, identified=True, version=7)
    found = state.learn((101, 0))
    assert (found.people, found.identified, found.created) == ([OTHER], [True], {})
    assert found.starts == [100 * SECOND]

    assert not state.name(bytes(16), identified=False, version=7)
    assert not state.name(bytes(16), identified=False, version=6)
    assert state.name(bytes(16), identified=False, version=8)
    found = state.learn((102, 0))
    assert (found.people, found.identified, found.starts) == ([bytes(16)], [False], [100 * SECOND])


def test_an_id_may_be_mapped_before_its_first_event() -> None:
    state = State()
    state.name(OTHER, identified=False, version=1)

    found = state.learn((100, 0), (99, PERSONLESS))

    # An event that is about nobody carries the computed person, whoever the id is by now.
    assert found.people == [OTHER, computed_person(ADA)]
    assert found.created == {ADA: 100 * SECOND}
    assert state.learn((98, 0)).created == {ADA: 98 * SECOND}
    assert state.learn((99, 0)).people == [OTHER]

"""Laws of people: any order and any number of times gives the same person, and a split gives everything back."""

import random
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.people import (
    Members,
    MembershipChange,
    PeopleRules,
    PersonRow,
    PropertyEvent,
    RegistersChange,
    joined,
    learn,
    overlaid,
    view,
)
from schemas.identifiers import person_id
from tests.reference import people_reference as reference
from tests.reference.people_reference import Fact, Said

RULES = PeopleRules(keys_max=3, value_bytes_max=4, bytes_max=5)
"""Small, so that the limits are met all the time: names are a to e, `"long"` is two bytes over, two texts fill it."""
PROJECT = 1
IDS = ["ada", "bob", "eve"]

names = st.sampled_from("abcde")
values = st.sampled_from(["1", "2", "null", '"x"', '"long"'])
objects = st.dictionaries(names, values, max_size=3)
moments = st.integers(1, 3)


@st.composite
def histories(draw: st.DrawFn, events_max: int = 6) -> list[Said]:
    """Events of one distinct id, with many equal timestamps and no two of one uuid."""
    count = draw(st.integers(0, events_max))
    uuids = draw(st.permutations(range(1, count + 1)))
    return [
        Said(draw(moments), bytes([uuid]) * 16, draw(objects), draw(objects), tuple(draw(st.lists(names, max_size=2))))
        for uuid in uuids
    ]


def text(values: dict[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}").encode()


def sent(said: Said) -> PropertyEvent:
    return PropertyEvent(
        said.timestamp,
        said.uuid,
        text(said.set) if said.set else b"",
        text(said.set_once) if said.set_once else b"",
        msgspec.json.encode(said.unset) if said.unset else b"",
    )


def registers_of(said: Sequence[Said], rules: PeopleRules = RULES) -> bytes:
    return learn(b"", [sent(one) for one in said], rules).registers


def expected_view(said: Sequence[Said]) -> bytes:
    return text(reference.properties(said, RULES.keys_max, RULES.value_bytes_max, RULES.bytes_max))


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_events_in_any_order_cut_anywhere_and_repeated_give_what_sorted_ones_give(
    said: list[Said], chance: random.Random, cut: int
) -> None:
    mixed = said + [one for one in said if chance.random() < 0.3]
    chance.shuffle(mixed)

    before = learn(b"", [sent(one) for one in mixed[:cut]], RULES)
    after = learn(before.registers, [sent(one) for one in mixed[cut:]], RULES)

    assert after.registers == registers_of(said)
    assert view(after.registers, RULES) == expected_view(said)
    assert after.changed == (after.registers != before.registers)


@given(histories())
def test_events_that_were_learned_change_nothing_more(said: list[Said]) -> None:
    registers = registers_of(said)

    again = learn(registers, [sent(one) for one in said], RULES)

    assert (again.registers, again.changed) == (registers, False)


@given(histories(3), histories(3), histories(3))
def test_the_join_does_not_care_for_grouping_order_or_repetition(a: list[Said], b: list[Said], c: list[Said]) -> None:
    # The three histories share uuids, with other contents: ties have to be broken by content.
    one, two, three = registers_of(a), registers_of(b), registers_of(c)

    whole = joined([one, two, three], RULES)
    assert joined([joined([one, two], RULES), three], RULES) == whole
    assert joined([one, joined([two, three], RULES)], RULES) == whole
    assert joined([three, one, two, one], RULES) == whole
    assert joined([one], RULES) == one


@given(histories(), st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_the_join_of_several_ids_is_what_one_id_with_all_events_would_have(said: list[Said], owners: list[int]) -> None:
    parts = [[one for one, owner in zip(said, owners, strict=False) if owner == number] for number in range(3)]

    assert joined([registers_of(part) for part in parts], RULES) == registers_of(said)


@given(histories(), histories(1))
def test_the_newest_event_over_the_view_is_the_next_view_where_no_limit_is_met(
    said: list[Said], more: list[Said]
) -> None:
    rules = PeopleRules()
    newest = [msgspec.structs.replace(sent(one), timestamp=9) for one in more]
    # A view cannot tell an unset property from an unknown one, so $set_once is tried on its own.
    known = learn(b"", [msgspec.structs.replace(sent(one), unset=b"") for one in said], rules).registers

    for event in newest:
        next_view = view(learn(known, [event], rules).registers, rules)
        assert overlaid(view(known, rules), event.set, event.set_once, event.unset, rules) == next_view


def change_of(fact: Fact, person: bytes) -> RegistersChange | MembershipChange:
    if fact.kind == "sent":
        registers = registers_of(fact.said)
        return RegistersChange(PROJECT, person, fact.distinct_id, fact.version, registers, fact.created_at)
    return MembershipChange(PROJECT, person, fact.distinct_id, fact.version, fact.kind == "joined", fact.identified)


def absorbed(changes: Sequence[RegistersChange | MembershipChange]) -> bytes | None:
    person = None
    for change in changes:
        before, members = person, Members(person)
        changed = members.absorb(change, RULES)
        person = members.encoded()
        assert changed == (person != before)
    return person


def assert_is(person: bytes, expected: reference.Person) -> None:
    row = Members(person).snapshot(RULES)
    assert row.properties == text(expected.properties)
    assert (row.created_at, row.identified) == (expected.created_at, expected.identified)
    assert (row.is_deleted, row.distinct_ids) == (expected.is_deleted, expected.distinct_ids)


@st.composite
def arbitrary_facts(draw: st.DrawFn) -> list[Fact]:
    """Facts that no sane upstream would send together: the state must not depend on its sanity."""
    said = draw(histories())
    facts = []
    for _ in range(draw(st.integers(2, 7))):
        name = draw(st.sampled_from(["ada", "bob"]))
        fact = Fact(
            draw(st.sampled_from(["sent", "joined", "left"])),
            name,
            draw(st.integers(0, 2)),
            name == "ada",
            identified=draw(st.booleans()),
            said=tuple(one for one in said if draw(st.booleans())),
            created_at=draw(st.integers(0, 2)),
        )
        facts.append(fact)
    return facts


@given(arbitrary_facts(), st.randoms(use_true_random=False))
def test_any_changes_in_any_order_and_repeated_give_the_same_person(facts: list[Fact], chance: random.Random) -> None:
    ada = person_id(PROJECT, "ada")
    changes = [change_of(fact, ada) for fact in facts]
    mixed = changes + [change for change in changes if chance.random() < 0.3]
    chance.shuffle(mixed)

    person = absorbed(mixed)

    assert person is not None
    assert person == absorbed(changes)
    assert_is(person, reference.person(facts, RULES.keys_max, RULES.value_bytes_max, RULES.bytes_max))


@given(arbitrary_facts(), st.lists(st.integers(0, 7), max_size=3))
def test_whoever_hears_only_what_is_news_knows_the_person_in_the_end(facts: list[Fact], cuts: list[int]) -> None:
    changes = [change_of(fact, person_id(PROJECT, "ada")) for fact in facts]
    ends = sorted({*cuts, len(changes)})
    person, row, views = None, PersonRow(b"{}", 0, False, True, []), dict.fromkeys(("ada", "bob"), b"")
    sent_as_of: dict[str, int] = {}

    for start, end in zip([0, *ends], ends, strict=False):
        members = Members(person)
        for change in changes[start:end]:
            name, version, before = change.distinct_id, change.mapping_version, sent_as_of.get(change.distinct_id, -2)
            if not members.absorb(change, RULES) or version <= before:
                continue
            if isinstance(change, RegistersChange):
                # Its mapping was another until now, and what it was told is gone.
                sent_as_of[name], views[name] = version, b""
            elif not change.joined:
                # It will send its registers again once it hears that it is back.
                sent_as_of.pop(name, None)
        now = members.snapshot(RULES)
        views |= dict.fromkeys(members.unaware(), now.properties)
        row = now if members.looks_different else row
        person = members.encoded()

    assert row == now
    assert all(views[name] == now.properties for name in members.audience() if name in sent_as_of)


class World:
    """Resolve and identify as they talk to people, with mappings that arrive late at resolve."""

    def __init__(self) -> None:
        self.version = 0
        self.owner = {name: name for name in IDS}
        self.identified = dict.fromkeys(IDS, False)
        self.said: dict[str, list[Said]] = {name: [] for name in IDS}
        self.known_owner = {name: (name, -1) for name in IDS}
        self.on_the_way: dict[str, list[tuple[str, int]]] = {name: [] for name in IDS}
        self.changes: list[RegistersChange | MembershipChange] = []

    def event(self, name: str, said: Said) -> None:
        self.said[name].append(said)
        self.send(name)

    def send(self, name: str) -> None:
        owner, version = self.known_owner[name]
        created_at = min((said.timestamp for said in self.said[name]), default=0)
        registers = registers_of(self.said[name])
        change = RegistersChange(PROJECT, person_id(PROJECT, owner), name, version, registers, created_at)
        self.changes.append(change)

    def move(self, name: str, owner: str, identified: bool) -> None:
        """Identify applies a claim or a block: an id changes its person, and all members hear who is identified."""
        self.version += 1
        if self.owner[name] != owner:
            self.member(name, joined=False)
            self.owner[name] = owner
        self.identified[owner] = identified
        for member in IDS:
            if self.owner[member] == owner:
                self.member(member, joined=True)
                self.on_the_way[member].append((owner, self.version))

    def member(self, name: str, joined: bool) -> None:
        person = person_id(PROJECT, self.owner[name])
        identified = self.identified[self.owner[name]]
        self.changes.append(MembershipChange(PROJECT, person, name, self.version, joined, identified))

    def arrive(self, name: str) -> None:
        """Resolve hears of a mapping; it sends the registers again only if the person is another one."""
        if self.on_the_way[name]:
            before = self.known_owner[name]
            self.known_owner[name] = self.on_the_way[name].pop(0)
            if self.known_owner[name][0] != before[0]:
                self.send(name)

    def expected(self, owner: str) -> reference.Person:
        members = [name for name in IDS if self.owner[name] == owner]
        said = [one for name in members for one in self.said[name]]
        created_at = min((one.timestamp for one in said), default=0)
        return reference.Person(
            reference.properties(said, RULES.keys_max, RULES.value_bytes_max, RULES.bytes_max),
            created_at,
            bool(members) and self.identified[owner],
            created_at == 0,
            [name for name in members if self.said[name] or name != owner],
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    steps = st.sampled_from(["event", "event", "move", "move", "arrive", "arrive"])
    for uuid, step in enumerate(draw(st.lists(steps, min_size=1, max_size=14))):
        name = draw(st.sampled_from(IDS))
        if step == "event":
            unset = tuple(draw(st.lists(names, max_size=1)))
            world.event(name, Said(draw(moments), bytes([uuid + 1]) * 16, draw(objects), draw(objects), unset))
        elif step == "move":
            world.move(name, draw(st.sampled_from(IDS)), draw(st.booleans()))
        else:
            world.arrive(name)
    for name in IDS:
        while world.on_the_way[name]:
            world.arrive(name)
    return world


@given(worlds(), st.randoms(use_true_random=False))
def test_people_are_what_their_members_said_however_merges_and_splits_arrive(
    world: World, chance: random.Random
) -> None:
    mixed = world.changes + [change for change in world.changes if chance.random() < 0.2]
    chance.shuffle(mixed)

    for owner in IDS:
        own = [change for change in mixed if change.person_id == person_id(PROJECT, owner)]
        person = absorbed(own)
        if person is None:
            assert world.expected(owner).is_deleted
            continue
        assert_is(person, world.expected(owner))
        members = [name for name in IDS if world.owner[name] == owner]
        assert Members(person).audience() == (members if len({change.distinct_id for change in own}) > 1 else [])

"""People: what a property is worth, who belongs to a person, and the limits."""

import itertools

import msgspec
import pytest

from pipeline.people import (
    Members,
    MembershipChange,
    PeopleRules,
    PersonRow,
    PropertyEvent,
    RegistersChange,
    decode_registers,
    encode_registers,
    joined,
    learn,
    overlaid,
    shown,
    view,
)
from pipeline.registers import TOO_LARGE, TOO_MANY
from schemas.identifiers import person_id

RULES = PeopleRules()
PROJECT = 7
ADA = person_id(PROJECT, "ada")


def said(at: int, number: int = 1, *, set: str = "", once: str = "", unset: str = "") -> PropertyEvent:
    return PropertyEvent(at, number.to_bytes(16), set.encode(), once.encode(), unset.encode())


def seen(*events: PropertyEvent, rules: PeopleRules = RULES) -> bytes:
    return view(learn(b"", events, rules).registers, rules)


def test_the_latest_set_counts_whenever_it_arrives() -> None:
    assert seen(said(2, set='{"a":2}'), said(1, set='{"a":1}')) == b'{"a":2}'


def test_of_two_sets_at_one_time_the_larger_event_uuid_counts() -> None:
    assert seen(said(1, 9, set='{"a":1}'), said(1, 8, set='{"a":8}')) == b'{"a":1}'


def test_the_earliest_set_once_counts_until_there_is_a_set() -> None:
    once = [said(2, once='{"a":"late"}'), said(1, once='{"a":"early"}')]

    assert seen(*once) == b'{"a":"early"}'
    assert seen(*once, said(0, set='{"a":"set"}')) == b'{"a":"set"}'


def test_unset_beats_set_in_one_event() -> None:
    assert seen(said(1, set='{"a":1,"b":2}', unset='["a"]')) == b'{"b":2}'


def test_after_unset_only_set_brings_a_property_back() -> None:
    gone = [said(1, once='{"a":1}'), said(2, unset='["a"]'), said(3, once='{"a":3}')]

    assert seen(*gone) == b"{}"
    assert seen(*gone, said(4, set='{"a":4}')) == b'{"a":4}'


def test_null_is_a_value() -> None:
    assert seen(said(1, set='{"a":null}'), said(0, set='{"a":1}')) == b'{"a":null}'


def test_values_stay_as_they_were_sent() -> None:
    sent = '{"b":1e400,"a":123456789012345678901234567890,"c":[1.0, "\\u00e9"],"\\u0022é":-0}'

    assert seen(said(1, set=sent)) == (
        '{"\\"é":-0,"a":123456789012345678901234567890,"b":1e400,"c":[1.0, "\\u00e9"]}'.encode()
    )


def test_two_ids_with_one_event_uuid_join_the_same_way_round() -> None:
    parts = [learn(b"", [said(1, set=f'{{"a":{n}}}', once=f'{{"b":{n}}}')], RULES).registers for n in (1, 2)]
    unset = learn(b"", [said(1, unset='["a"]')], RULES).registers

    assert view(joined(parts, RULES), RULES) == view(joined(parts[::-1], RULES), RULES) == b'{"a":2,"b":1}'
    assert view(joined([unset, *parts], RULES), RULES) == view(joined([*parts, unset], RULES), RULES) == b'{"b":1}'


def test_an_event_without_properties_costs_nothing_and_changes_nothing() -> None:
    learned = learn(b"not even read", [said(1)], RULES)

    assert (learned.registers, learned.changed, learned.warnings) == (b"not even read", False, [])


def test_a_later_event_with_the_same_value_is_a_change() -> None:
    first = learn(b"", [said(1, set='{"a":1}')], RULES)

    assert first.changed
    assert learn(first.registers, [said(2, set='{"a":1}')], RULES).changed
    assert not learn(first.registers, [said(1, set='{"a":1}')], RULES).changed


@pytest.mark.parametrize("field", ["set", "once"])
def test_a_value_over_the_limit_is_refused_and_the_older_one_stays(field: str) -> None:
    rules = PeopleRules(value_bytes_max=3)
    fits = learn(b"", [said(1, **{field: '{"a":"1"}'})], rules)
    learned = learn(fits.registers, [said(0), said(2, **{field: '{"a":"22","b":1}'})], rules)

    assert view(learned.registers, rules) == b'{"a":"1","b":1}'
    [(index, code, message)] = learned.warnings
    assert (index, code) == (1, TOO_LARGE)
    assert "'a'" in message
    assert "3 bytes (people.value_bytes_max)" in message


def test_a_uuid_decides_only_where_the_timestamps_are_equal() -> None:
    assert seen(said(1, 9, once='{"a":9}'), said(1, 8, once='{"a":8}'), said(2, 1, once='{"a":1}')) == b'{"a":8}'


def test_a_name_over_the_limit_is_refused_in_every_field() -> None:
    rules = PeopleRules(value_bytes_max=3)

    learned = learn(b"", [said(1, set='{"éé":1}', once='{"éé":1}', unset='["éé","é"]')], rules)

    assert list(decode_registers(learned.registers)) == ["é"]
    assert [code for _, code, _ in learned.warnings] == [TOO_LARGE] * 3


def test_only_the_smallest_names_are_kept_and_unset_ones_take_a_place() -> None:
    rules = PeopleRules(keys_max=2)

    learned = learn(b"", [said(1, set='{"b":1,"d":1}'), said(2, unset='["a","c"]')], rules)

    assert view(learned.registers, rules) == b'{"b":1}'
    [(index, code, message)] = learned.warnings
    assert (index, code) == (1, TOO_MANY)
    assert message.startswith("over 2 person properties (people.keys_max) or ")
    assert ": 2 not kept, from 'c' on" in message


def test_the_join_keeps_the_smallest_names_of_all() -> None:
    rules = PeopleRules(keys_max=2)
    parts = [learn(b"", [said(1, set=one)], rules).registers for one in ('{"a":1,"d":1}', '{"b":1,"c":1}')]

    assert view(joined(parts, rules), rules) == b'{"a":1,"b":1}'


def test_the_view_ends_at_the_first_property_without_room() -> None:
    registers = learn(b"", [said(1, set='{"a":1,"b":"long","c":1}')], RULES).registers
    exactly = len(b'{"a":1,"b":"long"}')

    assert shown(registers, PeopleRules(view_bytes_max=exactly)) == (b'{"a":1,"b":"long"}', 1)
    assert shown(registers, PeopleRules(view_bytes_max=exactly - 1)) == (b'{"a":1}', 2)
    assert shown(registers, PeopleRules(view_bytes_max=exactly + 6)) == (b'{"a":1,"b":"long","c":1}', 0)


def test_names_are_in_the_order_of_their_characters_wherever_they_are_written() -> None:
    names = sorted(["", "Z", "a", "aa", "\u00e9", "\uffff", "\U00010000", '"'])
    registers = learn(
        b"", [said(1, set=msgspec.json.encode(dict.fromkeys(reversed(names), 1)).decode())], RULES
    ).registers

    assert list(decode_registers(registers)) == names
    assert list(msgspec.json.decode(view(registers, RULES))) == names
    assert list(msgspec.json.decode(overlaid(view(registers, RULES), b'{"Z":2}', b"", b""))) == names


def test_nothing_known_is_no_bytes_and_an_empty_view() -> None:
    assert encode_registers({}) == joined([], RULES) == joined([b"", b""], RULES) == b""
    assert view(b"", RULES) == b"{}"


def test_equal_registers_are_equal_bytes() -> None:
    events = [said(1, set='{"b":1}'), said(1, set='{"a":1}', unset='["c"]')]
    learned = learn(b"", events, RULES)

    assert learned.registers == learn(b"", events[::-1], RULES).registers
    assert encode_registers(decode_registers(learned.registers)) == learned.registers


def test_what_is_not_json_is_a_bug_and_raises() -> None:
    with pytest.raises(msgspec.DecodeError):
        learn(b"", [said(1, set="{")], RULES)


def test_an_event_carries_its_own_changes_over_the_view() -> None:
    known = b'{"a":1,"b":2,"c":3}'

    assert overlaid(known, b'{"b":20,"d":1}', b'{"a":9,"e":5}', b'["c","d"]') == b'{"a":1,"b":20,"e":5}'
    assert overlaid(known, b"", b"", b"") == known
    assert overlaid(b"", b"", b"", b"") == b"{}"
    assert overlaid(b"", b"", b'{"a":1}', b"") == b'{"a":1}'


def test_the_overlay_keeps_the_limits() -> None:
    rules = PeopleRules(keys_max=2, value_bytes_max=3, view_bytes_max=14)

    assert overlaid(b'{"b":1}', b'{"a":"22"}', b'{"c":333,"d":1}', b"", rules) == b'{"b":1}'
    assert overlaid(b'{"b":1}', b'{"a":2,"c":3}', b"", b"", rules) == b'{"a":2,"b":1}'


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="keys"):
        msgspec.convert({"keys": 1}, PeopleRules)


Change = RegistersChange | MembershipChange


def sent(name: str, version: int = -1, value: int = 1, created_at: int = 5, person: bytes = ADA) -> Change:
    registers = learn(b"", [said(value, set=f'{{"{name}":{value}}}')], RULES).registers
    return RegistersChange(PROJECT, person, name, version, registers, created_at)


def member(name: str, version: int, joined: bool = True, identified: bool = False) -> Change:
    return MembershipChange(PROJECT, ADA, name, version, joined, identified)


def absorb(person: bytes | None, change: Change) -> tuple[bytes, bool]:
    members = Members(person)
    changed = members.absorb(change, RULES)
    return members.encoded(), changed


def snapshot(person: bytes, rules: PeopleRules = RULES) -> PersonRow:
    return Members(person).snapshot(rules)


def audience(person: bytes) -> list[str]:
    return Members(person).audience()


def person_of(*changes: Change) -> bytes:
    """The person after the changes, which must be the same in every order, and which no repeat may change."""
    results = set()
    for order in itertools.permutations(changes):
        person: bytes | None = None
        for change in order:
            person, _ = absorb(person, change)
        assert not any(absorb(person, change)[1] for change in order)
        results.add(person)
    [person] = results
    assert person is not None
    return person


def test_somebody_alone_is_its_own_registers() -> None:
    row = snapshot(person_of(sent("ada")))

    assert (row.properties, row.created_at, row.identified, row.is_deleted) == (b'{"ada":1}', 5, False, False)
    assert (row.distinct_ids, row.left_out) == (["ada"], 0)


def test_a_merge_joins_properties_and_takes_the_earliest_creation() -> None:
    person = person_of(
        sent("ada"), member("ada", 3, identified=True), member("bob", 3, identified=True), sent("bob", 3, 2, 4)
    )

    row = snapshot(person)
    assert (row.properties, row.created_at, row.identified) == (b'{"ada":1,"bob":2}', 4, True)
    assert row.distinct_ids == audience(person) == ["ada", "bob"]


def test_a_split_gives_back_exactly_what_was_there_before() -> None:
    alone = snapshot(person_of(sent("ada")))
    person = person_of(sent("ada"), member("bob", 3), sent("bob", 3), member("bob", 8, joined=False))

    assert snapshot(person) == alone
    assert audience(person) == ["ada"]


def test_what_an_id_sends_before_it_hears_that_it_left_is_ignored() -> None:
    person = person_of(sent("ada"), member("ada", 3, joined=False), sent("ada", 2, 9))

    row = snapshot(person)
    assert (row.properties, row.is_deleted, row.distinct_ids) == (b"{}", True, [])
    assert audience(person) == []


def test_an_id_may_come_back_with_what_it_says_then() -> None:
    person = person_of(
        sent("ada"), member("ada", 3, joined=False), member("ada", 8, identified=True), sent("ada", 8, 2)
    )

    row = snapshot(person)
    assert (row.properties, row.identified, row.is_deleted) == (b'{"ada":2}', True, False)
    assert audience(person) == []


def test_an_id_counted_in_again_keeps_the_registers_it_sent_before() -> None:
    person = person_of(sent("ada"), member("ada", 3), member("ada", 8, identified=True))

    row = snapshot(person)
    assert (row.properties, row.identified) == (b'{"ada":1}', True)


def test_the_newest_word_on_identified_counts() -> None:
    assert not snapshot(person_of(member("ada", 3, identified=True), member("ada", 8))).identified
    assert snapshot(person_of(member("ada", 8, identified=True), member("ada", 8))).identified
    assert not snapshot(person_of(member("ada", 3, identified=True), member("ada", 8, joined=False))).identified


def test_the_highest_version_of_registers_wins_and_one_version_is_joined() -> None:
    person = person_of(sent("ada", 3, 9, 1), sent("ada", 4, 1, 0), sent("ada", 4, 2, 7), sent("ada", 4, 3, 6))

    row = snapshot(person)
    assert (row.properties, row.created_at) == (b'{"ada":3}', 6)


def test_registers_alone_tell_that_an_id_came_back() -> None:
    person = person_of(member("bob", 3), member("bob", 5, joined=False), sent("bob", 8))

    assert snapshot(person).distinct_ids == ["bob"]


def test_facts_of_the_version_of_a_departure_are_kept() -> None:
    person = person_of(member("bob", 3, joined=False), member("bob", 3, identified=True), sent("bob", 3))

    row = snapshot(person)
    assert (row.properties, row.identified, row.distinct_ids) == (b'{"bob":1}', True, ["bob"])


def test_a_member_that_sent_nothing_has_a_row_only_in_the_person_of_another_id() -> None:
    row = snapshot(person_of(member("ada", 3), member("bob", 3)))

    assert (row.is_deleted, row.created_at, row.distinct_ids) == (True, 0, ["bob"])


def test_a_person_without_members_is_deleted_and_stays_a_row() -> None:
    row = snapshot(person_of(member("bob", 3, joined=False)))

    assert (row.is_deleted, row.properties, row.identified, row.distinct_ids) == (True, b"{}", False, [])


def test_stale_and_repeated_changes_say_that_nothing_changed() -> None:
    person = person_of(sent("ada", 5), member("ada", 5), member("bob", 5, joined=False))

    for change in (sent("ada", 5), sent("ada", 4), member("ada", 5), member("ada", 4), member("bob", 5, False)):
        assert absorb(person, change) == (person, False)


def test_a_full_view_says_how_much_it_left_out() -> None:
    person = person_of(sent("ada"), sent("bob"))

    assert snapshot(person, PeopleRules(view_bytes_max=11)).left_out == 1

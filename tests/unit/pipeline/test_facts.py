"""Facts beside the events: what is sent is what is taken, in the partitions of its keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.facts import routed, sent, taken
from pipeline.routing import partitions_of
from schemas.batches import SCHEMAS, from_wire, to_wire

MAPPING = st.tuples(
    st.integers(0, 3), st.sampled_from(["ada", "é", ""]), st.binary(min_size=16, max_size=16), st.booleans(), st.just(7)
)
WARNING = (1, "ada", "split", "why", bytes(range(16)), 1_790_000_000_123_456)


@given(st.lists(MAPPING, max_size=30), st.integers(1, 5))
def test_routed_facts_keep_their_order_in_the_partition_of_their_key(
    facts: list[tuple[int, str, bytes, bool, int]], partitions: int
) -> None:
    keys = [fact[1].encode() for fact in facts]
    homes = partitions_of(keys, partitions).tolist()

    found = {one.partition: one for one in routed("identity.mappings", facts, keys, partitions)}

    assert sorted(found) == sorted(set(homes))
    for home, one in found.items():
        rows = from_wire(to_wire(one.rows), SCHEMAS["identity.mappings"])
        assert list(taken(rows)) == [fact for fact, other in zip(facts, homes, strict=True) if other == home]


def test_times_are_microseconds_on_both_sides() -> None:
    [one] = sent("ingestion.warnings", 3, [WARNING])

    assert one.partition == 3
    assert one.rows.schema == SCHEMAS["ingestion.warnings"]
    assert list(taken(one.rows)) == [WARNING]


def test_lists_and_parts_of_a_batch_come_back_as_well() -> None:
    persons = [(1, bytes([n]) * 16, n, 5, True, False, b"{}", ["ada", "bob"][:n]) for n in range(3)]

    [one] = sent("persons", 0, persons)

    assert list(taken(one.rows.slice(1, 2))) == persons[1:]


def test_nothing_to_say_is_no_message() -> None:
    assert sent("persons", 0, []) == routed("identity.mappings", [], [], 8) == []


def test_an_id_of_another_length_is_a_bug_and_raises() -> None:
    with pytest.raises(AssertionError, match="16 bytes"):
        sent("identity.mappings", 0, [(1, "ada", bytes(17), False, 7)])

"""The law of people on the whole path: any order, cut and number of partitions gives what the sorted history gives."""

import random
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.people_histories import History, some_history
from tests.laws.people_model import NO_FAULTS, Faults
from tests.laws.people_runs import LIMITS, Run, compared
from tests.reference.identity_reference import Split
from tests.reference.path_reference import Event, Limits

START = 1_600_000_000_000_000
MINUTE = 60_000_000
DAY_MS = 86_400_000
REPEATS = Faults(repeat=0.2)
IDS: list[Any] = ["ada", "bob", "eve", "anon", 7]
OTHERS: list[Any] = [*IDS, *IDS, *IDS, None, "", "anonymous", " 'null' ", ["ada"], "x" * 201]
MOMENTS = [START + at for minutes in (0, 30, 31, 60) for at in (minutes * MINUTE, minutes * MINUTE + 1)]
SETS = [{}, {"plan": "a"}, {"plan": "b", "zip": None}, {"city": [1], "plan": 3}]
CLAIMS = ["$identify", "$identify", "$create_alias", "$merge_dangerously", "$pageview", "$pageview"]
SAYINGS: list[dict[str, Any]] = [
    *[{}] * 6,
    {"personless": True},
    {"session": "s1"},
    {"late_ms": DAY_MS},
    {"late_ms": DAY_MS + 1},
    {"late_ms": 2 * DAY_MS, "historical": True},
]


@st.composite
def events(draw: st.DrawFn, ids: list[Any], uuids: list[int]) -> Event:
    event = Event(
        draw(st.sampled_from(ids)),
        draw(st.sampled_from(uuids)),
        draw(st.sampled_from(MOMENTS)),
        draw(st.sampled_from(CLAIMS)),
        set=draw(st.sampled_from(SETS)),
        set_once=draw(st.sampled_from(SETS)),
        unset=draw(st.sampled_from([(), (), ("plan",), ("zip", "city")])),
    )
    if event.name != "$pageview":
        event = event._replace(other=draw(st.sampled_from(OTHERS)))
    return event._replace(**draw(st.sampled_from(SAYINGS)))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Events in the order of arrival, which says nothing about times; what is behind the splits comes after them."""
    ids = IDS[: draw(st.integers(2, len(IDS)))]
    found: dict[tuple[str, int], Event] = {}
    for event in draw(st.lists(events(ids, [1, 2, 3, 4, 5, 6, 7, 8]), min_size=1, max_size=9)):
        found.setdefault((str(event.distinct_id), event.uuid), event)
    arriving = list(found.values())
    if not draw(st.booleans()):
        return History(arriving)
    at = draw(st.integers(0, len(arriving)))
    blocks = draw(
        st.lists(st.builds(Split, st.sampled_from(list(map(str, ids))), st.sampled_from(MOMENTS)), max_size=2)
    )
    return History(arriving[:at], blocks, arriving[at:])


limits = st.builds(
    lambda sizes, names: Limits(*sizes, stale_days=1, keys_max=names),
    st.sampled_from(LIMITS),
    st.sampled_from([1_000, 2]),
)


@given(
    st.lists(histories(), min_size=1, max_size=10),
    limits,
    st.sampled_from([1, 2, 4]),
    st.integers(0, 2**32),
    st.sampled_from([NO_FAULTS, REPEATS]),
)
def test_any_order_cut_anywhere_and_over_any_partitions_gives_what_the_sorted_history_gives(
    found: list[History], some: Limits, partitions: int, seed: int, faults: Faults
) -> None:
    # Each as it arrives and in another order, beside each other.
    numbered = dict(enumerate([*found, *map(another_order, found, range(seed, seed + len(found)))]))

    run = Run(some, partitions, seed, faults, shuffled=False, copies=0.2 if faults.repeat else 0.0)

    assert not compared(numbered, run)


def another_order(history: History, seed: int) -> History:
    chance = random.Random(seed)
    before, after = list(history.events), list(history.after)
    chance.shuffle(before)
    chance.shuffle(after)
    return History(before, history.splits, after)


def said(text: str) -> list[Event]:
    """`u<a i3`: at minute 3, $identify says that a is u; `a` and `d` are the other kinds; `u p1` sets at minute 1."""
    found = []
    for number, word in enumerate(text.split(", "), 1):
        pair, how = word.split()
        into, _, other = pair.partition("<")
        name = {"i": "$identify", "a": "$create_alias", "d": "$merge_dangerously", "p": "$pageview"}[how[0]]
        event = Event(
            into, number, START + int(how[1:]) * MINUTE, name, other or None, set={"by": number, into: number}
        )
        found.append(event._replace(set_once={"first": number}, unset=("plan",) if number % 2 else ()))
    return found


CURATED = {
    "two users on one device": "anon p1, u<anon i2, anon p3, v<anon i4, v p5, v<anon d6",
    "a chain with an alias against it": "a p1, b<a i2, c<b a3, d<c d4, a<d a5, c p6",
    "a circle at one moment": "b<a i1, c<b a1, a<c d1, a<b i1, c<a a1, b p1",
    "a star that fills up": "hub<a i1, hub<b i2, hub<c a3, hub<d d4, c p1, hub p6",
    "an anonymous id wanted by all": "u<anon i3, v<anon i3, w<anon a3, x<anon d4, anon< i5, anon p1",
    "a login before and after": "u< i1, u<a i2, a<u a3, v<u i4, v< i5, v<u d6",
    "repeats at other times": "u<a i5, u<a i3, v<a i4, v<a i6, u<a i1, a p2",
    "seven, refused and then allowed": "u<a i1, v<a i2, v<a d3, v<u a4, w<v i5, w< i2, a p1",
}


FEW, COMMON = Limits(max_distinct_ids=2), Limits(too_common=2)
LIMITED = [("a star that fills up", FEW), ("a star that fills up", COMMON), ("an anonymous id wanted by all", COMMON)]


@pytest.mark.parametrize(("name", "rules"), [*((name, Limits()) for name in CURATED), *LIMITED], ids=str)
def test_every_order_of_a_curated_history_gives_the_same(name: str, rules: Limits) -> None:
    orders = [History(list(order)) for order in permutations(said(CURATED[name]))]
    for seed, start in enumerate(range(0, len(orders), 180)):
        some = dict(enumerate(orders[start : start + 180]))

        assert not compared(some, Run(rules, partitions=(1, 2, 4)[seed % 3], seed=seed, shuffled=False))


@pytest.mark.parametrize("at", range(6))
def test_every_order_around_a_split_gives_what_the_rules_promise(at: int) -> None:
    found = said("u<a i1, a p2, u<a i5, b<u a3, u<c d4")
    for recorded_at in (0, 3, 9):
        splits = [Split("u", START + recorded_at * MINUTE)]
        orders = [History(order[:at], splits, order[at:]) for order in permutations(found)]

        assert not compared(dict(enumerate(orders)), Run(Limits(), 2, seed=at, shuffled=False))


def test_whoever_has_a_clock_that_was_never_set_is_somebody() -> None:
    found = [
        Event("anon", 1, 0, set={"plan": 1}),
        Event("anon", 2, MINUTE),
        Event("u", 3, 2 * MINUTE, "$identify", "anon"),
    ]
    histories = {number: History(list(order)) for number, order in enumerate(permutations(found))}

    assert not compared({**histories, 6: History(found[:1])}, Run(Limits(), 2, 1, shuffled=False))


def test_the_same_seed_gives_the_same_run() -> None:
    chance = random.Random(7)
    found = {number: some_history(chance) for number in range(20)}

    # Nothing that differs from run to run may decide: no clock, no hash of a text.
    assert compared(found, Run(Limits(), 4, 3, REPEATS)) == compared(found, Run(Limits(), 4, 3, REPEATS)) == {}

"""The law of what is known of an id: one value, read and written once, says what its parts say by themselves."""

import random
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from pipeline import known as known_module
from pipeline.dedupe import DedupRules
from pipeline.known import GIVEN, PERSONLESS, Known, KnownRules
from pipeline.known_value import known_key, mapped, person_of, read_value
from pipeline.learned import Learned
from pipeline.sessions import LATE, SessionRules, place, session_uuid, without_old
from pipeline.sweep import Sweep

RULES = KnownRules(DedupRules(window_s=40, per_distinct_id_max=64), SessionRules(gap_s=3, lateness_s=20))
"""Small, so that visits are forgotten while others grow, and uuids while others come."""
SECOND = 1_000_000
KEY = b"1:ada"
steps = st.lists(
    st.tuples(st.integers(-15, 15), st.integers(0, 40), st.sampled_from([0, 0, 0, GIVEN, PERSONLESS])),
    min_size=1,
    max_size=60,
)


@given(steps, st.integers(0, 2**32))
def test_visits_repeats_and_age_are_those_of_the_single_parts(found: list[tuple[int, int, int]], seed: int) -> None:
    chance = random.Random(seed)
    state: dict[bytes, bytes] = {}
    sweep = Sweep(RULES.dedup)
    visits, since, seen, now, newest = b"", 0, {}, 100, 100
    for number, (ahead, uuid, mark) in enumerate(found):
        now = max(now + ahead, 50)
        newest = max(newest, now)
        known = Known(state.get, RULES)
        answer = known.learn([KEY], [uuid.to_bytes(16)], [now], [now * SECOND], [mark])
        update(state, known.changes)

        is_repeat = uuid in seen and newest - seen[uuid] <= RULES.dedup.window_s
        if is_repeat:
            # What is older than the window may be remembered a little longer, never shorter.
            assert answer.repeats.tolist() == [True]
        if answer.repeats.tolist() == [True]:
            assert uuid in seen
            continue
        seen[uuid] = now
        start = LATE
        if not mark & GIVEN:
            visits, start, _ = place(visits, now * SECOND, RULES.sessions)
        assert answer.starts.tolist() == [start]
        if not mark & PERSONLESS:
            since = min(since or now * SECOND, now * SECOND)
        assert person_of(KEY, state[known_key(KEY)])[2] == since
        if chance.random() < 0.1:
            value = mapped(KEY, state[known_key(KEY)], bytes([number]) * 16, identified=True, version=number)
            state[known_key(KEY)] = value or state[known_key(KEY)]
        update(state, sweep.step(lambda: iter(list(state.items())), state.get, newest - RULES.dedup.window_s))


batches = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 6),
            st.integers(0, 80),
            st.integers(0, 30),
            st.sampled_from([0, 0, 0, GIVEN, PERSONLESS, GIVEN | PERSONLESS]),
        ),
        max_size=12,
    ),
    min_size=1,
    max_size=8,
)


busy = st.lists(st.sampled_from([0, 0, 1, 31, 32, 33, 70]), min_size=7, max_size=7)
"""How many events each id has sent before: a chunk of recent uuids is full at 32, and sealed with the next one."""


@given(busy, batches, st.integers(0, 2**32))
def test_events_decided_together_are_decided_as_one_by_one(
    counts: list[int], found: list[list[tuple[int, int, int, int]]], seed: int
) -> None:
    chance = random.Random(seed)
    together: dict[bytes, bytes] = {}
    before = [(name, number, 10, GIVEN) for name, count in enumerate(counts) for number in range(count)]
    learned(before, 0, together, len(before) + 1)
    alone = dict(together)
    for number, batch in enumerate(found):
        one, other = learned(batch, number, together, 1), learned(batch, number, alone, len(batch) + 1)

        assert one == other
        assert parts(together) == parts(alone)
        for key in [f"1:{name}".encode() for name in range(7) if chance.random() < 0.1]:
            for state in (together, alone):
                value = mapped(key, state.get(known_key(key)), bytes([number]) * 16, bool(number % 2), number)
                state[known_key(key)] = value or state[known_key(key)]


def learned(batch: list[tuple[int, int, int, int]], number: int, state: dict[bytes, bytes], least: int) -> object:
    """All that a batch of (id, uuid, second, marks) tells; together where there are at least so many different ids."""
    keys = [f"1:{name}".encode() for name, *_ in batch]
    seconds, times = [100 + 20 * number] * len(batch), [second * SECOND for _, _, second, _ in batch]
    known = Known(state.get, RULES)
    before, known_module._TOGETHER_MIN = known_module._TOGETHER_MIN, least
    try:
        uuids = [blake2b(b"%d" % uuid, digest_size=16).digest() for _, uuid, _, _ in batch]
        answer = known.learn(keys, uuids, seconds, times, [mark for *_, mark in batch])
    finally:
        known_module._TOGETHER_MIN = before
    update(state, known.changes)
    assert_sessions_are_named_by_their_starts(answer, keys)
    facts = zip(answer.facts.rows, answer.facts.starts, answer.facts.ids, answer.facts.dead, strict=True)
    kept = answer.kept()
    columns = (answer.repeats, kept.starts, kept.sessions, kept.people, kept.identified, kept.described)
    return [column.tolist() for column in columns], sorted(facts), answer.created


def assert_sessions_are_named_by_their_starts(answer: Learned, keys: list[bytes]) -> None:
    for key, start, session, is_repeat in zip(keys, answer.starts, answer.sessions, answer.repeats, strict=True):
        if not is_repeat:
            assert bytes(session) == (bytes(16) if start == LATE else session_uuid(key, int(start)))
    for row, start, session in zip(answer.facts.rows, answer.facts.starts, answer.facts.ids, strict=True):
        assert session == session_uuid(keys[row], start)


def parts(state: dict[bytes, bytes]) -> dict[bytes, object]:
    """The state, without visits that no event can touch any more: they leave when another visit begins, or before."""
    found: dict[bytes, object] = {}
    for key, value in state.items():
        if key.startswith(b"d"):
            known = read_value(value)
            newest = int.from_bytes(known.sessions[-8:], signed=True)
            known.sessions = without_old(known.sessions[:-16], newest, RULES.sessions) + known.sessions[-16:]
            found[key] = known
        else:
            found[key] = value
    return found


def update(state: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> None:
    for key, value in changes.items():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value

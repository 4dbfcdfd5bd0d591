"""The law of what is known of an id: one value, read and written once, says what its parts say by themselves."""

import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.dedupe import DedupRules
from pipeline.known import GIVEN, PERSONLESS, Known, KnownRules, Sweep, known_key, mapped, person_of
from pipeline.sessions import LATE, SessionRules, place

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
            assert answer.repeats == [True]
        if answer.repeats == [True]:
            assert uuid in seen
            continue
        seen[uuid] = now
        start = LATE
        if not mark & GIVEN:
            visits, start, _ = place(visits, now * SECOND, RULES.sessions)
        assert answer.starts == [start]
        if not mark & PERSONLESS:
            since = min(since or now * SECOND, now * SECOND)
        assert person_of(KEY, state[known_key(KEY)])[2] == since
        if chance.random() < 0.1:
            value = mapped(state[known_key(KEY)], bytes([number]) * 16, identified=True, version=number)
            state[known_key(KEY)] = value or state[known_key(KEY)]
        update(state, sweep.step(lambda: iter(list(state.items())), state.get, newest - RULES.dedup.window_s))


def update(state: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> None:
    for key, value in changes.items():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value

"""Recent uuids per distinct id: what is remembered, for how long, and what it costs."""

from pipeline.dedupe import EMPTY, DedupRules
from pipeline.known import GIVEN, PERSONLESS, Known, KnownRules
from pipeline.known_value import read_value
from pipeline.outcome import Read
from pipeline.sessions import SessionRules
from pipeline.sweep import Sweep

HOUR = 3600
DAY = 24 * HOUR


class Kept(dict[bytes, bytes]):
    """State as a plain dictionary; every batch sees what the ones before it changed."""

    def seen(self, key: bytes, uuid: bytes, at_s: int, rules: DedupRules | None = None) -> bool:
        known = known_by(self.get, rules)
        [answer] = known.learn([key], [uuid], [at_s], [0], [GIVEN | PERSONLESS]).repeats
        self.take(known.changes)
        return bool(answer)

    def take(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.pop(key, None)
            else:
                self[key] = value


def known_by(read: Read, rules: DedupRules | None = None) -> Known:
    return Known(read, KnownRules(dedup=rules or DedupRules(), sessions=SessionRules()))


def uuid(number: int) -> bytes:
    return number.to_bytes(16)


def test_the_second_copy_within_the_window_is_a_repeat() -> None:
    state = Kept()

    assert not state.seen(b"1:a", uuid(1), 1000)
    assert state.seen(b"1:a", uuid(1), 1000 + DAY)


def test_a_copy_after_the_window_is_new_again_and_remembered_again() -> None:
    state = Kept()
    state.seen(b"1:a", uuid(1), 1000)

    assert not state.seen(b"1:a", uuid(1), 1001 + DAY)
    assert state.seen(b"1:a", uuid(1), 1002 + DAY)


def test_another_distinct_id_may_use_the_same_uuid() -> None:
    state = Kept()
    state.seen(b"1:a", uuid(1), 1000)

    assert not state.seen(b"1:b", uuid(1), 1000)


def test_repeats_inside_one_batch_are_seen() -> None:
    known = known_by({}.get)

    assert known.learn([b"1:a"] * 2, [uuid(1)] * 2, [5, 5], [0, 0], [0, 0]).repeats.tolist() == [False, True]


def test_a_busy_id_rewrites_at_most_one_small_chunk_for_an_event() -> None:
    state = Kept()
    for number in range(500):
        known = known_by(state.get)
        assert known.learn([b"1:a"], [uuid(number)], [1000], [0], [0]).repeats.tolist() == [False]
        assert sum(len(value or b"") for value in known.changes.values()) <= 2 * 700
        state.take(known.changes)

    assert all(state.seen(b"1:a", uuid(number), 1000) for number in range(500))


def test_only_the_newest_are_kept_beyond_the_limit() -> None:
    state, rules = Kept(), DedupRules(per_distinct_id_max=64)
    for number in range(300):
        state.seen(b"1:a", uuid(number), 1000, rules)

    assert all(state.seen(b"1:a", uuid(number), 1000, rules) for number in range(236, 300))
    assert sum(map(len, state.values())) <= 3 * 700


def test_a_uuid_across_two_records_is_not_mistaken_for_one() -> None:
    state = Kept()
    first, second = b"\x00" * 8 + b"\x01" * 8, b"\x02" * 16
    state.seen(b"1:a", first, 0x03030303)
    state.seen(b"1:a", second, 0x03030303)
    between = first[4:] + b"\x03" * 4

    assert not state.seen(b"1:a", between, 0x03030303)


def test_a_sweep_forgets_ids_that_stayed_away_and_leaves_the_others() -> None:
    state = Kept()
    for number in range(100):
        state.seen(b"1:gone", uuid(number), 1000)
    state.seen(b"1:here", uuid(1), 1000 + 2 * DAY)

    state.take(Sweep(DedupRules()).step(lambda: iter(state.items()), state.get, 1000 + DAY))

    assert read_value(state.pop(b"d1:gone")).recent == EMPTY
    assert {key[1:] if key[:1] == b"d" else key[3:] for key in state} == {b"1:here"}

"""Forgetting what is recent no more, of distinct ids that send nothing any more."""

from collections.abc import Callable, Iterator

from pipeline.dedupe import EMPTY, DedupRules, newest_s, sealed_keys
from pipeline.known_value import read_value, written
from pipeline.outcome import Read

__all__ = ["Sweep"]


class Sweep:
    """Forgets the recent uuids of distinct ids that sent nothing for a whole window: a few per commit, never felt.

    An id that writes again tidies up after itself; this is for those that never do.
    """

    KEYS_PER_STEP = 500
    """At 7 commits a second a million idle ids are looked through in five minutes."""

    def __init__(self, rules: DedupRules) -> None:
        self._rules = rules
        self._left: list[bytes] = []
        self._next_round_s = 0

    def step(
        self, items: Callable[[], Iterator[tuple[bytes, bytes]]], read: Read, oldest_s: int
    ) -> dict[bytes, bytes | None]:
        """Changes that remove what was received before `oldest_s`; `read` sees uncommitted changes too."""
        if not self._left:
            if oldest_s < self._next_round_s:
                return {}
            self._next_round_s = oldest_s + self._rules.window_s // 24
            self._left = [key for key, _ in items() if key.startswith(b"d")]
        some, self._left = self._left[-self.KEYS_PER_STEP :], self._left[: -self.KEYS_PER_STEP]
        changes: dict[bytes, bytes | None] = {}
        for state_key in some:
            value = read(state_key)
            if value is None:
                continue
            known = read_value(value)
            if known.recent != EMPTY and newest_s(known.recent) < oldest_s:
                changes.update(dict.fromkeys(sealed_keys(state_key[1:], known.recent)))
                known.recent = EMPTY
                changes[state_key] = written(known)
        return changes

"""Finds the rows a server refuses: a refused part is cut at its midpoint until a refused row stands alone.

The cuts depend only on the block and each part has its own token, so doing it again after a crash lands nothing
twice. Before a large part is taken to pieces a few rows spread over it are tried: if most of them are refused, the
table is wrong and not the rows, and taking 100,000 rows to pieces would only fill the dead letters, slowly.
"""

from collections.abc import Callable

from schemas.block import Part, halves

__all__ = ["Refusals", "Send", "TooManyRefused", "sift"]

Send = Callable[[Part], str | None]
"""Hands over a part: None when it has landed, the reason when its content is refused."""
Refusals = list[tuple[Part, str]]
"""Parts of one row each, with the reasons."""

PROBES = 20
"""Enough that a table that refuses everything is told from one row in ten; each takes at most 17 inserts."""
ROWS_UNDER_THE_FUSE = 1_000
"""A smaller part may be refused whole: a handful of bad events is no sign of a wrong table."""


class TooManyRefused(Exception):
    """The fuse: more of a part is refused than can be the rows' fault. `reason` is one of the refusals."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sift(part: Part, send: Send, refused_ratio_max: float) -> Refusals:
    """Everything in the part lands but what is returned. Raises TooManyRefused, and whatever `send` raises."""
    sieve = _Sieve(send)
    reason = sieve.ask(part)
    if reason is None:
        return []
    fused = part.rows >= ROWS_UNDER_THE_FUSE
    if fused and _refused_of_probes(part, sieve) > PROBES * refused_ratio_max:
        raise TooManyRefused(reason)
    refused_max = int(part.rows * refused_ratio_max) if fused else part.rows
    refused: Refusals = []
    waiting = [part]
    while waiting:
        following = waiting.pop()
        reason = sieve.ask(following)
        if reason is None:
            continue
        if following.rows > 1:
            waiting.extend(reversed(halves(following)))
            continue
        refused.append((following, reason))
        if len(refused) > refused_max:
            raise TooManyRefused(reason)
    return refused


class _Sieve:
    """Remembers the verdicts, so that no part is sent twice."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._verdicts: dict[str, str | None] = {}

    def ask(self, part: Part) -> str | None:
        if part.path not in self._verdicts:
            self._verdicts[part.path] = self._send(part)
        return self._verdicts[part.path]


def _refused_of_probes(part: Part, sieve: _Sieve) -> int:
    """How many of PROBES rows spread evenly over the part are refused."""
    step = part.rows / PROBES
    return sum(_is_refused(part, int((number + 0.5) * step), sieve) for number in range(PROBES))


def _is_refused(part: Part, row: int, sieve: _Sieve) -> bool:
    """Follow one row down: it has landed as soon as a part that holds it has."""
    while sieve.ask(part) is not None:
        if part.rows == 1:
            return True
        first, second = halves(part)
        part, row = (first, row) if row < first.rows else (second, row - first.rows)
    return False

"""What was worked out of a text, kept for the next time: a dictionary that forgets the older half once it is full.

Keeping the order of use, as `functools.lru_cache` does, touches the neighbors of what is found, which are far apart in
memory: for thousands of texts that costs more than the few answers that have to be worked out again.
"""

from collections.abc import Callable
from itertools import islice
from typing import TypeVar

__all__ = ["Remembered"]

AnswerT = TypeVar("AnswerT")


class Remembered(dict[str, AnswerT]):
    """Ask it as a dictionary, `remembered[text]`: it calls `make` for what it does not hold, and keeps `most`."""

    def __init__(self, make: Callable[[str], AnswerT], most: int) -> None:
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, text: str) -> AnswerT:
        if len(self) >= self._most:
            for oldest in list(islice(self, max(1, self._most // 2))):
                del self[oldest]
        found = self[text] = self._make(text)
        return found

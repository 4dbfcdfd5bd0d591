"""The facts beside the events, added up: what hops told each other of people and visits is read, or lies before them.

Facts go round in a circle, from resolve to identify and back, so no order of looking gives one cut of them while they
move. They are compared where two looks, with the logs read between them, say the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from pipeline.accounts import Account
from pipeline.outcome import APPLIED, COMMAND

__all__ = ["Facts", "fact_lines", "figures"]

Reading = tuple[str, str]
"""A topic and a hop that reads it."""


class Facts(msgspec.Struct, frozen=True):
    """One topic of facts and one of its readers. At rest `sent` is `read` and `waiting`."""

    topic: str
    reader: str
    sent: int
    read: int
    waiting: int

    @property
    def missing(self) -> int:
        """Rows that were sent and are nowhere; negative where more are there than were sent."""
        return self.sent - self.read - self.waiting


class Figures(msgspec.Struct, frozen=True):
    """What the accounts say of the facts: rows sent by log, rows read by log and hop. What commands wrote, which no
    hop has sent, is left out: splits."""

    sent: dict[str, int]
    read: dict[tuple[str, str], int]


def figures(accounts: Iterable[Account]) -> Figures:
    """Added up over all hops and partitions."""
    sent: dict[str, int] = defaultdict(int)
    read: dict[tuple[str, str], int] = defaultdict(int)
    for account in accounts:
        for log in account.logs:
            commands = sum(rows for kind, _, detail, rows, _ in log.fates if (kind, detail) == (APPLIED, COMMAND))
            read[log.log, account.hop] += log.rows - commands
            for target, rows in log.sent:
                sent[target] += rows
    return Figures(dict(sent), dict(read))


def fact_lines(
    found: Figures, logs: Mapping[str, str], readers: Mapping[str, list[str]], waiting: Mapping[Reading, int]
) -> list[Facts]:
    """A line for each topic of facts and each of its readers, over the topics' present logs (topic ids)."""
    return [
        Facts(
            topic,
            reader,
            found.sent.get(logs[topic], 0),
            found.read.get((logs[topic], reader), 0),
            waiting.get((topic, reader), 0),
        )
        for topic, hops in readers.items()
        for reader in hops
    ]

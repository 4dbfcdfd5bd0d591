"""Many histories in one installation, each in a project of its own, and how their answers differ from the reference.

All share the same distinct ids: were anything of one project to leak into another, its answer would differ.
"""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.dedupe import DedupRules
from pipeline.identity import IdentityRules
from pipeline.registers import PeopleRules
from tests.laws.people_answers import Answers, answers
from tests.laws.people_histories import History
from tests.laws.people_model import NO_FAULTS, Faults, Installation, Rules
from tests.reference import path_reference as reference
from tests.reference.identity_reference import Said, Split
from tests.reference.path_reference import Event, Final, Limits, Refused

__all__ = ["Expected", "Run", "compared", "expected", "played", "some_limits", "wrong"]

LIMITS = ((1_000, 10_000), (1_000, 10_000), (2, 10_000), (3, 10_000), (1_000, 2), (1_000, 1), (3, 3))
"""Distinct ids of a person, and ids that one may be claimed together with."""


class Run(NamedTuple):
    """What decides an installation's run, besides the histories."""

    limits: Limits
    partitions: int
    seed: int
    faults: Faults = NO_FAULTS
    shuffled: bool = True
    """Each history's events come in another order than they are given."""
    copies: float = 0.0
    """How many of the events are sent twice."""
    split_anytime: bool = False
    """A split may come before or after any claim; otherwise exactly those of `History.events` are ahead of it."""
    window_s: int = 10**9
    """Of dedup: what it forgets goes on twice, and ClickHouse tells it apart."""

    def rules(self) -> Rules:
        limits = self.limits
        return Rules(
            IdentityRules(limits.max_distinct_ids, limits.too_common, limits.stale_days),
            PeopleRules(keys_max=limits.keys_max),
            dedup=DedupRules(window_s=self.window_s),
        )


class Expected(NamedTuple):
    """What must come of a history, and the claims that must have been warned of."""

    final: Final
    refused: set[Refused]


def some_limits(chance: random.Random) -> Limits:
    largest, common = chance.choice(LIMITS)
    return Limits(largest, common, stale_days=1, keys_max=chance.choice((1_000, 2)))


def compared(histories: Mapping[int, History], run: Run) -> dict[int, str]:
    """What is wrong, by the number of the history."""
    found = played(histories, run)
    problems = {}
    known: dict[object, Expected] = {}
    for number, history in histories.items():
        answer = found.get(number + 1)
        log = answer.log if answer and run.split_anytime else None
        # Orders of the same events, which are the same objects, have one answer.
        same = (
            number if log else (frozenset(map(id, history.events)), *history.splits, frozenset(map(id, history.after)))
        )
        if same not in known:
            known[same] = expected(history, run.limits, log)
        problems[number] = wrong(known[same], answer, run)
    return {number: problem for number, problem in problems.items() if problem}


def expected(history: History, limits: Limits, log: Sequence[Said | Split] | None = None) -> Expected:
    """What the reference says, where `log` is the order of claims and splits, or as `History` has it."""
    log = expected_log(history, limits) if log is None else log
    events = [*history.events, *history.after]
    return Expected(reference.final(events, limits, log), reference.refused(events, limits, log))


def wrong(expected: Expected, found: Answers | None, run: Run) -> str:
    """How the answer for one history differs from what is expected; empty if it does not."""
    if found is None:
        return "nothing came of it" if expected.final.events else ""
    for name, ours, theirs in zip(expected.final._fields, found.final, expected.final, strict=True):
        if ours != theirs:
            return f"{name}: {ours} instead of {theirs}"
    unsaid = expected.refused - found.warned
    if unsaid:
        return f"never warned of {unsaid}"
    for name, carried in found.carried.items():
        person = expected.final.persons.get(expected.final.mapping.get(name, (name, False))[0])
        if carried != (person.properties if person else {}):
            return f"the next event of {name} carries {carried}, the person is {person}"
    return f"{found.copies} events went on twice" if found.copies and run.window_s else ""


def expected_log(history: History, limits: Limits) -> list[Said | Split]:
    """Claims and splits, where every claim of `after` is behind the splits."""
    before = reference.claims_of(reference.kept_once(history.events), limits)[0]
    after = reference.claims_of(reference.kept_once([*history.events, *history.after]), limits)[0]
    return [*before, *history.splits, *(claim for claim in after if claim not in before)]


def played(histories: Mapping[int, History], run: Run) -> dict[int, Answers]:
    """The answers, by the number of the history plus one: no project is 0."""
    chance = random.Random(run.seed)
    tokens = {f"t{number}": number + 1 for number in histories}
    installation = Installation(tokens, run.rules(), run.partitions, chance.randrange(2**32), run.faults)
    splits = [(number + 1, split) for number, one in histories.items() for split in one.splits]
    installation.send(_arriving({number: one.events for number, one in histories.items()}, run, chance))
    if run.split_anytime:
        chance.shuffle(splits)
        while splits:
            installation.run(steps=chance.choice((1, 3, 10)))
            some = [splits.pop() for _ in range(min(len(splits), chance.choice((1, 5, 50))))]
            for project, split in some:
                installation.split(project, [split])
    elif any(one.splits or one.after for one in histories.values()):
        installation.run(steps=chance.choice((0, 5, 50)))
        installation.run(("accept", "resolve"))
        for project, split in splits:
            installation.split(project, [split])
        installation.run(steps=chance.choice((0, 5, 50)))
    installation.send(_arriving({number: one.after for number, one in histories.items()}, run, chance))
    installation.run()
    return answers(installation)


def _arriving(sent: Mapping[int, Sequence[Event]], run: Run, chance: random.Random) -> list[tuple[int, bytes]]:
    """The records of all histories, mixed; each history's in its own order."""
    records: list[tuple[float, int, bytes]] = []
    for number, events in sent.items():
        chosen = [*events, *(event for event in events if chance.random() < run.copies)]
        if run.shuffled:
            chance.shuffle(chosen)
        places = sorted(chance.random() for _ in chosen)
        token = f"t{number}"
        records += [(place, event.received_ms, event.raw(token)) for place, event in zip(places, chosen, strict=True)]
    return [(received_ms, raw) for _, received_ms, raw in sorted(records)]

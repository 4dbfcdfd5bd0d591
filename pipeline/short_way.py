"""The short way of events through steps that only add properties: no event is made for them.

Such a step (`additions` in transforms/interface.py) is handed what has been read of an event, and what it answers is
kept beside that. Whatever is not as simple goes on the long way (pipeline/transforming.py), from that step on, as the
event that it would be there by now. tests/laws/test_short_way.py compares the two.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import compress
from typing import Any, NamedTuple

import msgspec

from pipeline.steps import MANY, Additions, Chain, Step
from pipeline.tolerance import or_none
from pipeline.ways import Plan, Ways
from schemas.closed_event import additions_in_place
from schemas.event_changes import EventChanges
from schemas.event_columns import EventColumns
from schemas.json_text import parsed
from schemas.open_event import PLAIN, OpenEvent
from schemas.property_text import Place, Texts

__all__ = ["Leaving", "ShortWay"]

Properties = dict[str, Any]
_NOTHING: Properties = {}
_DICTS = {dict}


class Leaving(NamedTuple):
    """Events that go on with a step on the long way."""

    chain: Chain
    plan: Plan
    number: int
    """Of the step in the chain."""
    indices: Sequence[int]
    events: Sequence[OpenEvent]


class ShortWay:
    """Some rows of columns, told apart by where they stand among these."""

    def __init__(
        self, columns: EventColumns, start: int, texts: Sequence[memoryview], people: Collection[int], ways: Ways
    ) -> None:
        """`texts` are the properties of the rows from `start` on, `people` all rows that say something of a person."""
        self._columns, self._start, self._texts = columns, start, texts
        self._people, self._ways = people, ways
        self.applied = [""] * len(texts)
        """The labels of the steps that changed an event, with spaces between them."""
        self.guarded: set[int] = set()
        """Those that had to leave after a private step was asked about them."""
        self._stayed: list[_Together] = []

    def through(self, chain: Chain, plan: Plan, indices: list[int]) -> list[Leaving]:
        """All of these through the steps that are planned; who has to leave."""
        together, left = _Together(chain, plan, indices), []
        for number, asks in plan:
            step, additions = chain.steps[number], chain.additions[number]
            if additions is None or asks or step.name in self._ways.rules.disabled:
                left += self._leave(together, number, range(len(together.indices)))
                break
            if not together.is_read:
                left += self._leave(together, number, self._read(together))
            left += self._leave(together, number, self._ask(step, additions, together))
        self._stayed.append(together)
        return left

    def put(self, changed: EventChanges, texts: Texts) -> list[Leaving]:
        """Put what was added into the columns; who has to leave for that."""
        left = []
        for together in self._stayed:
            found, away = self._places(together, texts)
            changed.put_in(found)
            left += self._leave(together, len(together.chain.steps), away)
        return left

    def _read(self, together: "_Together") -> list[int]:
        """Read what steps look at; where among them those stand of whom that cannot be read."""
        read: Callable[[Any], Properties] = together.chain.reading.read_first
        texts = map(self._texts.__getitem__, together.indices)
        together.sent = or_none(map(read, texts), len(together.indices), msgspec.DecodeError)
        together.is_read = True
        return [at for at, sent in enumerate(together.sent) if sent is None] if None in together.sent else []

    def _ask(self, step: Step, additions: Additions, together: "_Together") -> set[int]:
        """One step for all of them; where among them those stand who have to be asked about as a whole."""
        if not together.indices:
            return set()
        clock, tally = self._ways.rules.clock, self._ways.tally(step.name)
        started = clock()
        answers = self._answers(step, additions.ask, together.given())
        away = set() if additions.alone else self._concerned(step, additions, together)
        tally.nanoseconds += clock() - started
        if set(map(type, answers)) != _DICTS:
            away.update(at for at, answer in enumerate(answers) if type(answer) is not dict)
            answers = [answer if type(answer) is dict else _NOTHING for answer in answers]
        together.private = together.private or step.private
        tally.changed += self._add(step.label, answers, together, away)
        tally.asked += len(answers) - len(away)
        tally.seen += len(answers) - len(away)
        return away

    def _answers(self, step: Step, ask: Callable[[Any], Any], about: Sequence[Any]) -> list[Any]:
        """A step's answers; None where it failed. Nothing is told of that here: on the long way it does so again."""
        found: list[Any] = []
        rest, rules = iter(about), self._ways.rules
        while len(found) < len(about):
            rules.watch.begin(step.name)
            try:
                rules.watch.call = MANY
                found.extend(map(ask, rest))
                rules.watch.call = -1
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001 - a bug in it, or a panic
                rules.watch.call = -1
                left = len(about) - len(found)
                # It may have come when all were answered; and one that costs too much is asked no more.
                found.extend([None] * (left if step.name in rules.disabled else min(left, 1)))
        return found

    def _add(self, label: str, answers: Sequence[Properties], together: "_Together", away: set[int]) -> int:
        """Keep what a step has answered, and how many it has changed. More of them may have to leave."""
        known, new, changed, labels = together.chain.reading.first, together.new, 0, {"": label}
        for at, answer in compress(enumerate(answers), answers):
            if at in away:
                continue
            for name, value in answer.items():
                if name not in known or type(value) not in PLAIN:
                    away.add(at)
                    break
            else:
                changed += 1
                before, index = new[at], together.indices[at]
                new[at] = {**answer} if before is None else {**before, **answer}
                met = self.applied[index]
                self.applied[index] = labels.get(met) or labels.setdefault(met, f"{met} {label}")
        together.is_changed = together.is_changed or changed > 0
        return changed

    def _concerned(self, step: Step, additions: Additions, together: "_Together") -> set[int]:
        """Those of whom the step may change more than properties."""
        start, people = self._start, self._people
        found = {at for at, index in enumerate(together.indices) if start + index in people}
        if additions.persons:
            found = {at for at in found if self._is_concerned(step, additions, start + together.indices[at])}
        return found

    def _is_concerned(self, step: Step, additions: Additions, row: int) -> bool:
        columns = self._columns
        try:
            contents = [parsed(field[row]) for field in (columns.set, columns.set_once) if row in field]
        except Exception:  # noqa: BLE001 - as a whole it does so again
            return True
        return any(answer != _NOTHING for answer in self._answers(step, additions.ask, contents))

    def _places(self, together: "_Together", texts: Texts) -> tuple[list[Place], list[int]]:
        """What is to be put into the texts for what was added; where those stand for whom it takes an event."""
        reading, limits, start, people = together.chain.reading, self._ways.rules.limits, self._start, self._people
        seen = together.chain.seen if together.private else ()
        found: list[Place] = []
        away: list[int] = []
        for at, (index, sent, new) in enumerate(zip(together.indices, together.sent, together.new, strict=True)):
            if new is None and not together.private:
                continue
            places = None
            if start + index not in people:
                try:
                    places = additions_in_place(sent or _NOTHING, new or _NOTHING, reading, limits, texts, index, seen)
                except Exception:  # noqa: BLE001 - as a whole it does so again
                    places = None
            if places is None:
                away.append(at)
            else:
                found += places
        return found, away

    def _leave(self, together: "_Together", number: int, away: Collection[int]) -> list[Leaving]:
        """Take these out, as they look by now."""
        if not away:
            return []
        reading, indices = together.chain.reading, [together.indices[at] for at in away]
        rows = self._columns.rows([self._start + index for index in indices], [self._texts[index] for index in indices])
        events = []
        for at, row in zip(away, rows, strict=True):
            sent, new = together.sent[at], together.new[at]
            events.append(OpenEvent(row, reading) if sent is None else OpenEvent.resumed(row, reading, sent, new))
        if together.private:
            self.guarded.update(indices)
        together.remove(away)
        return [Leaving(together.chain, together.plan, number, indices, events)]


class _Together:
    """Events that have the same steps ahead of them."""

    def __init__(self, chain: Chain, plan: Plan, indices: list[int]) -> None:
        self.chain, self.plan, self.indices = chain, plan, indices
        self.sent: list[Properties | None] = [None] * len(indices)
        """What was read of each; None of those it is not."""
        self.new: list[Properties | None] = [None] * len(indices)
        """What has been added."""
        self.is_read = self.is_changed = self.private = False
        """Whether a private step was asked about them is the last."""

    def given(self) -> list[Properties | None]:
        """What the next step is handed."""
        if not self.is_changed:
            return self.sent
        return [{**sent, **new} if sent and new else new or sent for sent, new in zip(self.sent, self.new, strict=True)]

    def remove(self, away: Collection[int]) -> None:
        stays = [True] * len(self.indices)
        for at in away:
            stays[at] = False
        self.indices = list(compress(self.indices, stays))
        self.sent = list(compress(self.sent, stays))
        self.new = list(compress(self.new, stays))

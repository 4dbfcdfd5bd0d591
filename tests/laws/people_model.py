"""An installation without a broker: logs and agents in memory, and faults as they happen.

Accept, resolve, identify and people run as the shell runs them: each partition has its state and its positions, takes
the next messages of any of its sources, and commits outputs, state and positions together. Which of them goes next,
how much it takes and how its outputs are cut into messages is up to the seed, as is every fault.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.accept import AcceptRules
from pipeline.claims import SPLIT, IdentifyRules
from pipeline.dedupe import DedupRules
from pipeline.facts import claims_key, routed
from pipeline.identity import IdentityRules
from pipeline.known import KnownRules
from pipeline.log_batch import LogBatch
from pipeline.outcome import Outcome, Read
from pipeline.person_changes import PersonRules
from pipeline.registers import PeopleRules
from pipeline.resolve import ResolveRules
from pipeline.sessions import SessionRules
from pipeline.spine import accept, describe, identify, people, rename, resolve
from schemas.decoding import DecodeContext
from schemas.limits import Limits
from schemas.record import RawBatch
from tests.reference.identity_reference import Split

__all__ = ["NO_FAULTS", "SOME_FAULTS", "Faults", "Installation", "Rules"]

LOG = b"L" * 16
SOURCES = {
    "accept": ("events.raw",),
    "resolve": ("events.accepted", "identity.mappings", "person.views"),
    "identify": ("identity.claims",),
    "people": ("person.changes",),
}
OUTPUT = {"accept": "events.accepted", "resolve": "events.prepared"}
REPEATED = ("events.accepted", "identity.claims", "identity.mappings", "person.changes", "person.views")
SIZES = ((1, 2, 5, 20, 1_000), (5, 20, 50), (20, 1_000))
"""Messages of a batch, and rows of a message: an installation of large batches has long delays, of small ones short."""
Place = tuple[str, int]
Hop = Callable[[LogBatch, Read], Outcome]


class Rules(NamedTuple):
    """The settings of an installation, as far as they decide who is who."""

    identity: IdentityRules = IdentityRules()
    people: PeopleRules = PeopleRules()
    sessions: SessionRules = SessionRules()
    dedup: DedupRules = DedupRules(window_s=10**9)
    """For ever: what a window forgets, ClickHouse tells apart."""


class Faults(NamedTuple):
    """How often what happens, per step."""

    crash: float = 0.0
    """Batches are worked on and lost before their commit."""
    stale: float = 0.0
    """A former owner works on from the state it had; its commit is fenced."""
    repeat: float = 0.0
    """A message comes into its log a second time."""


NO_FAULTS = Faults()
SOME_FAULTS = Faults(crash=0.08, stale=0.04, repeat=0.15)


class Owner:
    """One partition of an agent: its state, and how far it has read."""

    def __init__(self, agent: str, partition: int) -> None:
        self.agent = agent
        self.partition = partition
        self.state: dict[bytes, bytes] = {}
        self.positions = dict.fromkeys(SOURCES[agent], 0)

    def copied(self) -> "Owner":
        other = Owner(self.agent, self.partition)
        other.state, other.positions = dict(self.state), dict(self.positions)
        return other

    def take_over(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value


class Transaction:
    """What an owner would commit: it sees its own changes before anybody else does."""

    def __init__(self, owner: Owner) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self.positions = dict(owner.positions)
        self.outputs: dict[Place, list[pa.RecordBatch]] = defaultdict(list)
        self._state = owner.state
        self._output = OUTPUT.get(owner.agent, "")

    def read(self, key: bytes) -> bytes | None:
        return self.changes[key] if key in self.changes else self._state.get(key)

    def add(self, outcome: Outcome) -> None:
        self.changes.update(outcome.changes)
        for partition, rows in outcome.moved:
            self.outputs[self._output, partition].append(rows)
        for sent in outcome.sent:
            self.outputs[sent.topic, sent.partition].append(sent.rows)


class Installation:
    """Logs by (topic, partition), and those who read them. The same seed gives the same run."""

    def __init__(
        self, projects: dict[str, int], rules: Rules, partitions: int, seed: int, faults: Faults = NO_FAULTS
    ) -> None:
        self.logs: dict[Place, list[pa.RecordBatch]] = defaultdict(list)
        self.partitions = partitions
        self._raw: list[tuple[int, bytes]] = []
        self._chance = random.Random(seed)
        self._faults = faults
        homes = {agent: range(partitions) if agent != "accept" else [0] for agent in SOURCES}
        self._owners = [Owner(agent, home) for agent in SOURCES for home in homes[agent]]
        self._former: list[Owner] = []
        self._pace: dict[tuple[str, int, str], float] = {}
        self._sizes = self._chance.choice(SIZES)
        self._accepting = AcceptRules(DecodeContext(projects, Limits(), {}), partitions)
        self._hops = _hops(rules, partitions)

    def send(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Raw records as (milliseconds of receipt, value), behind those there are."""
        self._raw += records

    def split(self, project: int, splits: Sequence[Split]) -> None:
        """What `headrace person split` writes, behind the claims that are there now."""
        facts = [(project, SPLIT, one.distinct_id, "", one.recorded_at, bytes(16)) for one in splits]
        for sent in routed("identity.claims", facts, [claims_key(project)] * len(facts), self.partitions):
            self.logs[sent.topic, sent.partition].append(sent.rows)

    def run(self, agents: Sequence[str] = tuple(SOURCES), steps: int | None = None) -> None:
        """Until these agents have nothing left to do, or that many steps."""
        while (waiting := self._waiting(agents)) and steps != 0:
            if self._chance.random() < 0.1:
                self._pace.clear()
            [(owner, topic)] = self._chance.choices(waiting, [self._pace_of(*one) for one in waiting])
            self._step(owner, topic)
            steps = None if steps is None else steps - 1

    def rows(self, topic: str) -> Iterator[dict[str, Any]]:
        """Everything that was ever written to a topic, partition by partition."""
        for partition in range(self.partitions):
            if messages := self.logs.get((topic, partition)):
                whole = pa.concat_batches(messages)
                times = [field.name for field in whole.schema if pa.types.is_timestamp(field.type)]
                for name in times:
                    at = whole.schema.names.index(name)
                    whole = whole.set_column(at, name, whole.column(name).cast(pa.int64()))
                yield from whole.to_pylist()

    def state(self, agent: str) -> Iterator[tuple[bytes, bytes]]:
        """Everything that an agent keeps."""
        return (item for owner in self._owners if owner.agent == agent for item in owner.state.items())

    # One step.

    def _step(self, owner: Owner, topic: str) -> None:
        fate = self._chance.random() - self._faults.crash
        if fate < 0:
            self._work(owner, topic)  # and nobody ever hears of it
        elif fate < self._faults.stale and self._former:
            former = self._chance.choice(self._former)
            self._work(former, self._chance.choice(SOURCES[former.agent]))
        else:
            self._commit(owner, self._work(owner, topic))
        if self._chance.random() < self._faults.repeat:
            self._repeat_a_message()

    def _work(self, owner: Owner, topic: str) -> Transaction:
        """Some batches of some sources, one after the other, each on the state that the one before left."""
        done = Transaction(owner)
        for _ in range(self._chance.choice((1, 1, 2, 4))):
            start = done.positions[topic]
            end = min(start + self._much(), self._size(topic, owner.partition))
            if start < end:
                done.positions[topic] = end
                done.add(self._outcome(owner, topic, start, end, done.read))
            topic = self._chance.choice(SOURCES[owner.agent])
        return done

    def _outcome(self, owner: Owner, topic: str, start: int, end: int, read: Read) -> Outcome:
        if topic == "events.raw":
            times, values = zip(*self._raw[start:end], strict=True)
            blank = [None] * len(values)
            return accept(RawBatch(topic, LOG, 0, range(start, end), times, values, blank, blank), self._accepting)
        messages = list(enumerate(self.logs[topic, owner.partition][start:end], start))
        return self._hops[topic](LogBatch.joined(LOG, owner.partition, messages), read)

    def _commit(self, owner: Owner, done: Transaction) -> None:
        if self._faults.stale and self._chance.random() < 0.1:
            self._former = [*self._former[-2:], owner.copied()]
        owner.take_over(done.changes)
        owner.positions = done.positions
        for place, pieces in done.outputs.items():
            self.logs[place] += self._cut(pa.concat_batches(pieces) if len(pieces) > 1 else pieces[0])

    # What chance decides.

    def _cut(self, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The messages of a transaction's rows: anywhere, as the shell may cut by size."""
        start = 0
        while start < rows.num_rows:
            size = self._chance.choice((*self._sizes, rows.num_rows))
            yield rows.slice(start, size)
            start += size

    def _repeat_a_message(self) -> None:
        place = self._chance.choice(
            [place for place, log in self.logs.items() if place[0] in REPEATED and log] or [None]
        )
        message = self._chance.choice(self.logs[place]) if place else None
        # A split that is repeated is another split by the rules: it covers the claims that have come meanwhile.
        if message is not None and not (place[0] == "identity.claims" and SPLIT in message.column("kind").to_pylist()):
            self.logs[place].append(message)

    def _much(self) -> int:
        return self._chance.choice(self._sizes)

    def _pace_of(self, owner: Owner, topic: str) -> float:
        """Some are a thousand times slower than others, for a while."""
        key = (owner.agent, owner.partition, topic)
        if key not in self._pace:
            self._pace[key] = 10 ** self._chance.uniform(-3, 0)
        return self._pace[key]

    def _waiting(self, agents: Sequence[str]) -> list[tuple[Owner, str]]:
        return [
            (owner, topic)
            for owner in self._owners
            if owner.agent in agents
            for topic, position in owner.positions.items()
            if position < self._size(topic, owner.partition)
        ]

    def _size(self, topic: str, partition: int) -> int:
        return len(self._raw) if topic == "events.raw" else len(self.logs.get((topic, partition), ()))


def _hops(rules: Rules, partitions: int) -> dict[str, Hop]:
    resolving = ResolveRules(KnownRules(rules.dedup, rules.sessions), rules.people, rules.identity, partitions)
    identifying = IdentifyRules(rules.identity, partitions)
    joining = PersonRules(rules.people, partitions)
    return {
        "events.accepted": lambda rows, read: resolve(rows, read, resolving),
        "identity.mappings": lambda rows, read: rename(rows, read, resolving),
        "person.views": describe,
        "identity.claims": lambda rows, read: identify(rows, read, identifying),
        "person.changes": lambda rows, read: people(rows, read, joining),
    }

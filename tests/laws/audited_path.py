"""A path of three hops in memory, with logs, commits and positions as on Kafka, that the audit can be pointed at.

Each commit is atomic, leaves a marker's offset in every log it wrote to, and may come at any moment of an audit.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from pipeline.accounts import Account, LogCounters
from pipeline.audit import AuditReport, add_up
from pipeline.audit_cut import Cut, Place, take_cut
from pipeline.audit_evidence import Evidence, Landing, RawLog
from schemas.batches import ACCEPTED, PREPARED, REJECTED, batch_headers, check_headers, from_wire, hash_of, to_wire
from schemas.record import RawBatch

PARTITIONS = 2
DELIVER = "deliver-clickhouse"
RAW, ACCEPTED_TOPIC, PREPARED_TOPIC, REJECTED_TOPIC = (
    "events.raw",
    "events.accepted",
    "events.prepared",
    "events.rejected",
)
_SOURCES = {"accept": [RAW], "resolve": [ACCEPTED_TOPIC], DELIVER: [PREPARED_TOPIC, REJECTED_TOPIC]}
Message = tuple[bytes, list[tuple[str, bytes]]]


class AuditedPath:
    """The hops are methods that work on a partition and commit. `between_looks` runs while an audit is going on."""

    def __init__(self) -> None:
        self.readers = {ACCEPTED_TOPIC: ["resolve"], PREPARED_TOPIC: [DELIVER], REJECTED_TOPIC: [DELIVER]}
        self.raw = RAW
        self.ids = {topic: bytes([number]) * 16 for number, topic in enumerate([RAW, *self.readers], 1)}
        self.content: dict[Place, list[Message | None]] = {
            (topic, partition): [] for topic in self.ids for partition in range(PARTITIONS)
        }
        self.counters = {
            (hop, partition): {topic: LogCounters(topic, self.ids[topic].hex()) for topic in topics}
            for hop, topics in _SOURCES.items()
            for partition in range(PARTITIONS)
        }
        self.published: dict[str, Account] = {}
        self.landed: dict[Place, set[tuple[int, int]]] = defaultdict(set)
        self.seen: set[bytes] = set()
        self.between_looks: Callable[[], None] = lambda: None
        self.shows_aborted = False
        self._sent = 0

    # What the hops do.

    def send(self, partition: int, count: int) -> None:
        for _ in range(count):
            self._sent += 1
            self.content[RAW, partition].append((str(self._sent).encode(), []))

    def accept(self, partition: int, count: int) -> None:
        """Every fifth record is rejected; of the others, every seventh is one that came before."""
        moved: dict[int, list[dict[str, Any]]] = defaultdict(list)
        rejected, sums = [], 0
        counters = self.counters["accept", partition][RAW]
        for offset, (value, _) in self._take("accept", RAW, partition, count):
            number = int(value)
            counters.add_read(1, 0)
            if number % 5 == 0:
                rejected.append(self._rejection("accept", RAW, partition, offset, 0))
                counters.count("rejected", 1, "not_json", 1)
                continue
            name = (number - 1 if number % 7 == 0 else number).to_bytes(16, "big")
            place = {"source_log": self.ids[RAW], "source_partition": partition, "source_offset": offset}
            moved[number % PARTITIONS].append({"uuid": name, **place})
            sums += number - 1 if number % 7 == 0 else number
            counters.count("moved", 1, self.ids[ACCEPTED_TOPIC].hex(), 1, number - 1 if number % 7 == 0 else number)
        for home, rows in moved.items():
            self._write(ACCEPTED_TOPIC, home, _batch(ACCEPTED, rows))
        self._commit("accept", partition, rejected)

    def resolve(self, partition: int, count: int) -> None:
        counters = self.counters["resolve", partition][ACCEPTED_TOPIC]
        for offset, (value, _) in self._take("resolve", ACCEPTED_TOPIC, partition, count):
            rows = from_wire(value, ACCEPTED)
            counters.add_read(rows.num_rows, hash_of(rows.column("uuid")))
            kept = []
            for row, name in enumerate(rows.column("uuid").to_pylist()):
                fate = (
                    ("dropped", 1, "duplicate") if name in self.seen else ("moved", 1, self.ids[PREPARED_TOPIC].hex())
                )
                counters.count(*fate, 1, int.from_bytes(name[8:], "big"))
                place = {"accepted_log": self.ids[ACCEPTED_TOPIC], "accepted_partition": partition}
                if name not in self.seen:
                    kept.append({"uuid": name, **place, "accepted_offset": offset, "accepted_row": row})
                self.seen.add(name)
            if kept:
                self._write(PREPARED_TOPIC, partition, _batch(PREPARED, kept))
        self._commit("resolve", partition, [])

    def deliver(self, partition: int, count: int) -> None:
        """Every eleventh event is refused by the destination."""
        refused = []
        for topic, schema in ((PREPARED_TOPIC, PREPARED), (REJECTED_TOPIC, REJECTED)):
            counters = self.counters[DELIVER, partition][topic]
            for offset, (value, _) in self._take(DELIVER, topic, partition, count):
                rows = from_wire(value, schema)
                for row in range(rows.num_rows):
                    number = _number(rows, row)
                    counters.add_read(1, number)
                    if number and number % 11 == 0:
                        refused.append(self._rejection("deliver", PREPARED_TOPIC, partition, offset, row))
                        counters.count("rejected", 1, "refused_by_destination", 1, number)
                    else:
                        self.landed[topic, partition].add((offset, row))
                        counters.count("moved", 1, "clickhouse", 1, number)
        self._commit(DELIVER, partition, refused)

    def drain(self) -> None:
        """Until nothing is left to do."""
        for hop in (self.accept, self.resolve, self.deliver, self.deliver):
            for partition in range(PARTITIONS):
                hop(partition, 1_000)

    # What the audit sees.

    @property
    def logs(self) -> Mapping[str, bytes]:
        return self.ids

    def starts(self, topic: str) -> dict[int, int]:
        return dict.fromkeys(range(PARTITIONS), 0)

    def ends(self, topic: str) -> dict[int, int]:
        self.between_looks()
        return {partition: len(self.content[topic, partition]) for partition in range(PARTITIONS)}

    def between(self, starts: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterator[RawBatch]:
        for (topic, partition), start in starts.items():
            self.between_looks()
            content = self.content[topic, partition]
            found = [(offset, message) for offset, message in enumerate(content) if offset >= start and message]
            if found:
                offsets, messages = zip(*found, strict=True)
                values, headers = zip(*messages, strict=True)
                blank = [None] * len(found)
                stamps = [0] * len(found)
                yield RawBatch(topic, self.ids[topic], partition, offsets, stamps, values, blank, headers)

    def cut(self) -> Cut:
        def look() -> Mapping[str, Account]:
            found: dict[str, Account] = {}
            for partition in range(PARTITIONS):
                self.between_looks()
                found |= {key: account for key, account in self.published.items() if account.partition == partition}
            return found

        return take_cut(look, self, {})

    def audit(self) -> AuditReport:
        return add_up(self.evidence(self.cut()))

    def evidence(self, cut: Cut) -> Evidence:
        self.between_looks()
        return Evidence(
            accounts=cut.accounts,
            logs={topic: log.hex() for topic, log in self.ids.items()},
            readers=self.readers,
            partitions=PARTITIONS,
            waiting=cut.waiting,
            raw=[self._recounted(raw) for raw in cut.raw],
            landings=list(self._landings(cut.accounts)),
            shows_aborted=self.shows_aborted,
        )

    def _recounted(self, raw: RawLog) -> RawLog:
        below = self.content[RAW, raw.partition][: raw.account.position]
        return RawLog(raw.partition, raw.account, raw.waiting, 0, sum(message is not None for message in below))

    def _landings(self, accounts: list[Account]) -> Iterator[Landing]:
        for account in accounts:
            for log in account.logs if account.hop == DELIVER else []:
                rows = sum(fate[3] for fate in log.fates if fate[0] == "moved")
                held = sum(place[0] < log.position for place in self.landed[log.topic, account.partition])
                yield Landing(log.topic, log.log, account.partition, DELIVER, rows, held)

    # How they do it.

    def _take(self, hop: str, topic: str, partition: int, count: int) -> Iterator[tuple[int, Message]]:
        counters = self.counters[hop, partition][topic]
        for offset, message in list(enumerate(self.content[topic, partition]))[counters.position :]:
            if message is not None and count:
                count -= 1
                counters.position = offset + 1
                yield offset, message

    def _commit(self, hop: str, partition: int, rejected: list[dict[str, Any]]) -> None:
        if rejected:
            self._write(REJECTED_TOPIC, partition, _batch(REJECTED, rejected))
        logs = [counters.freeze() for counters in self.counters[hop, partition].values()]
        self.published[f"{hop}:{partition}"] = Account(hop=hop, partition=partition, logs=logs)

    def _write(self, topic: str, partition: int, rows: pa.RecordBatch) -> None:
        self.content[topic, partition] += [(to_wire(rows), batch_headers(rows)), None]

    def _rejection(self, stage: str, topic: str, partition: int, offset: int, row: int) -> dict[str, Any]:
        place = {"topic": topic, "log": self.ids[topic], "partition": partition, "offset": offset, "row": row}
        return {"stage": stage, "destination": "clickhouse" if stage == "deliver" else "", **place}


def rows_of(message: Message) -> int:
    """How many events a message holds."""
    return check_headers(dict(message[1]))[0]


def _number(rows: pa.RecordBatch, row: int) -> int:
    if "uuid" not in rows.schema.names:
        return 0
    return int.from_bytes(rows.column("uuid")[row].as_py()[8:], "big")


def _batch(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """The columns that the rows have; nobody here looks at the others."""
    columns = [
        pa.array([row[field.name] for row in rows], field.type)
        if field.name in rows[0]
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)

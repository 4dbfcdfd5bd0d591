"""The audit says 0 exactly when nothing was lost or doubled, whatever was going on while it looked."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.accounts import Account, LogAccount, LogCounters
from pipeline.audit import Evidence, Landing, Passage, add_up

RAW, ACCEPTED, PREPARED, REJECTED = "aa" * 16, "bb" * 16, "cc" * 16, "dd" * 16
DELIVER = "deliver-clickhouse"


class Model:
    """Hops as lists of uuid hashes: what each log holds, how far each hop has come, and what has landed."""

    def __init__(self) -> None:
        self.raw = LogCounters("events.raw", RAW)
        self.accepted = LogCounters("events.accepted", ACCEPTED)
        self.prepared = LogCounters("events.prepared", PREPARED)
        self.refused = LogCounters("events.rejected", REJECTED)
        self.waiting: dict[str, list[int]] = {"accepted": [], "prepared": [], "rejected": []}
        self.landed: dict[str, list[int]] = {"prepared": [], "rejected": []}

    def accept(self, good: list[int], bad: int) -> None:
        self.raw.add_read(len(good) + bad, 0)
        if good:
            self.raw.count("moved", 1, ACCEPTED, len(good), sum(good))
        if bad:
            self.raw.count("rejected", 0, "not_json", bad)
        self.waiting["accepted"] += good
        self.waiting["rejected"] += [0] * bad

    def resolve(self, count: int, repeats: int) -> None:
        taken, self.waiting["accepted"] = self.waiting["accepted"][:count], self.waiting["accepted"][count:]
        moved, dropped = taken[repeats:], taken[:repeats]
        self.accepted.add_read(len(taken), sum(taken))
        self.accepted.count("moved", 1, PREPARED, len(moved), sum(moved))
        self.accepted.count("dropped", 1, "duplicate", len(dropped), sum(dropped))
        self.waiting["prepared"] += moved

    def deliver(self, count: int) -> None:
        for name, counters in (("prepared", self.prepared), ("rejected", self.refused)):
            taken, self.waiting[name] = self.waiting[name][:count], self.waiting[name][count:]
            counters.add_read(len(taken), sum(taken))
            counters.count("moved", 1, "clickhouse", len(taken), sum(taken))
            self.landed[name] += taken

    def accounts(self) -> list[Account]:
        def account(hop: str, *logs: LogCounters) -> Account:
            return Account(hop=hop, partition=0, logs=[log.freeze() for log in logs])

        return [
            account("accept", self.raw),
            account("resolve", self.accepted),
            account(DELIVER, self.prepared, self.refused),
        ]

    def evidence(self, before: list[Account] | None = None, **lost: int) -> Evidence:
        def passage(topic: str, log: str, writers: list[str], reader: str) -> Passage:
            rows = self.waiting[topic]
            rows = rows[lost.get(topic, 0) :]
            return Passage(f"events.{topic}", log, writers, [reader], {reader: (len(rows), sum(rows) % 2**64)})

        landings = [
            Landing(f"events.{name}", DELIVER, len(rows), len(rows) - lost.get(f"landed_{name}", 0))
            for name, rows in self.landed.items()
        ]
        return Evidence(
            before=self.accounts() if before is None else before,
            after=self.accounts(),
            passages=[
                passage("accepted", ACCEPTED, ["accept"], "resolve"),
                passage("prepared", PREPARED, ["resolve"], DELIVER),
                passage("rejected", REJECTED, ["accept", DELIVER], DELIVER),
            ],
            raw_topic="events.raw",
            raw_log=RAW,
            raw_pending=0,
            landings=landings,
        )


hashes = st.lists(st.integers(1, 2**64 - 1), max_size=5)
steps = st.lists(
    st.tuples(st.just("accept"), hashes, st.integers(0, 3))
    | st.tuples(st.just("resolve"), st.integers(0, 5), st.integers(0, 2))
    | st.tuples(st.just("deliver"), st.integers(0, 5), st.none()),
    max_size=20,
)


def run(model: Model, history: list[tuple]) -> None:  # type: ignore[type-arg]
    for name, first, second in history:
        arguments = [first] if second is None else [first, second]
        getattr(model, name)(*arguments)


@given(steps)
def test_an_honest_history_is_accounted_for(history: list[tuple]) -> None:  # type: ignore[type-arg]
    model = Model()
    run(model, history)

    report = add_up(model.evidence())

    assert (report.unaccounted, report.problems) == (0, [])
    assert report.accepted == report.delivered + report.duplicates + report.pending - len(model.waiting["rejected"])


@given(steps, st.lists(st.tuples(st.just("accept"), hashes, st.integers(0, 3)), max_size=4))
def test_writing_while_the_audit_looks_is_no_false_alarm(history: list[tuple], more: list[tuple]) -> None:  # type: ignore[type-arg]
    model = Model()
    run(model, history)
    before = model.accounts()
    run(model, more)

    assert add_up(model.evidence(before=before)).unaccounted == 0


@given(steps, st.sampled_from(["accepted", "prepared", "rejected"]), st.integers(1, 3))
def test_a_row_that_vanished_from_a_log_is_missed(history: list[tuple], topic: str, count: int) -> None:  # type: ignore[type-arg]
    model = Model()
    run(model, history)
    gone = min(count, len(model.waiting[topic]))

    assert add_up(model.evidence(**{topic: gone})).unaccounted == gone


@given(steps, st.sampled_from(["prepared", "rejected"]))
def test_a_row_that_vanished_from_clickhouse_is_missed(history: list[tuple], name: str) -> None:  # type: ignore[type-arg]
    model = Model()
    run(model, history)
    gone = min(1, len(model.landed[name]))

    assert add_up(model.evidence(**{f"landed_{name}": gone})).unaccounted == gone


@given(steps)
def test_a_row_read_twice_is_noticed(history: list[tuple]) -> None:  # type: ignore[type-arg]
    model = Model()
    run(model, [*history, ("accept", [7], 0)])
    model.waiting["accepted"].append(7)

    assert add_up(model.evidence()).unaccounted == 1


def test_as_many_rows_that_are_others_are_noticed() -> None:
    model = Model()
    model.accept([5, 6], 0)
    model.waiting["accepted"] = [5, 9]

    report = add_up(model.evidence())

    assert report.unaccounted == 1
    assert "not the same ones" in report.problems[0]


def test_a_log_that_is_gone_is_closed_and_named_and_not_missed() -> None:
    model = Model()
    model.accept([5], 0)
    gone = LogAccount("events.raw", "ee" * 16, 10, closed=True, rows=4, fates=[("moved", 1, "ff" * 16, 4, 1)])
    accounts = [*model.accounts(), Account(hop="accept", partition=1, logs=[gone])]

    report = add_up(model.evidence(before=accounts))

    assert report.unaccounted == 0
    assert [(log.topic, log.rows) for log in report.closed_logs] == [("events.raw", 4)]

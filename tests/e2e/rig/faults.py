"""What goes wrong in the world, one function each, and the seeded order in which it does.

A fault ends when its cause is gone, not when the workers have got over it: the next one meets them as they are.
"""

import time
from collections.abc import Callable
from random import Random

from confluent_kafka.admin import AdminClient

from pipeline.topics import topic_ids
from tests.e2e.rig.proxy import Mode
from tests.e2e.rig.rig import PARTITIONS, SESSION_S, Rig
from tests.e2e.rig.workers import HOPS

__all__ = ["Fault", "schedule", "fresh_event_passes", "FAULTS_OF_ONE_NODE", "FAULTS_OF_THREE_NODES"]

Fault = Callable[[Rig, Random], str]
"""Does its harm and says what it did."""
DELIVER = "deliver-clickhouse"
LED = ("events.raw", "events.accepted", "events.prepared", "headrace-resolve-state")
RESTART_WITHIN_S = 180.0
"""Three nodes and six workers on two busy cores."""
PAST_EVERY_TIMEOUT_S = 33.0
"""Session 6 s, transaction 20 s, request 30 s (pipeline/app.py)."""


def kill_a_worker(rig: Rig, chance: Random) -> str:
    """kill -9 of any worker."""
    name = chance.choice(rig.workers.names)
    rig.workers.kill(name)
    return f"killed {name}"


def kill_a_hop(rig: Rig, chance: Random) -> str:
    """kill -9 of both workers of a hop at once: nobody is left to take over."""
    hop = chance.choice(HOPS)
    rig.workers.kill(*rig.workers.of(hop))
    return f"killed both of {hop}"


def wake_a_zombie(rig: Rig, chance: Random) -> str:
    """A worker that slept past its session wakes up and believes that it still owns its partitions."""
    name = chance.choice(rig.workers.names)
    pid = rig.workers.freeze(name)
    time.sleep(SESSION_S + chance.uniform(2, 5))
    return f"{name} slept and {'woke up' if rig.workers.wake(name, pid) else 'was gone'}"


def restart_the_broker(rig: Rig, chance: Random) -> str:
    """The broker goes, kindly or not, and comes back."""
    node = chance.choice(rig.kafka.nodes)
    if chance.random() < 0.5:
        rig.kafka.kill(node)
        time.sleep(chance.uniform(0, 2))
    rig.kafka.restart(node, RESTART_WITHIN_S)
    return f"restarted node {node}"


def kill_a_leader(rig: Rig, chance: Random) -> str:
    """kill -9 of the node that leads some partition; another takes over, then it comes back."""
    topic = chance.choice(LED)
    node = rig.kafka.leader(topic, chance.randrange(PARTITIONS)) or 1
    rig.kafka.kill(node)
    time.sleep(chance.uniform(3, 8))
    rig.kafka.restart(node, RESTART_WITHIN_S)
    return f"killed node {node}, a leader of {topic}"


def pause_a_broker(rig: Rig, chance: Random) -> str:
    """A node answers nothing for longer than every timeout, then goes on as if nothing had been."""
    node = chance.choice(rig.kafka.nodes)
    rig.kafka.pause(node)
    time.sleep(PAST_EVERY_TIMEOUT_S)
    rig.kafka.resume(node)
    rig.kafka.wait_until_ready(RESTART_WITHIN_S)
    return f"node {node} was silent for {PAST_EVERY_TIMEOUT_S} s"


def freeze_a_leader(rig: Rig, chance: Random) -> str:
    """The node that leads some partition freezes, loses its leadership, and wakes up believing in it."""
    topic = chance.choice(LED)
    node = rig.kafka.leader(topic, chance.randrange(PARTITIONS)) or 1
    rig.kafka.pause(node)
    time.sleep(chance.uniform(8, 14))
    rig.kafka.resume(node)
    rig.kafka.wait_until_ready(RESTART_WITHIN_S)
    return f"froze node {node}, a leader of {topic}"


def clickhouse_refuses(rig: Rig, chance: Random) -> str:
    """Connections to ClickHouse are reset."""
    rig.proxy.set("refuse")
    return _until_met(rig, 3, chance.uniform(1, 4), "refused")


def clickhouse_hangs(rig: Rig, chance: Random) -> str:
    """ClickHouse takes a connection and never answers, longer than an insert may take."""
    rig.proxy.set("hang")
    return _until_met(rig, 1, chance.uniform(4, 9), "hung")


def clickhouse_cuts_inserts(rig: Rig, chance: Random) -> str:
    """Connections end in mid-insert."""
    rig.proxy.set("cut", after_bytes=int(10 ** chance.uniform(2, 5)))
    return _until_met(rig, 3, 1, "cut")


def answers_are_lost(rig: Rig, chance: Random) -> str:
    """Inserts land and their answers do not: only the token tells, when they are sent again."""
    rig.proxy.set("swallow")
    return _until_met(rig, 3, 1, "unanswered")


def clickhouse_dies(rig: Rig, chance: Random) -> str:
    """kill -9 of ClickHouse itself, which comes back with what it had acknowledged."""
    rig.kill_clickhouse()
    time.sleep(chance.uniform(0, 2))
    rig.start_clickhouse()
    return "killed ClickHouse"


def replay_with_another_configuration(rig: Rig, chance: Random) -> str:
    """A hop crashes and does its last range again with other projects, tokens and limits."""
    hop = chance.choice(["accept", "resolve"])
    rig.configure(1 - rig.configuration)
    rig.workers.kill(*rig.workers.of(hop))
    return f"{hop} crashed and has configuration {rig.configuration}"


def open_blocks_meet_another_configuration(rig: Rig, chance: Random) -> str:
    """Deliver crashes while blocks are under way, some landed and some not, and comes back with other block sizes."""
    modes: tuple[Mode, ...] = ("hang", "swallow")
    mode = chance.choice(modes)
    rig.proxy.set(mode)
    met = rig.proxy.wait_until_met(2)
    rig.configure(1 - rig.configuration)
    rig.workers.kill(*rig.workers.of(DELIVER))
    rig.proxy.set("pass")
    return f"{met} blocks under way ({mode}) met configuration {rig.configuration}"


def recreate_events_raw(rig: Rig, chance: Random) -> str:
    """events.raw is deleted and made again while the workers run. What accept had read of the old log must stay."""
    rig.feed.pause()
    total = rig.raw_records()
    deadline = time.monotonic() + 120
    while (read := rig.read_by_accept()) < total:
        assert time.monotonic() < deadline, f"accept read {read} of {total} records\n{rig.logs()}"
        time.sleep(0.3)
    topic = rig.settings.topics.named("events.raw")
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap, "log_level": 0})
    admin.delete_topics([topic])[topic].result(30)
    time.sleep(chance.choice([0.0, 2.0]))
    while topic in topic_ids(rig.settings, [topic]):
        time.sleep(0.05)
    rig.command("topics", "create")
    rig.feed.resume()
    return f"events.raw was made again after {total} records"


FAULTS_OF_ONE_NODE: tuple[Fault, ...] = (
    kill_a_worker,
    kill_a_worker,
    kill_a_hop,
    wake_a_zombie,
    restart_the_broker,
    pause_a_broker,
    clickhouse_refuses,
    clickhouse_hangs,
    clickhouse_cuts_inserts,
    answers_are_lost,
    clickhouse_dies,
    replay_with_another_configuration,
    open_blocks_meet_another_configuration,
    recreate_events_raw,
)
FAULTS_OF_THREE_NODES: tuple[Fault, ...] = (
    kill_a_leader,
    freeze_a_leader,
    wake_a_zombie,
    kill_a_worker,
    clickhouse_cuts_inserts,
    replay_with_another_configuration,
    open_blocks_meet_another_configuration,
    recreate_events_raw,
)


def schedule(faults: tuple[Fault, ...], chance: Random) -> list[Fault]:
    """All of them, in an order of their own."""
    return chance.sample(faults, len(faults))


def _until_met(rig: Rig, times: int, then_s: float, what: str) -> str:
    """Keep the fault up until deliver has met it so often, and a while longer; then things work again."""
    met = rig.proxy.wait_until_met(times)
    time.sleep(then_s)
    rig.proxy.set("pass")
    return f"ClickHouse {what}, met {met} times"


def fresh_event_passes(rig: Rig, name: str, within_s: float = 60.0) -> None:
    """An event sent now is in ClickHouse soon. Raises AssertionError."""
    line = f'{{"token":"plain","event":"fresh","distinct_id":"{name}","timestamp":"2023-11-14T22:13:20Z"}}'
    rig.send(line.encode())
    deadline = time.monotonic() + within_s
    query = "SELECT count() FROM headrace.events_resolved WHERE event = 'fresh' AND distinct_id = {name:String}"
    with rig.query_client() as client:
        while (found := client.query(query, parameters={"name": name}).result_rows[0][0]) == 0:
            assert time.monotonic() < deadline, f"a fresh event did not go through in {within_s} s\n{rig.logs()}"
            time.sleep(0.1)
    assert found == 1

"""The topics as they must exist, and what is said when they do not."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline import topics
from pipeline.settings import Broker, DestinationEntry, Settings, Topics
from pipeline.topics import FoundTopic, catalogue, cut_logs, deviations

SMALL = Settings(topics=Topics(raw_partitions=3, partitions=2, prefix="a."))


def as_configured(settings: Settings) -> dict[str, FoundTopic]:
    return {plan.name: FoundTopic(b"\0" * 16, plan.partitions) for plan in catalogue(settings)}


def test_every_hop_has_a_state_topic_with_as_many_partitions_as_its_source() -> None:
    sizes = {plan.name: plan.partitions for plan in catalogue(SMALL)}

    assert (sizes["a.events.raw"], sizes["headrace-accept-state"]) == (3, 3)
    assert (sizes["a.events.accepted"], sizes["headrace-resolve-state"]) == (2, 2)
    assert (sizes["a.events.prepared"], sizes["headrace-deliver-clickhouse-state"]) == (2, 2)


def test_what_one_hop_reads_together_has_equal_partition_counts() -> None:
    sizes = {plan.name: plan.partitions for plan in catalogue(SMALL)}

    assert sizes["a.events.prepared"] == sizes["a.events.rejected"] == sizes["a.accounts"]


def test_each_destination_has_a_state_of_its_own() -> None:
    twice = Settings(destinations=[DestinationEntry(name="one"), DestinationEntry(name="two")])
    names = [plan.name for plan in catalogue(twice)]

    assert {"headrace-deliver-one-state", "headrace-deliver-two-state"} < set(names)


def test_only_accounts_and_records_of_commits_are_compacted_and_events_expire() -> None:
    policies = {plan.name: plan.config()["cleanup.policy"] for plan in catalogue(Settings())}

    assert {name for name, policy in policies.items() if policy == "compact"} == {
        "accounts",
        "headrace-accept-state",
        "headrace-deliver-clickhouse-state",
    }


def test_rejected_events_are_kept_longest_and_may_be_largest() -> None:
    configs = {plan.name: plan.config() for plan in catalogue(Settings())}

    assert configs["events.rejected"]["retention.ms"] == str(30 * 24 * 3600 * 1000)
    assert configs["events.rejected"]["max.message.bytes"] == str(16 * 1024 * 1024)


def test_topics_as_configured_are_nothing_to_speak_of() -> None:
    assert deviations(SMALL, as_configured(SMALL)) == []


def test_a_missing_topic_and_a_wrong_size_are_told_with_the_remedy() -> None:
    found = as_configured(SMALL)
    del found["a.accounts"]
    found["headrace-accept-state"] = FoundTopic(b"\0" * 16, 5)

    assert deviations(SMALL, found) == [
        "a.accounts does not exist: create it with headrace topics create",
        "headrace-accept-state has 5 partitions, configured are 3: set topics.raw_partitions to 5",
    ]


def test_every_partition_that_is_not_cut_is_told_and_none_stops_the_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    futures: dict[Any, Future[None]] = {}

    def delete_records(asked: list[Any], **_options: Any) -> dict[Any, Future[None]]:
        ends: list[BaseException | None] = [KafkaException(KafkaError(44)), None, TimeoutError()]
        for place, problem in zip(asked, ends, strict=True):
            futures[place] = Future()
            futures[place].set_exception(problem) if problem else futures[place].set_result(None)
        return futures

    monkeypatch.setattr(topics, "_admin", lambda _: SimpleNamespace(delete_records=delete_records))

    cut_logs(SMALL, dict.fromkeys([("state", 0), ("state", 1), ("state", 2)], 5))

    told = [record.getMessage() for record in caplog.records]
    assert ["partition 0" in told[0], "partition 2" in told[1], len(told)] == [True, True, 2]


def test_all_threads_ask_a_cluster_through_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_clients", {})
    one, other = (Settings(broker=Broker(bootstrap=server)) for server in ("127.0.0.1:9", "127.0.0.1:10"))

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(topics._admin, [one] * 20))

    assert len({id(client) for client in found}) == 1
    assert topics._admin(other) is not found[0]

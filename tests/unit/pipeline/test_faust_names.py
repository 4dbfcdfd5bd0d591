"""Pins the private names of Faust and aiokafka that the shell builds on: an upgrade that moves one fails here."""

import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher as Fetching
from faust.app import App
from faust.assignor.partition_assignor import PartitionAssignor
from faust.stores.base import Store
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer, Fetcher, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage

from pipeline.app import WholeAssignor
from pipeline.batches import BatchConsumer
from pipeline.tables import CommittedStore, StateTable, TakeOverRecovery


def source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type]


def test_the_versions_are_the_ones_the_names_were_read_in() -> None:
    assert faust.__version__ == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


def test_the_fetcher_runs_the_drain_loop_that_is_overridden() -> None:
    assert "consumer._drain_messages(self)" in source(Fetcher)
    assert "_drain_messages" in vars(Consumer)
    assert "_drain_messages" in vars(BatchConsumer)


def test_the_timers_that_are_replaced_exist_under_their_names() -> None:
    for name in ("_commit_handler", "_commit_livelock_detector"):
        assert name in vars(Consumer)
        assert name in vars(BatchConsumer)
    own = [names for cls, names in BatchConsumer._tasks.items() if cls.endswith("BatchConsumer")]
    assert own == [{"_commit_handler", "_commit_livelock_detector"}]


def test_every_commit_of_faust_goes_through_the_method_that_is_switched_off() -> None:
    assert "await self.commit()" in source(Consumer._commit_handler.fun)
    assert "self.commit" in source(Consumer.commit_and_end_transactions)
    assert (
        inspect.signature(BatchConsumer.commit).parameters.keys()
        == inspect.signature(Consumer.commit).parameters.keys()
    )


def test_an_acknowledgement_reaches_the_consumer_with_its_bookkeeping_names() -> None:
    body = source(Consumer.ack)

    assert "message.acked" in body
    assert "_unacked_messages" in body
    assert "_unacked_messages.add(message)" in source(Consumer.track_message)


def test_a_message_takes_the_arguments_the_batch_message_passes() -> None:
    parameters = list(inspect.signature(ConsumerMessage.__init__).parameters)

    assert parameters[1:9] == [
        "topic",
        "partition",
        "offset",
        "timestamp",
        "timestamp_type",
        "headers",
        "key",
        "value",
    ]
    assert {"checksum", "tp", "generation_id"} <= set(parameters)


def test_the_rebalance_listener_can_pause_before_the_fetcher_runs() -> None:
    body = source(driver.ConsumerRebalanceListener)

    assert "self._thread._ensure_consumer()" in body
    assert "async def on_partitions_assigned(self, assigned" in body
    assert "consumer.RebalanceListener(self)" in source(driver.AIOKafkaConsumerThread)
    assert callable(AIOKafkaConsumer.pause)


def test_the_paused_client_looks_for_something_to_fetch_as_rarely_as_it_is_told() -> None:
    assert "return self._create_worker_consumer(transport)" in source(driver.AIOKafkaConsumerThread._create_consumer)
    assert "AIOKafkaConsumerThread(self, loop=self.loop, beacon=self.beacon)" in source(
        driver.Consumer._new_consumer_thread
    )
    assert "self._consumer_timeout = consumer_timeout_ms / 1000" in source(AIOKafkaConsumer.__init__)
    assert "fetcher_timeout=self._consumer_timeout" in source(AIOKafkaConsumer.start)
    assert "assignment.unassign_future" in source(Fetching._fetch_requests_routine)


def test_flow_control_has_the_names_the_drain_loop_waits_on() -> None:
    for name in ("flow_active", "can_resume_flow", "suspend_flow"):
        assert f"self.{name}" in source(Consumer)
    assert "_new_consumer_thread" in vars(driver.Consumer)
    assert issubclass(driver.Consumer, ThreadDelegateConsumer)


def test_recovery_has_the_steps_that_the_take_over_calls() -> None:
    body = source(Recovery)

    for name in ("signal_recovery_start", "_generation_id", "_set_recovery_started", "on_recovery_completed", "_wait"):
        assert name in body
    assert "_restart_recovery" in vars(Recovery)
    assert "_restart_recovery" in vars(TakeOverRecovery)
    assert "consumer.perform_seek()" in source(Recovery.on_recovery_completed)


def test_the_table_manager_makes_its_recovery_where_it_is_overridden() -> None:
    assert isinstance(vars(TableManager)["recovery"], property)
    assert "self._recovery = None" in source(TableManager) or "_recovery" in source(TableManager.__init__)


def test_a_table_makes_its_store_where_it_is_overridden() -> None:
    assert "self._data = self._new_store()" in source(faust.Table.data.fget)
    assert "_new_store" in vars(StateTable)
    missing = getattr(CommittedStore, "__abstractmethods__", frozenset())
    assert not missing
    assert issubclass(CommittedStore, Store)


def test_an_app_makes_its_transport_where_it_is_overridden() -> None:
    assert "_new_transport" in vars(App)
    assert "TableManager" in source(App)


def test_faust_leaves_out_a_topic_that_the_leader_does_not_know_and_ours_does_not() -> None:
    assert "Ignoring missing topic" in source(PartitionAssignor._get_copartitioned_groups)
    assert "self.conf.PartitionAssignor(" in source(faust.app.base)
    stopped: list[BaseException] = []
    runner = SimpleNamespace(sources=("events.raw", "events.other"), stop_on=stopped.append)
    assignor: Any = WholeAssignor.__new__(WholeAssignor)
    assignor.app = SimpleNamespace(source=runner, tracer=None, sensors=None)
    cluster = SimpleNamespace(partitions_for_topic={"events.other": {0, 1}}.get)

    with pytest.raises(AttributeError):  # what Faust does then is not asked for: the process has ended
        assignor.assign(cluster, {})

    [problem] = stopped
    assert "knows none of events.raw" in str(problem)

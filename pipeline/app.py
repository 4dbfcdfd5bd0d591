"""One hop as a Faust application: group, assignment, agent and table are Faust's, the work is the runner's."""

import faulthandler
import logging
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import faust
from aiokafka.errors import KafkaConnectionError
from faust.assignor.partition_assignor import PartitionAssignor
from faust.types import TP

from pipeline.batches import BatchSchema, BatchTransport, acknowledge
from pipeline.delivery import BlockRunner
from pipeline.destinations import destination_named
from pipeline.hops import AcceptHop, Hop, IdentifyHop, PeopleHop, ResolveHop
from pipeline.interval import IntervalRunner
from pipeline.logs import configure
from pipeline.memory import warm_up
from pipeline.metrics import serve
from pipeline.runner import Runner
from pipeline.settings import Broker, Settings
from pipeline.tables import StateTable, TransactionalTableManager
from pipeline.topics import DELIVERED
from schemas.outcomes import Retry

__all__ = ["run", "HopApp", "build"]

DELIVER = "deliver-"
INTERVAL_HOPS: dict[str, Callable[[Settings], Hop]] = {
    "accept": AcceptHop,
    "resolve": ResolveHop,
    "identify": IdentifyHop,
    "people": PeopleHop,
}


def run(settings: Settings, hop: str, as_json: bool = False) -> NoReturn:
    """Run one worker of `accept`, `resolve` or `deliver-<destination>` until told to stop.

    Ends with 0 after an orderly stop, with EXIT_BUG after stopping itself without committing. Raises Retry when no
    broker answers at the start.
    """
    configure(settings.log_level, as_json)
    faulthandler.enable()
    (Path(settings.store.path) / "faust").mkdir(parents=True, exist_ok=True)
    app = build(settings, hop)
    warm_up()  # now that the transformations and what they look up are there, which stay
    worker = app.Worker(loglevel=settings.log_level, redirect_stdouts=False, override_logging=False, quiet=True)
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        # Faust's worker turns every failure into an exit; what it failed of is the context.
        if isinstance(end.__context__, KafkaConnectionError):
            reason = f"no broker answers at {settings.broker.bootstrap}: start it or correct broker.bootstrap"
            raise Retry(reason) from end.__context__
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    # Not by way of the interpreter's own end, which waits for threads: everything that matters is committed, and a
    # ClickHouse that does not answer would hold the process for its whole timeout.
    logging.shutdown()
    os._exit(code)


def build(settings: Settings, hop: str) -> "HopApp":
    """The Faust app of a hop, with one agent per source topic and the state table. Raises ConfigError."""
    app = HopApp(f"{settings.app}-{hop}", settings=settings, **_faust_settings(settings))
    app.hop = hop
    if hop in INTERVAL_HOPS:
        app.stage = INTERVAL_HOPS[hop](settings)
    app.connect()
    return app


class HopApp(faust.App):  # type: ignore[misc]
    """A Faust app whose batches, positions and state come from a runner."""

    def __init__(self, *arguments: Any, settings: Settings, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.headrace = settings
        self.hop = ""
        self.stage: Hop | None = None
        """Unless it is a deliver worker, which has none."""
        self._runner: Runner | None = None

    @property
    def source(self) -> Runner:
        """The runner; made on first use, inside the running event loop."""
        if self._runner is None:
            self._runner = _runner(self.headrace, self.hop, self.stage)
            serve(self._runner, self.headrace.metrics)
        return self._runner

    def connect(self) -> None:
        """Declare the table and an agent for each source topic."""
        named = self.headrace.topics.named
        sources = self.stage.sources if self.stage else tuple(named(topic) for topic in DELIVERED)
        schema = BatchSchema()
        topics = [self.topic(name, schema=schema) for name in sources]
        changelog = self.topic(f"{self.conf.id}-state", key_type=bytes, value_type=bytes, allow_empty=True)
        self.state_table = StateTable(self, name="state", changelog_topic=changelog)
        self.tables.add(self.state_table)
        self.on_partitions_revoked.connect(self._rest)
        for topic in topics:
            self.agent(topic, name=f"{self.hop}-{topic.get_topic_name()}")(self._work)

    def owned_partitions(self) -> set[int]:
        """The partition numbers assigned to this worker, the same in every source: asserted, not hoped."""
        assigned: set[TP] = self.consumer.assignment()
        by_topic = [{place.partition for place in assigned if place.topic == topic} for topic in self.source.sources]
        assert all(found == by_topic[0] for found in by_topic), f"sources are not co-partitioned: {by_topic}"
        return by_topic[0]

    async def _work(self, stream: Any) -> None:
        """The agent: once per batch, take it in, then acknowledge its range."""
        async for event in stream.noack().events():
            await self.source.take(event.message.generation, event.value)
            acknowledge(event)

    async def _rest(self, _app: Any, _revoked: set[TP], **_options: Any) -> None:
        await self.source.rest()

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_stop(self) -> None:
        if self._runner is not None:
            try:
                await self._runner.close()
            except BaseException as problem:
                # Left to Faust, which logs it and goes on, the rest would never be stopped: the process would live on
                # as a member of the group that owns partitions and does nothing.
                self._runner.stop_on(problem)
                raise
        await super().on_stop()


class WholeAssignor(PartitionAssignor):  # type: ignore[misc]
    """Gives out all partitions or none: the leader of the group may not have heard of a topic yet.

    Faust would leave such a topic out, every worker would own nothing of it, and nobody would ever assign anew: so it
    was after events.raw had been deleted and made again on three brokers.
    """

    def assign(self, cluster: Any, member_metadata: Any) -> Any:
        missing = [topic for topic in self.app.source.sources if not cluster.partitions_for_topic(topic)]
        if missing:
            self.app.source.stop_on(
                RuntimeError(
                    f"this worker is to give out partitions and knows none of {', '.join(missing)}; it starts again "
                    "and asks anew. Topics are made by headrace topics create"
                )
            )
        return super().assign(cluster, member_metadata)


def _runner(settings: Settings, hop: str, stage: Hop | None) -> Runner:
    if stage is not None:
        return IntervalRunner(settings, stage)
    name = hop.removeprefix(DELIVER)
    return BlockRunner(settings, name, destination_named(settings, name))


def _faust_settings(settings: Settings) -> dict[str, Any]:
    """Faust's settings, each with the reason it is not the default."""
    return {
        "broker": [f"kafka://{server}" for server in settings.broker.bootstrap.split(",")],
        "broker_credentials": _credentials(settings.broker),
        "TableManager": TransactionalTableManager,
        "PartitionAssignor": WholeAssignor,
        "store": "memory://",
        "datadir": Path(settings.store.path) / "faust",
        # One worker process is one member; a web port for each is opened only when it is asked for.
        "web_enabled": False,
        # Topics are created by `headrace topics create`, never by a worker.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "table_standby_replicas": 0,
        # Take-over after a kill within 6 to 8 seconds; a request must outlive the session.
        "broker_session_timeout": settings.broker.session_timeout_s,
        "broker_heartbeat_interval": settings.broker.session_timeout_s / 6,
        "broker_request_timeout": max(30.0, settings.broker.session_timeout_s * 2),
        # Nothing is ever polled from the paused driver: liveness is the heartbeat's and the runner's business.
        "broker_max_poll_interval": 86_400.0,
        # Pending work is committed or thrown away by the runner; Faust need not wait for it.
        "stream_wait_empty": False,
        "stream_recovery_delay": 0.0,
        # Batches wait in the runner's bounded buffer, not here.
        "stream_buffer_maxsize": 16,
        "consumer_auto_offset_reset": "earliest",
    }


def _credentials(broker: Broker) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """What the group driver proves itself with: the same as the clients of pipeline/connection.py."""
    protocol = broker.security_protocol
    context = ssl.create_default_context(cafile=broker.ssl_ca_location or None) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=broker.sasl_username,
            password=broker.sasl_password,
            mechanism=broker.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None

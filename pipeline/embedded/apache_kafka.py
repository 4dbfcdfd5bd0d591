"""A real Apache Kafka, one node or three, for tests and the benchmark: started, killed, paused and woken at will.

    with ApacheKafka(tmp_path, nodes=3) as kafka:
        kafka.kill(2)

Needs Java 17, and Maven the first time. Its processes end with the one that started them, however that one ends.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.embedded.artifacts import kafka_folder
from pipeline.embedded.parent import start
from pipeline.embedded.ports import free_ports

__all__ = ["ApacheKafka", "NotReady"]

START_S = 60.0
STOP_S = 10.0
JAVA = {
    1: ["-Xmx512m"],
    # Three on a laptop: the light compiler halves what their start costs; nobody measures throughput on them.
    3: ["-Xmx384m", "-XX:TieredStopAtLevel=1"],
}
_QUIET = {"log_level": 0, "allow.auto.create.topics": False}


class NotReady(Exception):
    """A node did not come up or died; the message holds the end of its log."""


class ApacheKafka:
    """A cluster in a folder. Nodes are numbered from 1; their ports stay the same when they are restarted."""

    def __init__(self, directory: Path, nodes: int = 1, settings: Mapping[str, str] | None = None) -> None:
        """`settings` are broker properties over those of kafka/server.properties, with the same names in braces."""
        if nodes not in JAVA:
            raise ValueError("a cluster has 1 or 3 nodes")
        self.directory = directory
        self.nodes = range(1, nodes + 1)
        self._settings = dict(settings or {})
        ports = free_ports(2 * nodes)
        self._ports, self._controllers = ports[:nodes], ports[nodes:]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def bootstrap(self) -> str:
        """host:port of every node, separated by commas."""
        return ",".join(f"127.0.0.1:{port}" for port in self._ports)

    def start(self, timeout_s: float = START_S) -> None:
        """Start the nodes that do not run and wait for all. Raises NotReady, ConfigError without Java or Maven."""
        for node in self.nodes:
            self._launch(node)
        self.wait_until_ready(timeout_s)

    def stop(self) -> None:
        """End every node, kindly at first; the data stays."""
        for node in list(self._processes):
            self.resume(node)
            self._signal(node, signal.SIGTERM)
        # Of three nodes the last ones wait for a quorum that is gone: nobody has to wait with them.
        deadline = time.monotonic() + STOP_S
        for node, process in list(self._processes.items()):
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            del self._processes[node]

    def kill(self, node: int) -> None:
        """End a node at once, as a power cut would (SIGKILL)."""
        process = self._processes.pop(node)
        process.kill()
        process.wait()

    def pause(self, node: int) -> None:
        """Freeze a node: its connections stay open and nothing answers (SIGSTOP)."""
        self._signal(node, signal.SIGSTOP)

    def resume(self, node: int) -> None:
        """Wake a frozen node (SIGCONT)."""
        self._signal(node, signal.SIGCONT)

    def restart(self, node: int, timeout_s: float = START_S) -> None:
        """End a node kindly if it runs, start it again and wait for the cluster. Raises NotReady."""
        if node in self._processes:
            self.resume(node)
            self._signal(node, signal.SIGTERM)
            try:
                self._processes[node].wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass  # it is killed now
            self.kill(node)
        self._launch(node)
        self.wait_until_ready(timeout_s)

    def running(self) -> list[int]:
        """The nodes whose process lives; frozen ones too."""
        return [node for node, process in self._processes.items() if process.poll() is None]

    def pid(self, node: int) -> int:
        """A node's process id."""
        return self._processes[node].pid

    def leader(self, topic: str, partition: int, timeout_s: float = 10.0) -> int:
        """The node that leads a partition; 0 when nobody does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **_QUIET})
        found = admin.list_topics(topic, timeout=timeout_s).topics[topic].partitions[partition].leader
        return max(0, int(found))

    def wait_until_ready(self, timeout_s: float = START_S) -> None:
        """Wait until every node that was started is a member that answers. Raises NotReady."""
        deadline = time.monotonic() + timeout_s
        waiting = set(self._processes)
        while time.monotonic() < deadline:
            self._check_alive()
            waiting = {node for node in waiting if not self._answers(node)}
            if not waiting:
                return
            time.sleep(0.1)
        raise NotReady(
            f"Kafka nodes {sorted(waiting)} were not ready within {timeout_s} s: "
            f"look at kafka.log in the folders of {self.directory}"
        )

    def __enter__(self) -> "ApacheKafka":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every node at once; for when nobody needs the data any more."""
        for node in list(self._processes):
            self.kill(node)

    def _signal(self, node: int, number: signal.Signals) -> None:
        process = self._processes[node]
        if process.poll() is None:
            os.kill(process.pid, number)

    def _launch(self, node: int) -> None:
        known = self._processes.get(node)
        if known and known.poll() is None:
            return
        folder = self.directory / f"node-{node}"
        artifacts = kafka_folder()
        if not (folder / "data").exists():
            _format(artifacts / "formatted", folder / "data", node)
        (folder / "server.properties").write_text(self._properties(node, folder))
        command = ["java", *JAVA[len(self.nodes)], "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
        command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        command += ["-cp", str(artifacts / "libs" / "*"), "kafka.Kafka", str(folder / "server.properties")]
        with (folder / "kafka.log").open("ab") as log:
            self._processes[node] = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def _properties(self, node: int, folder: Path) -> str:
        voters = (f"{other}@127.0.0.1:{port}" for other, port in zip(self.nodes, self._controllers, strict=True))
        template = (files("pipeline.embedded") / "kafka" / "server.properties").read_text()
        # The last of two lines with one name counts.
        template += "".join(f"{name}={value}\n" for name, value in self._settings.items())
        return template.format(
            node=node,
            port=self._ports[node - 1],
            controller_port=self._controllers[node - 1],
            voters=",".join(voters),
            data=folder / "data",
            replication=len(self.nodes),
            in_sync=2 if len(self.nodes) == 3 else 1,
        )

    def _answers(self, node: int) -> bool:
        """Whether the node itself knows every node that was started; the others may believe in it too long."""
        port = self._ports[node - 1]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return False
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", **_QUIET})
        try:
            return set(self._processes) <= set(admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def _check_alive(self) -> None:
        for node, process in self._processes.items():
            if process.poll() is not None:
                log = self.directory / f"node-{node}" / "kafka.log"
                raise NotReady(f"Kafka node {node} ended with {process.returncode}: {log.read_text()[-2000:]}")


def _format(formatted: Path, data: Path, node: int) -> None:
    """A data folder as Kafka's own `format` makes it, for another node."""
    shutil.copytree(formatted, data)
    directory_id = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
    lines = {"node.id": str(node), "directory.id": directory_id}
    meta = data / "meta.properties"
    kept = [line for line in meta.read_text().splitlines() if line.split("=")[0] not in lines]
    meta.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in lines.items())]) + "\n")

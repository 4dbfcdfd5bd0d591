"""Starting the embedded ClickHouse and asking it, for the tests of it."""

import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.embedded.clickhouse import command

__all__ = ["start_server", "get", "arrow_stream", "runs"]


def start_server(folder: Path, *options: str) -> tuple["subprocess.Popen[bytes]", int]:
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    process = subprocess.Popen([*command(folder / "clickhouse", 0, port_file), *options])
    while not port_file.exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process, int(port_file.read_text())


def get(
    port: int, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers or {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers, refusal.read()


def arrow_stream(ids: list[uuid.UUID]) -> bytes:
    batch = pa.record_batch(
        {"id": pa.array([one.bytes for one in ids], pa.binary(16)), "n": pa.array(range(len(ids)), pa.uint64())}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def runs(pid: int) -> bool:
    """A process that nobody waited for is a zombie, which does not run."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"

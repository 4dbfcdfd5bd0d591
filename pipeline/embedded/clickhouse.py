"""The ClickHouse that comes with the package, served to every process over ClickHouse's HTTP protocol.

    python -m pipeline.embedded.clickhouse --path .headrace/clickhouse --port 8123

The engine's folder belongs to one process; this process owns it, and clients speak to it as to any server. Loopback
only. It ends at SIGTERM, at Ctrl-C, and when the process that started it is gone.
"""

import argparse
import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

from pipeline.embedded.body import BODY_BYTES_MAX
from pipeline.embedded.engine import Engine
from pipeline.embedded.http_server import Server
from pipeline.embedded.parent import KEEP_RUNNING, on_parents_death
from schemas.outcomes import ConfigError

__all__ = ["main", "command", "claim"]

FINISH_S = 5.0
"""How long requests under way may take after SIGTERM; what was not acknowledged by then is not in."""
POLL_S = 0.5


def command(path: Path, port: int, port_file: Path | None = None) -> list[str]:
    """The command line of a server of this folder on this port of loopback; port 0 lets it choose."""
    ask = [sys.executable, "-m", "pipeline.embedded.clickhouse", "--path", str(path), "--port", str(port)]
    return [*ask, "--port-file", str(port_file)] if port_file else ask


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    if options.port_file:
        options.port_file.unlink(missing_ok=True)
    # A server's clock is UTC wherever the laptop is: the same statement gives the same answer everywhere.
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        lock = claim(options.path)
        server = Server(options.port, Engine(options.path / "data"), options.body_bytes_max)
    except (ConfigError, OSError) as problem:
        sys.exit(f"the embedded ClickHouse did not start: {problem}")
    _end_when_told(server)
    if options.port_file:
        _write(options.port_file, str(server.server_port))
    server.serve_forever(poll_interval=POLL_S)
    server.server_close()
    if server.wait_until_idle(FINISH_S):
        server.engine.close()
    lock.close()
    # Threads that still wait for a client or for the engine would hold the exit up; nothing of theirs was promised.
    os._exit(0)


def claim(folder: Path) -> IO[str]:
    """Own the folder while the file is open. Raises ConfigError that names the owner when it has one.

    The engine itself fails on a folder in use with an empty message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "headrace.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise ConfigError(
            f"{folder} is in use by process {owner}: stop it (headrace down) or choose another folder", "--path"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.embedded.clickhouse",
        description="Serve the embedded ClickHouse over HTTP on loopback.",
        epilog=f"It ends with the process that started it; {KEEP_RUNNING}=1 lets it go on.",
    )
    parser.add_argument("--path", type=Path, required=True, help="folder of the data")
    parser.add_argument("--port", type=int, default=0, help="port; 0 (default) chooses a free one")
    parser.add_argument("--port-file", type=Path, help="write the port here when ready")
    parser.add_argument(
        "--body-bytes-max", type=int, default=BODY_BYTES_MAX, help=f"largest body; default {BODY_BYTES_MAX}"
    )
    return parser.parse_args()


def _end_when_told(server: Server) -> None:
    def end(*_: object) -> None:
        # Not from this thread: it is the one that serves.
        threading.Thread(target=server.shutdown, daemon=True).start()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    on_parents_death(end)


def _write(path: Path, text: str) -> None:
    """All at once, so that nobody reads half a number."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


if __name__ == "__main__":
    main()

"""A TCP proxy that misbehaves on request: it stands between deliver and ClickHouse.

pass     bytes go through
refuse   connections are reset at once
hang     connections are accepted and nothing moves; what hung goes nowhere when the mode changes
cut      a request's connection is reset after so many bytes of it: in mid-insert
swallow  requests go through, answers are lost: what was inserted stays inserted, and nobody knows
"""

import selectors
import socket
import struct
import threading
import time
from typing import Literal

__all__ = ["FaultProxy", "Mode"]

Mode = Literal["pass", "refuse", "hang", "cut", "swallow"]
_CHUNK = 65_536
_TICK_S = 0.1
_RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """Listens on a free port of loopback; one thread per connection."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.faults = 0
        """How many connections have met the fault since the mode was set."""
        self._mode: Mode = "pass"
        self._after_bytes = 0
        self._era = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """What clients are told instead of ClickHouse's address."""
        return f"http://127.0.0.1:{self.port}"

    def set(self, mode: Mode, after_bytes: int = 0) -> None:
        """Misbehave like this from now on, on connections that are open, too."""
        self._after_bytes = after_bytes
        self.faults = 0
        self._era += 1
        self._mode = mode

    def wait_until_met(self, times: int, within_s: float = 60.0) -> int:
        """Return when so many connections have met the fault; how many have. Raises AssertionError."""
        deadline = time.monotonic() + within_s
        while self.faults < times:
            assert time.monotonic() < deadline, f"{self.faults} of {times} connections met the fault in {within_s} s"
            time.sleep(0.02)
        return self.faults

    def close(self) -> None:
        """End every connection and the listener."""
        self._closing = True
        self._acceptor.join(10)
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        self._listener.settimeout(_TICK_S)
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if self._mode == "refuse":
                self.faults += 1
                _reset(client)
                continue
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        client.setblocking(True)
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port), 10)
        except OSError:
            _reset(client)
            return
        server.setblocking(True)
        try:
            self._forward(client, server)
        except OSError:
            pass  # either side went away: so does the other
        finally:
            _reset(client)
            server.close()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Move bytes until one side ends or the fault does it."""
        sent, era, hung = 0, self._era, False
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while not self._closing:
                if era != self._era:
                    if hung:
                        return
                    sent, era = 0, self._era
                if self._mode == "refuse":
                    self.faults += 1
                    return
                if self._mode == "hang":
                    hung, self.faults = True, self.faults + (not hung)
                    threading.Event().wait(_TICK_S)
                    continue
                for key, _ in ready.select(_TICK_S):
                    if self._mode in ("hang", "refuse"):
                        break
                    data = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is client:
                        sent += len(data)
                        if self._mode == "cut" and sent > self._after_bytes:
                            self.faults += 1
                            server.sendall(data[: len(data) // 2])
                            return
                    elif self._mode == "swallow":
                        self.faults += 1
                        return
                    key.data.sendall(data)


def _reset(connection: socket.socket) -> None:
    """Close so that the peer gets a reset, not an orderly end."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    except OSError:
        pass  # it is gone already
    connection.close()

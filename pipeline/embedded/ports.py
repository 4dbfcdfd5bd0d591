"""Ports of loopback that stay free until their server is started again.

A port the system hands out (bind to 0) comes from the range that outgoing connections use. While a broker is down, a
client that tries to reach it may be given that very port as its own, and is then connected to itself; the broker finds
its port taken. So ports are chosen below that range.
"""

import random
import socket
from contextlib import ExitStack
from pathlib import Path

__all__ = ["free_ports"]

_LOWEST = 15_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 1_000


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 on which nobody listens. Raises OSError when none is found."""
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(_TRIES):
            if len(found) == count:
                return found
            port = random.randrange(_LOWEST, _below_outgoing())  # noqa: S311 - no secret
            if port in found:
                continue  # the address may be bound again while nobody listens there
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"no {count} free ports between {_LOWEST} and {_below_outgoing()}: end some of the listeners")


def _below_outgoing() -> int:
    """The lowest port of outgoing connections; where the system does not say, or leaves no room, its usual place."""
    try:
        lowest = int(_RANGE.read_text().split()[0])
    except OSError:
        return 32_768
    return lowest if lowest > _LOWEST + 1_000 else 32_768

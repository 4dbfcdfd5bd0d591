"""Ports for servers of our own."""

from pipeline.embedded.ports import free_ports


def test_ports_asked_for_together_are_different() -> None:
    found = free_ports(400)

    # Of so many numbers drawn from the range, a few come twice.
    assert len(set(found)) == len(found) == 400

"""Events that nobody wants."""

from schemas.event import Dropped
from transforms.testing import run


def test_every_event_it_is_asked_about_is_dropped() -> None:
    assert isinstance(run("drop_events"), Dropped)

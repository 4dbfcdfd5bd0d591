"""Events that nobody wants end here, counted."""

from collections.abc import Collection

from transforms.interface import DROPPED, Example, OpenEvent, Result, Transform, TransformConfig

__all__ = ["DropEvents"]


class Config(TransformConfig, frozen=True):
    pass


class DropEvents(Transform[Config]):
    """Leave out every event that `when` matches; without `when`, all of them.

    They are not stored anywhere but in events.raw, and counted as dropped under the name of this entry.
    """

    name = "drop_events"
    Config = Config
    examples = (
        Example(says="Everything it is asked about", before={"event": "heartbeat"}, after=None, outcome="dropped"),
    )

    def reads(self) -> Collection[str]:
        return ()

    def __call__(self, event: OpenEvent) -> Result:
        return DROPPED

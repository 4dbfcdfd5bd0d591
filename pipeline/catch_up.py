"""Reading a changelog into a store, from where the store ends or, where that has been let go, from its beginning."""

from collections.abc import Callable, Iterable, Mapping

from pipeline.changelog import restore
from pipeline.consumer import LogChanged, Place, log_end, read_to_end
from pipeline.settings import Settings
from pipeline.stores import PartitionStore
from schemas.record import RawBatch

__all__ = ["catch_up"]

Batches = Iterable[tuple[RawBatch, int]]
_ATTEMPTS = 3


def catch_up(
    settings: Settings,
    store: PartitionStore,
    place: Place,
    logs: Mapping[str, bytes],
    through: Callable[[Batches, int, int], Batches] = lambda batches, start, end: batches,
) -> int:
    """Bring the store to the end of the log; the bytes that were read. `through` sees (batches, first offset, end).

    Whoever writes the log may let go of its beginning at any time. A store that has not read all of what went lacks the
    removals in it: it is emptied, for all there is stands behind. Raises LogChanged for a log that is another one.
    """
    attempts = _ATTEMPTS
    while True:
        low, end = log_end(settings, *place)
        if store.position() < low:
            store.clear()
        start = max(store.position(), low)
        try:
            batches = through(read_to_end(settings, {place: start}, logs, from_there=True), start, end)
            return restore(store, batches, isolated=not settings.broker.embedded)
        except LogChanged:
            attempts -= 1
            if not attempts:
                raise
            store.clear()

"""Which destination a configured name stands for. A new kind of destination is one line here."""

from pipeline.deliver import Destination
from pipeline.settings import Settings
from schemas.outcomes import ConfigError

__all__ = ["destination_named"]


def destination_named(settings: Settings, name: str) -> Destination:
    """The destination, ready to deliver. Raises ConfigError for a name nobody configured."""
    from destinations.clickhouse.insert import ClickHouse  # imported late: other hops need not pay for it

    kinds = {destination.name: destination.kind for destination in settings.destinations}
    if name not in kinds:
        raise ConfigError(f"no destination is called {name!r}; configured are: {', '.join(sorted(kinds))}")
    return ClickHouse(settings.clickhouse, settings.log_epoch, name=name)

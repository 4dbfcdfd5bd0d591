"""The hop's Faust table: state per partition, recovered in batches, written only by the hop's transactions.

The table gives Faust what it needs to place state: a changelog topic that is assigned together with the source.
Its store maps each owned partition to a `PartitionStore`. Recovery is the runner's: it initialises the
transactional producer, which fences the previous owner, reads the changelog to its end by position, and only
then lets the source be read, from the commit record.
"""

from typing import Any, Protocol, cast

import faust
from faust.exceptions import ImproperlyConfigured
from faust.stores.base import Store
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode.services import Service

from pipeline.stores import PartitionStore

__all__ = ["StateTable", "CommittedStore", "TakeOver", "TakeOverRecovery", "TransactionalTableManager"]


class TakeOver(Protocol):
    """What recovery asks of the runner."""

    async def take_over(self, partitions: set[int]) -> None:
        """Own exactly these partitions when this returns: fenced, recovered, reading from the commit record."""

    def go_on(self) -> None:
        """Hand over what is read, from now on."""


class CommittedStore(Store):  # type: ignore[misc]
    """A read-only view for Faust of what is committed; writes go through the hop's transaction."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.partitions: dict[int, PartitionStore] = {}

    def __getitem__(self, key: bytes) -> bytes:
        for store in self.partitions.values():
            value = store.get(key)
            if value is not None:
                return value
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise ImproperlyConfigured("state is written by the hop's transaction, never key by key")

    __delitem__ = cast(Any, __setitem__)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Any:
        for store in self.partitions.values():
            for key, _ in store.items():
                yield key

    def _clear(self) -> None:
        self.partitions.clear()

    def reset_state(self) -> None:
        """Nothing to reset: stores are opened at take-over."""

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        raise ImproperlyConfigured("recovery reads the changelog itself")

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """The changelog is the backup."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """The changelog is the backup."""

    def persisted_offset(self, tp: Any) -> int | None:
        store = self.partitions.get(tp.partition)
        return None if store is None else store.position()


class StateTable(faust.Table):  # type: ignore[misc]
    """A Faust table over a `CommittedStore`."""

    def _new_store(self) -> CommittedStore:
        return CommittedStore("committed://", self.app, self, table_name=self.name, loop=self.loop)

    def on_changelog_sent(self, *_args: Any) -> None:
        """Faust sends no changelog for this table."""


class TakeOverRecovery(Recovery):  # type: ignore[misc]
    """Faust's recovery service with the work done by the runner, partition by partition."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _restart_recovery(self) -> None:
        runner = cast(TakeOver, self.app.source)
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):
                return
            self.signal_recovery_start.clear()
            generation = self._generation_id
            try:
                self._set_recovery_started()
                await self._wait(runner.take_over(self.app.owned_partitions()))
                # It empties the queues to the agents when it resumes the flow: nothing may be in them before.
                await self._wait(self.on_recovery_completed(generation))
                runner.go_on()
            except RebalanceAgain:
                continue
            except ServiceStopped:
                return


class TransactionalTableManager(TableManager):  # type: ignore[misc]
    """The table manager whose recovery takes partitions over."""

    @property
    def recovery(self) -> TakeOverRecovery:
        found: TakeOverRecovery | None = self.__dict__.get("_recovery")
        if found is None:
            found = self._recovery = TakeOverRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return found

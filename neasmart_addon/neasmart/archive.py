"""The storage that is in use, for all who ask for the past; it can be closed, and opened anew in another place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from neasmart.config import Settings
from neasmart.gateway import STORE, Gateway
from neasmart.status import StoreStatus
from neasmart.store import Store

if TYPE_CHECKING:
    from neasmart.store import StoredCommand
    from neasmart.store.history import Points, Series


class Archive:
    """The store, or none while its settings cannot be used."""

    def __init__(self, gateway: Gateway) -> None:
        """Open nothing yet."""
        self._gateway = gateway
        self._store: Store | None = None

    async def open(self, settings: Settings) -> Store:
        """Show what is stored where the settings say; return what is to be run."""
        self._store = Store(settings.database, settings.modbus, self._gateway)
        await self._store.open()
        return self._store

    async def close(self) -> None:
        """Write the rest."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    def keep_closed(self) -> None:
        """Say that nothing is stored."""
        detail = "Nothing is stored, because the settings do not say where."
        self._gateway.hub.publish(STORE, StoreStatus(healthy=False, detail=detail))

    async def command_history(self, limit: int = 100) -> list[StoredCommand]:
        """Return the last commands, newest first."""
        return [] if self._store is None else await self._store.command_history(limit)

    async def history(
        self,
        addresses: Collection[int],
        begin_s: float,
        end_s: float,
        *,
        stretches: int = 1,
        thin: Callable[[int, Points], Points] | None = None,
    ) -> Series:
        """Return what the registers held between two Unix times."""
        if self._store is None:
            return {address: [] for address in addresses}
        return await self._store.history(addresses, begin_s, end_s, stretches=stretches, thin=thin)

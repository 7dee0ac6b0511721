"""The storage that is in use, for all who ask for the past; it can be closed, and opened anew in another place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from pathlib import Path

from neasmart.core.gateway import STORE, Gateway
from neasmart.core.recall import PastCommand, Question, Series
from neasmart.facts.status import StoreStatus
from neasmart.settings.model import Settings
from neasmart.store import RoomBook, RoomsFile, Store
from neasmart.wiring import tuning

_CLOSE_PATIENCE_S = 0.5


class Archive:
    """The store, or none while its settings cannot be used."""

    def __init__(self, gateway: Gateway) -> None:
        """Open nothing yet."""
        self._gateway = gateway
        self._store: Store | None = None
        self._book: RoomBook | None = None

    async def open(self, settings: Settings) -> tuple[Store, RoomBook]:
        """Show what is stored where the settings say; return what is to be run."""
        store = self._store = Store(settings.database, settings.modbus, self._gateway)
        file = RoomsFile(Path(settings.database.path).parent, store.lock)
        book = self._book = RoomBook(self._gateway, file)
        await asyncio.gather(store.open(), book.open(tuning.first_rooms(settings)))
        return store, book

    async def close(self) -> None:
        """Write the rest."""
        store, self._store = self._store, None
        book, self._book = self._book, None
        if book is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_PATIENCE_S):
                    await book.save()
        if store is not None:
            await store.close()

    def keep_closed(self) -> None:
        """Say that nothing is stored."""
        detail = "Nothing is stored, because the settings do not say where."
        self._gateway.hub.publish(STORE, StoreStatus(healthy=False, detail=detail))

    @property
    def writes(self) -> bool:
        """Whether the folder of the data is ours to write to."""
        return self._store is not None and self._store.lock.held

    async def save_rooms(self) -> bool:
        """Store what was said of the rooms; return whether it is stored."""
        return self._book is not None and await self._book.save()

    async def forget(self, addresses: Collection[int]) -> None:
        """Forget what registers held."""
        if self._store is not None:
            await self._store.forget(addresses)

    async def command_history(self, limit: int) -> list[PastCommand]:
        """Return the last commands, newest first."""
        return [] if self._store is None else await self._store.command_history(limit)

    async def history(self, question: Question) -> Series:
        """Return what the registers held."""
        if self._store is None:
            return {address: [] for address in question.addresses}
        return await self._store.history(question)

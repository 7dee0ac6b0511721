"""Carries the owner's word about rooms from the file into the core at the start, and from there into the file."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from neasmart.core.gateway import ROOMS, Gateway
from neasmart.core.state.rooms import Room, RoomsStatus
from neasmart.facts.errors import NeasmartError
from neasmart.facts.retries import Backoff
from neasmart.store.files.storage_faults import explain
from neasmart.store.rooms.rooms_file import NewerRoomsError, RoomsFile

PATIENCE_S = 3.0
_RETRY_S = (1.0, 30.0)
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class RoomBook:
    """The file and the core; `open` once, then `run`."""

    def __init__(self, gateway: Gateway, file: RoomsFile) -> None:
        """Touch nothing yet."""
        self._gateway = gateway
        self._file = file
        self._saved: tuple[Room, ...] | None = None
        self._saving = asyncio.Lock()

    async def open(self, first: Iterable[Room]) -> None:
        """Take what is stored, and beside it the first names of the settings; a fault is told, never raised."""
        try:
            stored = await _patiently(self._file.load)
        except (OSError, NeasmartError) as error:
            if isinstance(error, NewerRoomsError):
                self._gateway.put_rooms(error.rooms)
            self._blame(error)
        else:
            self._saved = tuple(stored)
            self._gateway.put_rooms(stored)
        self._gateway.take_over_rooms(first)

    async def run(self) -> None:
        """Write whenever something has changed, and again while the disk refuses."""
        with self._gateway.hub.subscribed(only=ROOMS) as (_, subscription):
            backoff = Backoff(*_RETRY_S)
            while True:
                if await self.save():
                    backoff.worked()
                    await subscription.batch()
                else:
                    await asyncio.sleep(backoff.wait_s())

    async def save(self) -> bool:
        """Write what is not written yet; return whether all is."""
        async with self._saving:
            status = self._gateway.hub.state(ROOMS, RoomsStatus) or RoomsStatus()
            if status.rooms == self._saved:
                return True
            if self._saved is None and not await self._learn():
                return False
            rooms = (self._gateway.hub.state(ROOMS, RoomsStatus) or RoomsStatus()).rooms
            try:
                await _patiently(lambda: self._file.save(rooms))
            except (OSError, NeasmartError) as error:
                self._blame(error)
                return False
            self._saved = rooms
            self._gateway.tell_rooms(detail=None)
            return True

    async def _learn(self) -> bool:
        """Read what could not be read at the start, so that it is not overwritten; what was said since then wins."""
        try:
            stored = await _patiently(self._file.load)
        except (OSError, NeasmartError) as error:
            self._blame(error)
            return False
        said = {room.zone for room in self._gateway.rooms.ordered() if room.from_page}
        self._gateway.put_rooms(room for room in stored if room.zone not in said)
        return True

    def _blame(self, error: Exception) -> None:
        detail = f"The names of the rooms are not stored: {explain(error, self._file.path)}"
        status = self._gateway.hub.state(ROOMS, RoomsStatus) or RoomsStatus()
        if status.detail != detail:
            _LOG.warning("%s", detail)
        self._gateway.tell_rooms(detail=detail)


async def _patiently(work: Callable[[], T]) -> T:
    """Do work on the disk in a thread that holds nobody up; raise TimeoutError, an OSError, if it hangs."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type] # None only if the work returns it

    def run() -> None:
        try:
            result = work()
        except (OSError, NeasmartError) as error:
            outcome: tuple[T | None, BaseException | None] = (None, error)
        else:
            outcome = (result, None)
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=run, name="rooms", daemon=True).start()
    async with asyncio.timeout(PATIENCE_S):
        return await done

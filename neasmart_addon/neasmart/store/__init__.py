"""The storage: what the base reported last, for display after a restart, and the history of commands."""

from neasmart.store.rooms.room_book import RoomBook
from neasmart.store.rooms.rooms_file import RoomsFile
from neasmart.store.store import Store

__all__ = ["RoomBook", "RoomsFile", "Store"]

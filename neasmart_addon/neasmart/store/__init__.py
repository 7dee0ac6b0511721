"""The storage: what the base reported last, for display after a restart, and the history of commands."""

from neasmart.store.command_log import StoredCommand
from neasmart.store.store import Store

__all__ = ["Store", "StoredCommand"]

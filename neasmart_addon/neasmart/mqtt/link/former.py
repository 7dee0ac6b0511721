"""Leaves nothing behind under an earlier name: what was published before the node id or a prefix changed is removed.

The names of the last run are kept in a small file beside the database; without it nothing is known of before, and
nothing is removed.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from neasmart.core.state.plant import ZoneIndex
from neasmart.facts.network import encoded
from neasmart.mqtt.link.broker import BrokerError
from neasmart.mqtt.messages.topics import ONLINE, Topics

if TYPE_CHECKING:
    from neasmart.mqtt.link.broker_connection import BrokerConnection

_LOG = logging.getLogger(__name__)
QUIET_S = 1.0
"""A broker has sent all that it keeps when nothing more has come for this long."""
_FILE_LIMIT = 4096


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The names of a run, as they stand in the file."""

    prefix: str
    node: str
    discovery_prefix: str


class Former:
    """The names of the last run, in a file; without a path nothing is kept."""

    def __init__(self, path: Path | None, present: Topics) -> None:
        """Compare the file at `path` with the present names."""
        self._path = path
        self._present = Names(prefix=present.prefix, node=present.node, discovery_prefix=present.discovery_prefix)

    async def topics(self) -> Topics | None:
        """Return the topics of the last run if they were others, None if there is nothing to remove."""
        names = await asyncio.to_thread(self._read)
        if names is None or names == self._present:
            return None
        return Topics(prefix=names.prefix, node=names.node, discovery_prefix=names.discovery_prefix)

    async def keep(self) -> None:
        """Remember the present names for the next run; a file that cannot be written costs only this."""
        try:
            await asyncio.to_thread(self._write)
        except OSError as error:
            _LOG.warning("The names under which MQTT was used cannot be kept: %s", error.strerror)

    def _read(self) -> Names | None:
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_FILE_LIMIT), type=Names)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _write(self) -> None:
        if self._path is None or self._read() == self._present:
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(encoded(self._present) + b"\n")
        fresh.chmod(0o640)
        fresh.replace(self._path)


async def remove(connection: BrokerConnection, former: Topics, zones: list[ZoneIndex]) -> int:
    """Delete what is retained under the names of an earlier run; return how many messages.

    Nothing is touched while somebody is online under these names, because they are another gateway's by now.
    """
    devices = [former.base_device, *map(former.zone_device, zones)]
    discoveries = {former.discovery(device) for device in devices}
    try:
        await connection.subscribe([former.everything, *discoveries])
    except BrokerError as error:
        _LOG.info("What was published as %s stays: %s", former.root, error)
        return 0
    found = await connection.kept(QUIET_S)
    if found.get(former.status) == ONLINE.encode():
        _LOG.warning("What was published as %s stays, because another gateway uses this name now", former.root)
        return 0
    for topic in found:
        await connection.publish(topic, "", acknowledged=True)
    _LOG.info("%d messages that were published as %s have been removed", len(found), former.root)
    return len(found)

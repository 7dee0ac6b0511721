"""Follows the settings while the gateway runs: what has changed is used at once, what is wrong costs its part only.

The sources are the files, and under Home Assistant what the Supervisor says is saved, because it writes the file at a
start only. It is asked when the page is opened, and again and again while something is wrong that may be corrected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from neasmart.core.gateway import SETTINGS, Gateway
from neasmart.facts.errors import NeasmartError
from neasmart.facts.status import Closable, SettingsFault, SettingsStatus
from neasmart.settings.checks import PARTS, Judged, joined
from neasmart.settings.model import Settings, different

LOOK_S = 5.0
ASK_S = 30.0
AT_START = frozenset(
    {"api.ingress_host", "api.ingress_port", "logging.format", "logging.file", "logging.syslog"}
    | {"database.history_enabled", "modbus.idle_reply"}
    | {f"modbus.no_data_{key}" for key in ("mode", "mode_told", "state", "state_told", "zone_state", "setpoint")}
)
"""The settings that count from the next start on; all others count at once."""
_LOG = logging.getLogger(__name__)
_Stamp = tuple[int, int, int] | None
Load = Callable[[Mapping[str, Any] | None], Judged]
Use = Callable[[Settings, frozenset[Closable]], Awaitable[None]]
"""Makes what has changed true; parts that are closed do not run."""


class SavedOptions(Protocol):
    """Who knows what is saved in the app's form."""

    async def options(self) -> dict[str, Any]:
        """Return it; raise NeasmartError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How settings are loaded, given what is saved in the form; from which files; and who knows the form."""

    load: Load
    files: Sequence[Path]
    saved: SavedOptions | None = None


class Reloader:
    """Looks at the sources; `wake` makes it look at once, `page_opened` ask, too."""

    def __init__(
        self,
        found: Judged,
        gateway: Gateway,
        use: Use,
        watched: Watched,
        *,
        look_s: float = LOOK_S,
        ask_s: float = ASK_S,
    ) -> None:
        """Take what was found at the start, which is in use, and how to load again."""
        self._started = found.settings
        self._used = found.settings
        self._closed = found.closed
        self._gateway = gateway
        self._use = use
        self._load = watched.load
        self._files = watched.files
        self._saved = watched.saved
        self._options: Mapping[str, Any] | None = None
        self._look_s = look_s
        self._ask_s = ask_s
        self._asked_at = float("-inf")
        self._woken = asyncio.Event()
        self._asking = False
        self._wanted = False
        self._unused_options = False
        self._stamps = self._stamped()
        self._told_gone = False
        self._changing = asyncio.Lock()
        self._tell(found.faults, refused=(), notes=found.notes)

    def wake(self) -> None:
        """Load everything anew."""
        self._wanted = True
        self._woken.set()

    def page_opened(self) -> None:
        """Ask for what is saved in the form, because whoever opens the page may have changed it."""
        if self._saved is not None:
            self._asking = True
            self._woken.set()

    async def follow(self) -> None:
        """Use what has just been stored, and return when it is in use."""
        await self._ask(now=True)
        await self.reload()

    async def run(self) -> None:
        """Follow the sources for ever."""
        while True:
            try:
                async with asyncio.timeout(self._look_s):
                    await self._woken.wait()
            except TimeoutError:
                pass
            asked, wanted = self._asking, self._wanted
            self._woken.clear()
            self._asking = self._wanted = False
            await self._ask(now=asked)
            stamps = await asyncio.to_thread(self._stamped)
            if not wanted and self._is_one_gone(stamps):
                continue
            if self._unused_options or stamps != self._stamps or wanted:
                self._stamps = stamps
                await self.reload()

    async def reload(self) -> None:
        """Load the settings and use them as far as they can be used."""
        async with self._changing:
            self._unused_options = False
            found = await asyncio.to_thread(self._load, self._options)
            await self._take(found)

    async def _ask(self, *, now: bool) -> None:
        """Learn what is saved in the form, if it is time."""
        status = self._gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
        at = self._gateway.clock.monotonic()
        due = bool(status.faults) and at - self._asked_at >= self._ask_s
        if self._saved is None or not (now or due):
            return
        self._asked_at = at
        try:
            options = await self._saved.options()
        except NeasmartError as error:
            _LOG.debug("What is saved in the form is not known: %s", error)
            return
        self._unused_options |= options != self._options
        self._options = options

    async def _take(self, found: Judged) -> None:
        before = self._gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
        kept = frozenset(part for part in found.closed if self._goes_on(part))
        settings = found.settings
        for part in kept:
            old = {section: getattr(self._used, section) for section, closes in PARTS.items() if closes is part}
            settings = msgspec.structs.replace(settings, **old)
        if any(not fault.key for fault in found.faults):
            # What cannot be read says nothing of the rest either.
            settings = msgspec.structs.replace(settings, logging=self._used.logging, zones=self._used.zones)
        closed = found.closed - kept
        names = different(self._used, settings)
        refused = tuple(fault for fault in found.faults if fault.closes & kept)
        changed = bool(names) or closed != self._closed or found.faults != before.faults
        self._used, self._closed = settings, closed
        self._tell(found.faults, refused=refused, notes=found.notes)
        if changed:
            await self._use(settings, closed)
        applied = [name for name in names if name not in AT_START]
        if applied:
            _LOG.info("In use from now on: %s", ", ".join(applied))
        waiting = [name for name in different(self._started, settings) if name in AT_START]
        if waiting and tuple(waiting) != before.restart_needed:
            _LOG.warning("In use from the next start on: %s", ", ".join(waiting))
        if before.faults and not found.faults:
            _LOG.info("The settings are in order now")

    def _goes_on(self, part: Closable) -> bool:
        """Return whether a part that runs may go on with what it has, while the change of its settings is wrong.

        Only an API that is open to all may not: perhaps the change was meant to close it.
        """
        if part in self._closed:
            return False
        return part is not Closable.API or self._used.api.enable_auth or not self._used.api.enabled

    def _tell(
        self, faults: tuple[SettingsFault, ...], *, refused: tuple[SettingsFault, ...], notes: tuple[str, ...]
    ) -> None:
        before = self._gateway.hub.state(SETTINGS, SettingsStatus) or SettingsStatus()
        costing = tuple(fault for fault in faults if fault not in refused)
        status = SettingsStatus(
            problem=joined(costing) or None,
            refused=joined(refused) or None,
            faults=faults,
            closed=tuple(sorted(self._closed)),
            restart_needed=tuple(name for name in different(self._started, self._used) if name in AT_START),
            notes=notes,
        )
        if faults != before.faults:
            for fault in faults:
                _LOG.error("%s. %s", fault.text, _cost(fault, refused=fault in refused))
        if status != before:
            self._gateway.hub.publish(SETTINGS, status)

    def _is_one_gone(self, stamps: tuple[_Stamp, ...]) -> bool:
        """Return whether a file is gone that was read, as while an editor saves it; what it closes must stay closed."""
        gone = [path for path, before, now in zip(self._files, self._stamps, stamps, strict=True) if before and not now]
        if gone and not self._told_gone:
            _LOG.warning("%s is gone; what it says stays in use until it is back, or a restart", gone[0])
        self._told_gone = bool(gone)
        return self._told_gone

    def _stamped(self) -> tuple[_Stamp, ...]:
        return tuple(_stamp(path) for path in self._files)


def _cost(fault: SettingsFault, *, refused: bool) -> str:
    if refused:
        return "What was in use before stays in use"
    if not fault.closes:
        return "It is left out, everything else counts"
    return f"Closed until it is corrected: {', '.join(sorted(fault.closes))}"


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

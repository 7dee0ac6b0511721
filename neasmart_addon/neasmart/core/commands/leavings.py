"""Which commanded values have left for the base lately, whatever became of the commands since."""

from __future__ import annotations

from dataclasses import dataclass

REMEMBERED = 8
"""Values of one register; who sets faster is coalesced before the base reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A command's value and when it last left, in monotonic seconds."""

    command_id: str
    value: int | float
    at: float


class Leavings:
    """The last values by register."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_address: dict[int, dict[str, Leaving]] = {}

    def note(self, address: int, command_id: str, value: float, at: float) -> None:
        """Note that a reply that carries a command has left."""
        of_register = self._by_address.setdefault(address, {})
        of_register[command_id] = Leaving(command_id=command_id, value=value, at=at)
        if len(of_register) > REMEMBERED:
            del of_register[next(iter(of_register))]

    def others(self, address: int, command_id: str, since: float) -> list[int | float]:
        """Return the values that other commands for a register have sent since a time."""
        return [
            each.value
            for each in self._by_address.get(address, {}).values()
            if each.command_id != command_id and each.at >= since
        ]

    def lately(self, address: int, since: float) -> bool:
        """Return whether any command for a register has been sent since a time."""
        return any(each.at >= since for each in self._by_address.get(address, {}).values())

    def forget(self, before: float) -> None:
        """Drop what left before a time."""
        for address, of_register in list(self._by_address.items()):
            kept = {key: each for key, each in of_register.items() if each.at >= before}
            if kept:
                self._by_address[address] = kept
            else:
                del self._by_address[address]

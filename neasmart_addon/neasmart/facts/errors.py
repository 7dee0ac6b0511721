"""The errors that cross a layer, each with a stable code, a sentence for people and the limits that were broken."""

from __future__ import annotations

_SHOWN = 60


class NeasmartError(Exception):
    """Base of all errors that the gateway raises on purpose.

    `code` is stable and meant for programs; `str(error)` is meant for people and says what is allowed.
    """

    code = "error"


class SettingsError(NeasmartError):
    """A setting cannot be used; the message names the key, the value and what is allowed."""

    code = "invalid_settings"


class UnknownPointError(NeasmartError):
    """No point of the register table has this id."""

    code = "unknown_point"


class ReadOnlyPointError(NeasmartError):
    """The base reports this point but never asks for it, so it cannot be commanded."""

    code = "read_only"


class InvalidValueError(NeasmartError):
    """A value does not fit the point it was meant for.

    `parameter` is the last part of the point's id, `allowed` a short text such as ``5.0 to 40.0``.
    """

    code = "invalid_value"

    def __init__(self, parameter: str, value: object, allowed: str) -> None:
        """Keep the evidence beside the message."""
        super().__init__(f"Invalid {parameter}: {_shortened(value)}. Must be {allowed}")
        self.parameter = parameter
        self.value = value
        self.allowed = allowed


class NoLinkError(NeasmartError):
    """There is no open connection to the base station, so a command could not be delivered."""

    code = "no_link"


class StoodStillError(NeasmartError):
    """The gateway has just gone on after a standstill, so how old a command is cannot be known."""

    code = "stood_still"


class RoomOffError(NeasmartError):
    """A setpoint was given for a room that is off; it must be switched on first or in the same request."""

    code = "room_is_off"


class UnknownCommandError(NeasmartError):
    """No command of this process has this id."""

    code = "unknown_command"


class UndoError(NeasmartError):
    """A command cannot be taken back any more; the message says why."""

    code = "cannot_undo"


def _shortened(value: object) -> str:
    """Return a value's text, cut so that a hostile value cannot fill a log line."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."

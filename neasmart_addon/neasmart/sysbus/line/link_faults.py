"""Why a link does not work, with a stable code and a sentence that tells people what to do."""

from __future__ import annotations

import errno
import socket

from neasmart.facts.errors import NeasmartError

_GONE = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


class LinkError(NeasmartError):
    """A link could not be opened or was lost; `said` is what a converter wrote before it hung up."""

    def __init__(self, code: str, detail: str, *, said: str = "") -> None:
        """Take one of the codes of `LinkStatus` and a sentence for people."""
        super().__init__(detail)
        self.code = code
        self.said = said


def opening_fault(device: str, error: Exception) -> LinkError:
    """Say why a serial device cannot be opened."""
    number = _number(error)
    if number in _GONE:
        return LinkError("no_device", f"{device} is not there. Plug the adapter in, or choose another serial port.")
    if number in _FORBIDDEN:
        return LinkError("no_permission", f"{device} may not be opened. Give the gateway access to the device.")
    if number == errno.EBUSY:
        return LinkError("device_busy", f"{device} is used by another program. Stop that program or unlock the port.")
    if number == errno.ENOTTY:
        return LinkError("no_device", f"{device} is not a serial port. Choose another one.")
    return LinkError("no_device", f"{device} cannot be opened ({_reason(error)}).")


def lost_fault(name: str, error: Exception | None) -> LinkError:
    """Say that an open link was lost."""
    reason = f" ({_reason(error)})" if error is not None and str(error) else ""
    return LinkError("device_lost", f"{name} was lost{reason}. It is opened again as soon as it is back.")


def shared_fault(device: str) -> LinkError:
    """Say that a device was lost that is still there: its bytes went to somebody else."""
    return LinkError(
        "device_shared",
        f"{device} is still there, but another program reads it, too. Stop that program; only one can use the device.",
    )


def hung_up_fault(target: str, said: str) -> LinkError:
    """Say that a converter takes the connection and ends it before any frame has come."""
    words = f' It says: "{said}".' if said else ""
    return LinkError(
        "converter_busy",
        f"{target} accepts the connection and ends it at once.{words} Another program holds the converter, or it cannot"
        " open its own serial side. Disconnect the other program, or allow the converter more than one connection.",
        said=said,
    )


def dialling_fault(target: str, error: Exception) -> LinkError:
    """Say why a converter cannot be reached."""
    return LinkError(
        "cannot_dial", f"{target} cannot be reached ({_reason(error)}). Check the converter and its address."
    )


def listening_fault(host: str, address: str, error: OSError) -> LinkError:
    """Say why a port cannot be opened for converters."""
    if error.errno == errno.EADDRINUSE:
        return LinkError("cannot_listen", f"{address} is used by another program. Stop it or choose another port.")
    # Without a number where no address could be bound: so asyncio says it in Python 3.14.
    if error.errno in (errno.EADDRNOTAVAIL, None) or isinstance(error, socket.gaierror):
        return LinkError(
            "foreign_address",
            f"{host} is not an address of this computer, so nobody can be waited for there. Set server.address to"
            " 0.0.0.0; the converter's own address belongs under server.allowed_peers.",
        )
    if error.errno in _FORBIDDEN:
        return LinkError("cannot_listen", f"{address} may not be opened. Choose a port above 1023.")
    return LinkError("cannot_listen", f"{address} cannot be opened ({_reason(error)}). Check the address.")


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    # termios.error is no OSError but carries the same number first.
    first = error.args[0] if error.args else None
    return first if isinstance(first, int) else None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__

"""Everything that can be said of the bus: one row for each verdict, with its words; `doctor` decides which one holds.

A verdict's code is stable. Programs, translations and the page know it by this code and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neasmart.diagnosis.patterns import Hint


class DoctorState(StrEnum):
    """What is wrong, as far as a program needs to tell apart; a hint divides some of them further."""

    STARTING = "starting"
    SETTINGS_ERROR = "settings_error"
    STOPPED = "stopped"
    NO_DEVICE = "no_device"
    DEVICE_BUSY = "device_busy"
    NO_PERMISSION = "no_permission"
    CANNOT_DIAL = "cannot_dial"
    NOBODY_DIALS = "nobody_dials"
    SILENT = "silent"
    NOISE = "noise"
    NOT_FOR_US = "not_for_us"
    NO_WRITES = "no_writes"
    NO_POLLS = "no_polls"
    TOO_LATE = "too_late"
    RIVAL = "rival"
    SAME_BUS = "same_bus"
    HEALTHY = "healthy"


class Level(StrEnum):
    """How much a verdict asks of the owner: nothing, patience, a look, a hand."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One finding and its words.

    `when` says for people who translate which signs lead to it. `sentence` and `advice` may hold ``{ids}``, our unit
    ids; a verdict about the link is told with the link's own sentence, which names device and address.
    """

    state: DoctorState
    hint: str | None = None
    level: Level = Level.ERROR
    when: str
    sentence: str
    advice: str = ""

    @property
    def code(self) -> str:
        """The stable name, for example ``noise.swapped``."""
        return code_of(self.state, self.hint)


def code_of(state: DoctorState, hint: str | None) -> str:
    """Return the stable name of a state with its hint."""
    return state.value if hint is None else f"{state.value}.{hint}"


FELL_SILENT = "fell_silent"
_PLUG_IN = "Plug the adapter in, or choose the device under which it appears now."
_TO_MODBUS_TCP = 'Set the protocol of the converter to Modbus TCP ("Simple Modbus TCP to RTU")'
_TO_RAW = "Set the converter to pass the bytes on as they are (protocol None, transparent, TCP server)"

VERDICTS: tuple[Verdict, ...] = (
    Verdict(
        state=DoctorState.STARTING,
        level=Level.INFO,
        when="the link is opened, or is open and was listened to for too short a time to judge",
        sentence="The bus is connected and being listened to.",
        advice="Wait half a minute: the base needs that long to walk over all rooms.",
    ),
    Verdict(
        state=DoctorState.SETTINGS_ERROR,
        when="settings of the bus cannot be used; the evidence names key, value and what is allowed",
        sentence="The settings cannot be used, so the bus is left alone.",
        advice="Correct the option that is named.",
    ),
    Verdict(
        state=DoctorState.SETTINGS_ERROR,
        hint="not_configured",
        level=Level.WARNING,
        when="link not_configured: a serial line without a device",
        sentence="No adapter is chosen yet.",
        advice="Choose the serial device of the adapter, or another kind of connection.",
    ),
    Verdict(
        state=DoctorState.SETTINGS_ERROR,
        hint="foreign_address",
        when="link foreign_address: the address to listen on is not one of this computer's",
        sentence="The address to listen on does not belong to this computer.",
        advice="Set server.address to 0.0.0.0; the address of this computer is entered in the converter, not here.",
    ),
    Verdict(
        state=DoctorState.STOPPED,
        when="link stopped: it was closed, because the gateway ends or takes another one",
        sentence="The connection to the bus has stopped.",
        advice="Restart the gateway. If it happens again, its log tells why.",
    ),
    Verdict(
        state=DoctorState.NO_DEVICE,
        when="link no_device: the device is not there, or is no serial port",
        sentence="The adapter is not plugged in.",
        advice=_PLUG_IN,
    ),
    Verdict(
        state=DoctorState.NO_DEVICE,
        hint="device_lost",
        when="link device_lost: a device or a dialled converter that was open has gone",
        sentence="The adapter was lost.",
        advice="Plug the adapter in again; a loose plug or a weak power supply does this, too.",
    ),
    Verdict(
        state=DoctorState.NO_PERMISSION,
        when="link no_permission",
        sentence="The adapter may not be opened.",
        advice="Restart the app once, so that it may use what is new; without Home Assistant pass the device to the"
        " container, or add the user to the group dialout.",
    ),
    Verdict(
        state=DoctorState.DEVICE_BUSY,
        when="link device_busy: another program has opened the device for itself",
        sentence="Another program uses the adapter.",
        advice="Stop the other program that uses the device; only one can.",
    ),
    Verdict(
        state=DoctorState.DEVICE_BUSY,
        hint="device_shared",
        when="link device_shared: the device is there, but another program reads its bytes away",
        sentence="Another program reads the same adapter and takes bytes away.",
        advice="Stop the other program that uses the device; only one can.",
    ),
    Verdict(
        state=DoctorState.DEVICE_BUSY,
        hint="cannot_listen",
        when="link cannot_listen: the port to listen on cannot be opened",
        sentence="The port for the converter cannot be opened.",
        advice="Stop the other program that uses the port, or choose another port here and in the converter.",
    ),
    Verdict(
        state=DoctorState.CANNOT_DIAL,
        when="link cannot_dial: the converter does not answer at its address",
        sentence="The converter cannot be reached.",
        advice="Check the converter's power, network, address and port, and that it waits as a TCP server.",
    ),
    Verdict(
        state=DoctorState.CANNOT_DIAL,
        hint="converter_busy",
        when="link converter_busy: the converter answers and hangs up at once; what it says is in the evidence",
        sentence="The converter answers, but hangs up at once: another program holds it, or its serial line is out.",
        advice="End the other connection to the converter, or let it take more than one; then check its serial side.",
    ),
    Verdict(
        state=DoctorState.NOBODY_DIALS,
        level=Level.WARNING,
        when="link waiting_for_peer: we listen, and no converter is connected",
        sentence="The gateway waits for the converter to connect.",
        advice="Choose the USB adapter if there is one. Else point the converter (work mode TCP client) to this"
        " computer and port, open the port in the app's Network section, and restart the converter.",
    ),
    Verdict(
        state=DoctorState.SILENT,
        when="connected, and not one frame for 10 s (registers_late_after_seconds) since the start",
        sentence="The adapter is connected, but not a single frame has arrived from the bus.",
        advice="Check the three wires between SYSBUS 1 / 2 / GND and the adapter, that the base station has power, and"
        " that a converter is set to 38400 8N1.",
    ),
    Verdict(
        state=DoctorState.SILENT,
        hint=FELL_SILENT,
        when="connected, frames had arrived, and none for 10 s (registers_late_after_seconds)",
        sentence="The base has fallen silent.",
        advice="Check that the base station has power, and that the wires to the adapter have not come loose.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        when="bytes arrive, no valid frame, and too few bytes to tell why",
        sentence="Bytes arrive, but no valid frame.",
        advice="Exchange the wires A and B first; then check 38400 8N1, then GND.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.SWAPPED,
        when="bit 0 is set in nearly all bytes",
        sentence="Bytes arrive, but they are upside down: the wires A and B are swapped.",
        advice="Exchange the wires on the terminals 1 and 2 (485A and 485B).",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.SPEED,
        when="the bytes look like those of a line that is read at another speed or parity",
        sentence="Bytes arrive, but the line is read at a wrong speed or parity.",
        advice="Set the line to 38400 baud, 8 data bits, no parity, 1 stop bit, here and in the converter.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.GROUND,
        when="single bits are damaged: heads of frames without a valid end, or many wrong checksums among valid frames",
        sentence="Bytes arrive, but many are damaged on their way.",
        advice="Connect GND of the SYSBUS to GND of the adapter, check for loose wires, and keep the cable away from"
        " power cables.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.RTU_ON_TCP,
        when="valid frames of Modbus RTU where server.type insists on tcp",
        sentence="The converter passes the bytes on as Modbus RTU, but only Modbus TCP is expected here.",
        advice=f"Set server.type to auto, or: {_TO_MODBUS_TCP[0].lower()}{_TO_MODBUS_TCP[1:]}.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.MBAP_ON_RTU,
        when="valid requests of Modbus TCP where server.type insists on rtu_tcp",
        sentence="The converter translates to Modbus TCP, but only bytes of Modbus RTU are expected here.",
        advice=f"Set server.type to auto, or: {_TO_RAW[0].lower()}{_TO_RAW[1:]}.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.MBAP_DIALLED,
        when="valid requests of Modbus TCP from a converter that we dial (socket://, rfc2217://)",
        sentence="The converter that is dialled speaks Modbus TCP; the base cannot ask us through it in this way.",
        advice=f"{_TO_RAW}, or let it dial this computer as a TCP client and remove the address to dial here.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.ASCII,
        when="valid frames of Modbus ASCII",
        sentence="The converter sends Modbus ASCII, which nobody here understands.",
        advice=f"{_TO_MODBUS_TCP}, not to ASCII.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.PROTOCOL_ID,
        when="requests of Modbus TCP that are whole but for a protocol id other than 0",
        sentence="The converter sends Modbus TCP with a wrong protocol id.",
        advice=f"{_TO_MODBUS_TCP}, without a prefix or a registration of its own, or update the converter.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.LENGTH,
        when="requests of Modbus TCP whose length counts a checksum of Modbus RTU",
        sentence="The converter puts a header of Modbus TCP before whole frames of Modbus RTU: its length counts the"
        " checksum.",
        advice=f"{_TO_MODBUS_TCP}, or to pass the bytes on without any header.",
    ),
    Verdict(
        state=DoctorState.NOISE,
        hint=Hint.NOT_MODBUS,
        when="bytes or text that are no Modbus at all reach the port",
        sentence="What connects to the port does not speak Modbus.",
        advice="Check which device connects, and list the converter's address under server.allowed_peers.",
    ),
    Verdict(
        state=DoctorState.NOT_FOR_US,
        when="valid frames for a whole walk, but neither polls of our unit ids nor writes",
        sentence="Frames arrive, but none is for our unit ids ({ids}) or for all.",
        advice="Check that the adapter is on the terminals SYSBUS of the base, and see which unit ids appear.",
    ),
    Verdict(
        state=DoctorState.NO_WRITES,
        level=Level.WARNING,
        when="polls, but no write of a known register within a walk (at least 10 s)",
        sentence="The base asks for commands, but it writes no values.",
        advice="Its writes may not reach us: check that the converter passes everything on, not only requests for"
        " certain unit ids. Check wire B and GND, too: a base that hears no replies may have nothing to say.",
    ),
    Verdict(
        state=DoctorState.NO_POLLS,
        level=Level.WARNING,
        when="writes, but no poll of our unit ids within a walk (at least 10 s)",
        sentence="The base writes its values, but it asks for none of our unit ids ({ids}).",
        advice="See that modbus.slave_id has 240 and 241, and that the converter passes on requests for these unit ids."
        " Nothing has to be set at the base for this, as far as is known.",
    ),
    Verdict(
        state=DoctorState.TOO_LATE,
        when="a fifth of the polls of the last minute (at least 3) got no reply because it would have come too late",
        sentence="The base asks, but the replies are ready too late and are held back.",
        advice="Use a cable instead of Wi-Fi, switch packing times in the converter off, and take load from this"
        " computer.",
    ),
    Verdict(
        state=DoctorState.RIVAL,
        when="replies for our unit ids that are not ours",
        sentence="Another device on the bus answers for one of our unit ids ({ids}).",
        advice="Find out whether a KNX gateway uses 240 or 241, and remove that id under modbus.slave_id.",
    ),
    Verdict(
        state=DoctorState.SAME_BUS,
        level=Level.WARNING,
        when="two connections bring the same frames at the same time",
        sentence="Two connections carry the same bus; the newest one answers.",
        advice="Leave the converter one connection to this computer: switch its second socket or channel off.",
    ),
    Verdict(
        state=DoctorState.HEALTHY,
        level=Level.OK,
        when="polls and writes within a walk (at least 10 s), and a frame within 10 s",
        sentence="All well: the base writes its values and asks for commands.",
    ),
)
"""Every verdict there is."""

BY_CODE = {verdict.code: verdict for verdict in VERDICTS}

LINK_VERDICTS = {
    "starting": BY_CODE["starting"],
    "settings_error": BY_CODE["settings_error"],
    "not_configured": BY_CODE["settings_error.not_configured"],
    "foreign_address": BY_CODE["settings_error.foreign_address"],
    "stopped": BY_CODE["stopped"],
    "no_device": BY_CODE["no_device"],
    "device_lost": BY_CODE["no_device.device_lost"],
    "no_permission": BY_CODE["no_permission"],
    "device_busy": BY_CODE["device_busy"],
    "device_shared": BY_CODE["device_busy.device_shared"],
    "cannot_listen": BY_CODE["device_busy.cannot_listen"],
    "cannot_dial": BY_CODE["cannot_dial"],
    "converter_busy": BY_CODE["cannot_dial.converter_busy"],
    "waiting_for_peer": BY_CODE["nobody_dials"],
}
"""The verdict on a link that is not connected, by the code of its status."""

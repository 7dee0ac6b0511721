"""Everything that reads bytes of strangers, as functions of bytes that raise only what is a defect."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable

from neasmart.facts.errors import NeasmartError
from neasmart.facts.network import encoded
from neasmart.mqtt.orders import Orders
from neasmart.settings import loading as settings_loading
from neasmart.sysbus.capture.capture import CaptureReader
from neasmart.sysbus.capture.pcapng import CaptureError
from neasmart.sysbus.capture.seen import FrameReader
from neasmart.sysbus.framing.mbap import MbapFramer
from neasmart.sysbus.framing.rtu import WINDOW, RtuFramer
from neasmart.sysbus.slave.slaves import MbapSlave, RtuSlave
from neasmart.sysbus.slave.station import Station
from neasmart.web.http import bodies
from neasmart.web.http.problems import Problem
from tests.fuzz import file_targets
from tests.support.bus import new_gateway
from tests.support.gateways import FakeClock, fill_house, make_gateway

Target = Callable[[bytes], None]
UNITS = (240, 241)


def rtu_framer(content: bytes) -> None:
    """The frames are the same however the stream was cut, and memory is bounded."""
    whole, single = RtuFramer(UNITS), RtuFramer(UNITS)
    frames = whole.feed(content, 0.0)
    assert [frame.raw for frame in frames] == [
        frame.raw for byte in content for frame in single.feed(bytes((byte,)), 0.0)
    ]
    assert whole.held <= WINDOW


def mbap_framer(content: bytes) -> None:
    """Requests are the same however the stream was cut."""
    whole, single = MbapFramer(), MbapFramer()
    requests = whole.feed(content, 0.0)
    assert requests == [each for byte in content for each in single.feed(bytes((byte,)), 0.0)]


def rtu_station(content: bytes) -> None:
    """A reply comes from a unit of ours, with the right checksum."""
    received = RtuSlave(Station(new_gateway())).receive(content, 0.0, late=False)
    if received.reply:
        assert received.reply[0] in UNITS
        assert RtuFramer(()).feed(received.reply, 0.0) or received.reply[1] & 0x80 or len(received.reply) == 8


def mbap_station(content: bytes) -> None:
    """Every reply has the length that its header says."""
    reply = MbapSlave(Station(new_gateway())).receive(content, 0.0, late=False).reply
    while reply:
        length = int.from_bytes(reply[4:6], "big")
        assert reply[2:4] == b"\0\0"
        assert reply[6] in UNITS
        assert len(reply) >= 6 + length
        reply = reply[6 + length :]


def capture(content: bytes) -> None:
    """A file is read or refused."""
    with contextlib.suppress(CaptureError):
        found = CaptureReader(io.BytesIO(content))
        reader = FrameReader(found.facts.framing, found.facts.unit_ids)
        for chunk in found:
            for seen in reader.feed(chunk.direction, chunk.content, chunk.at):
                assert seen.document()["what"]


def settings(content: bytes) -> None:
    """Any value of any option, as the system gives it, is taken or refused in words that can be told."""
    name, _, text = os.fsdecode(content.replace(b"\0", b"")).partition("=")
    names = sorted(settings_loading.environment_names())
    variable = names[sum(os.fsencode(name)) % len(names)]
    encoded(settings_loading.load_judged({variable: text}))


def rest_body(content: bytes) -> None:
    """A body is an object whose texts can be told, or a client's error."""
    with contextlib.suppress(Problem):
        json.dumps(bodies._parsed(content), ensure_ascii=False).encode()


def mqtt_payload(content: bytes) -> None:
    """A payload is a command that may be sent, or refused."""
    target, _, payload = content.partition(b"\n")
    gateway = make_gateway(FakeClock())
    fill_house(gateway)
    with contextlib.suppress(NeasmartError):
        gateway.submit(Orders(gateway).wanted(target.decode("utf-8", "replace"), payload), origin="mqtt")
    for command in gateway.commands.pending:
        assert command.ref.point.checked(command.value) == command.value


TARGETS: dict[str, Target] = {
    each.__name__: each
    for each in (
        rtu_framer,
        mbap_framer,
        rtu_station,
        mbap_station,
        capture,
        settings,
        rest_body,
        mqtt_payload,
        file_targets.capture_blocks,
        file_targets.settings_environment,
        file_targets.settings_file,
        file_targets.older_pickle,
        file_targets.older_file,
        file_targets.own_file,
        file_targets.rooms_file,
        file_targets.older_rows,
        file_targets.older_settings,
        file_targets.supervisor_answer,
    )
}

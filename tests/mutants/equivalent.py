"""Mutants that no test can notice, by name, and why."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "neasmart.diagnosis.bus_watch:_Visits.__init__: self._connected_at = 0.0 -> pass": "set before it is looked at",
    "neasmart.diagnosis.bus_watch:_Visits.__init__: 0.0 -> 1.0": "set before it is looked at",
    "neasmart.diagnosis.bus_watch:_Visits.follow: 0.0 -> 1.0": "a peer that stayed for 1 s had not stayed, either",
    "neasmart.facts.rows:Point.checked: "
    "not isinstance(value, int) or self.options is None or value not in self.options"
    " -> not isinstance(value, int) or value not in self.options": "what can be set has limits or options",
    "neasmart.facts.registers:Ref: False -> True": "refs of one table with one id have one group",
    "neasmart.facts.registers:Ref: False -> True #2": "refs of one table with one id have one point",
    "neasmart.core.commands.life:Life: 0.0 -> 1.0": "set before it is looked at",
    "neasmart.core.commands.life:Life: 0.0 -> 1.0 #2": "set before it is looked at",
    "neasmart.core.bus_face:BusFace.poll: "
    "self._image.commands and self._stands_still(now) -> self._stands_still(now)": (
        "what is not served ends at the tick; asked for its time only"
    ),
    "neasmart.core.commands.undo:UndoBook.__init__: 0 -> 1": "numbers of commands are only compared",
    "neasmart.core.commands.undo:UndoBook.accepted: 1 -> 2": "numbers of commands are only compared",
    "neasmart.core.commands.undo:UndoBook._still: 0 -> 1": "no command has a lower number than 1",
    "neasmart.facts.registers:DerivedRef: False -> True": "refs of one table with one id have one group",
    "neasmart.facts.registers:DerivedRef: False -> True #2": "refs of one table with one id have one point",
    "neasmart.facts.registers:DerivedRef: False -> True #3": "refs of one table with one id have the same sources",
    "neasmart.sysbus.framing.rtu:RtuFramer.__init__: 0 -> 1": "what begins before the first byte is left out",
    "neasmart.store.store:: 0.1 -> 1.1": "a thread that ends is gone long before",
    "neasmart.store.store:Store._open: 64 -> 65": "rows are the same in other pieces",
    "neasmart.store.store:Store.__init__: 1000000 -> 1000001": "a byte in a megabyte is kept in no test",
    "neasmart.store.store:Store.__init__: self._too_large = False -> pass": "opening sets it before it is looked at",
    "neasmart.store.store:Store.__init__: False -> True #2": "opening sets it before it is looked at",
    "neasmart.store.store:Store.__init__: 0.0 -> 1.0": "the monotonic clock is past its first second",
    "neasmart.store.store:Store._abandon: 2 -> 3": "what hangs is left after the second time at the latest",
    "neasmart.store.store:Store.forget: 2 -> 3": "the first two steps leave nothing to do",
    "neasmart.sysbus.framing.crc:_table: 256 -> 257": "no byte reaches the entry behind the last",
    "neasmart.sysbus.framing.mbap:MbapFramer._is_whole_poll: 2 -> 3": "the search finds the same poll, only later",
    "neasmart.sysbus.framing.mbap:MbapFramer._is_whole_poll: 6 -> 7": "the search finds the same poll, only later",
    "neasmart.sysbus.framing.mbap:MbapFramer.__init__: self._last_at = -math.inf -> pass": "nothing is held at first",
    "neasmart.sysbus.framing.mbap:MbapFramer.__init__: -math.inf -> math.inf": "nothing is held at first",
    "neasmart.sysbus.framing.mbap:MbapFramer._step: at + 1 -> at - 1": "none begins a byte before one with a length",
    "neasmart.sysbus.framing.mbap:MbapFramer._step: 1 -> 2 #2": "none begins a byte behind one with a length",
    "neasmart.sysbus.framing.mbap:MbapFramer._slide: 1 -> 2 #2": "behind the zero of a match is none",
    "neasmart.sysbus.framing.mbap:MbapFramer._slide: 0 -> 1 #2": "no request has one byte",
    "neasmart.sysbus.framing.mbap:MbapFramer._good_within: 1 -> 2": "behind the zero of a match is none",
    "neasmart.sysbus.framing.mbap:_expected_length: 8 -> 9 #3": "any high byte is too many registers",
    "neasmart.sysbus.framing.rtu:: 250 -> 251": "an odd number of bytes is no reply",
    "neasmart.sysbus.framing.rtu:RtuFramer.__init__: -math.inf -> math.inf": "nothing is held at first",
    "neasmart.sysbus.framing.rtu:RtuFramer._examine: 8 -> 9 #2": "any high byte is too many registers",
    "neasmart.sysbus.framing.rtu:RtuFramer._examine: 0 -> 1": "an odd number of bytes is no reply",
    "neasmart.sysbus.framing.rtu:RtuFramer._drop_old: excess > 0 -> excess >= 0": "nothing more is dropped",
    "neasmart.sysbus.framing.rtu:RtuFramer._count_broken: 1 -> 2": "no position is below 0",
    "neasmart.sysbus.slave.slaves:RtuSlave.__init__: 0 -> 1": "learning an echo begins the count anew",
    "neasmart.sysbus.slave.slaves:RtuSlave.__init__: 0 -> 1 #2": "no unit of ours sends a reply of function 0",
    "neasmart.sysbus.slave.slaves:RtuSlave.__init__: 0 -> 1 #3": "no unit of ours has the id 0",
    "neasmart.sysbus.slave.slaves:RtuSlave._carry_out: "
    "frame.kind is FrameKind.WRITE_REQUEST and self._may_be_echo(frame.raw, now)"
    " -> self._may_be_echo(frame.raw, now)": "no reply looks like a poll; asked for its time only",
    "neasmart.sysbus.slave.slaves:MbapSlave.sent: 4 -> 5": "the high byte of a reply's length is 0",
    "neasmart.sysbus.slave.station:Station.answer: 0 -> 1 #2": "function codes 0 and 1 are both not supported",
    "neasmart.core.commands.undo:UndoBook._value: "
    "reading.source is Source.BUS and (not reading.stale) -> not reading.stale": (
        "what was stored is stale from the beginning"
    ),
}

"""Mutants that no test can notice, by name, and why."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "neasmart.facts.rows:Point.checked: "
    "not isinstance(value, int) or self.options is None or value not in self.options"
    " -> not isinstance(value, int) or value not in self.options": "what can be set has limits or options",
    "neasmart.facts.registers:Ref: False -> True": "refs of one table with one id have one group",
    "neasmart.facts.registers:Ref: False -> True #2": "refs of one table with one id have one point",
    "neasmart.sysbus.framing.crc:_table: 256 -> 257": "no byte reaches the entry behind the last",
    "neasmart.sysbus.framing.mbap:_expected_length: return 0 -> return None": "neither is a length",
    "neasmart.sysbus.framing.mbap:MbapFramer._is_whole_poll: 2 -> 3": "the search finds the same poll, only later",
    "neasmart.sysbus.slave.slaves:RtuSlave.__init__: 0 -> 1": "learning an echo begins the count anew",
    "neasmart.sysbus.slave.station:Station.answer: 0 -> 1 #2": "function codes 0 and 1 are both not supported",
    "neasmart.core.commands.undo:UndoBook._value: "
    "reading.source is Source.BUS and (not reading.stale) -> not reading.stale": (
        "what was stored is stale from the beginning"
    ),
}

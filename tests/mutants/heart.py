"""Which modules are mutated, and by which tests: the only place to change when files move."""

from __future__ import annotations

HEART = (
    "neasmart.facts.retries",
    "neasmart.diagnosis.bus_watch",
    "neasmart.facts.codecs",
    "neasmart.core.commands.life",
    "neasmart.core.commands.commands",
    "neasmart.diagnosis.doctor",
    "neasmart.core.bus_face",
    "neasmart.core.gateway",
    "neasmart.diagnosis.histogram",
    "neasmart.core.state.hub",
    "neasmart.core.state.idle_polls",
    "neasmart.core.state.image",
    "neasmart.core.commands.leavings",
    "neasmart.core.state.plant",
    "neasmart.facts.registers",
    "neasmart.facts.rows",
    "neasmart.store.store",
    "neasmart.sysbus.framing.crc",
    "neasmart.sysbus.framing.mbap",
    "neasmart.sysbus.framing.rtu",
    "neasmart.sysbus.slave.slaves",
    "neasmart.sysbus.slave.station",
    "neasmart.core.commands.undo",
    "neasmart.diagnosis.verdicts",
    "neasmart.core.state.walks",
)
TESTS = ("tests/facts", "tests/diagnosis", "tests/core", "tests/sysbus", "tests/store", "tests/web")
SLOWEST_TEST_S = 3.0
"""Tests that take longer are left to `make test`."""
BUDGET_S = 40.0
"""So many seconds of tests, the quickest first, decide about one mutant."""

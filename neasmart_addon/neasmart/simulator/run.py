"""Runs a simulated base against a gateway, on lines that break, until it is told to stop; then writes its report."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from neasmart.simulator.bus.freeze import Freezer
from neasmart.simulator.bus.silence import Silences
from neasmart.simulator.bus.transport import Opener, Transport
from neasmart.simulator.bus.wire import MbapWire, RtuWire
from neasmart.simulator.home.base import BaseStation
from neasmart.simulator.home.house import HOUSES, House
from neasmart.simulator.home.past import lived_in
from neasmart.simulator.home.people import People
from neasmart.simulator.judge.accuse import RunReport
from neasmart.simulator.judge.oracle import Oracle
from neasmart.simulator.options import SimulatorOptions, add_arguments
from neasmart.simulator.session import Actors, EnoughPollsError, Session

__all__ = ["Simulator", "add_arguments", "run"]

log = logging.getLogger(__name__)

BACKOFF_S = (0.05, 1.0)
TELL_AFTER_S = 5.0
"""A gateway that starts together with the base is there by then."""


def run(namespace: argparse.Namespace) -> int:
    """Play until it is over; return 0, or 1 if no gateway was reached."""
    options = SimulatorOptions.from_arguments(namespace)
    report = asyncio.run(simulate(options))
    if report.connections:
        return 0
    sys.stderr.write(f"neasmart: no gateway was reached at {options.target}\n")
    return 1


class Simulator:
    """A house, its base station and the line; `run` may be called once."""

    def __init__(self, options: SimulatorOptions) -> None:
        """Build the house named in the options."""
        self.options = options
        self.house = _house(options)
        self.base = BaseStation(self.house, options.behaviour, seed=options.seed)
        self.oracle = Oracle()
        self.base.on_turn = lambda address, word: self.oracle.turned(address, word, asyncio.get_running_loop().time())
        self.report = RunReport(transport=str(options.transport), seed=options.seed, words=self.oracle.figures)
        self.silences = Silences(options.silences)
        self.opener = Opener(options.transport, options.target, baudrate=options.baudrate)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler."""
        self._stop.set()

    async def run(self) -> RunReport:
        """Play the base until `stop`, the time or the polls are used up; return what was seen."""
        begun = asyncio.get_running_loop().time()
        freezer = Freezer(self.options.freeze)
        freezing = asyncio.create_task(freezer.run())
        living = asyncio.create_task(self._live(begun, freezer))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({living, stopping}, timeout=self.options.duration_s, return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()
        finally:
            for task in (living, stopping, freezing):
                task.cancel()
            await asyncio.gather(living, stopping, freezing, return_exceptions=True)
            self.report.freezes, self.report.silences = freezer.count, self.silences.count
            await self.opener.close()
            self.report.duration_s = asyncio.get_running_loop().time() - begun
        return self.report

    async def _live(self, begun: float, freezer: Freezer) -> None:
        loop = asyncio.get_running_loop()
        actors = Actors(
            base=self.base,
            people=People(self.base, self.options.habits, seed=self.options.seed),
            oracle=self.oracle,
            freezer=freezer,
            silences=self.silences,
            report=self.report,
        )
        backoff_s = BACKOFF_S[0]
        told = False
        while True:
            self.report.duration_s = loop.time() - begun
            try:
                line = await self.opener.open()
            except (OSError, TimeoutError) as error:
                patience_over = not self.report.connections and loop.time() - begun > TELL_AFTER_S
                level = logging.WARNING if patience_over and not told else logging.INFO
                told = told or patience_over
                log.log(level, "No gateway at %s (%s); trying again", self.options.target, error or "no answer")
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, BACKOFF_S[1])
                continue
            backoff_s = BACKOFF_S[0]
            self.report.connections += 1
            wire = MbapWire() if self.options.transport is Transport.TCP else RtuWire()
            self.report.duration_s = loop.time() - begun
            log.info("Connected to the gateway at %s", self.options.target)
            try:
                line.buffer = self.options.buffer
                await Session(line, wire, actors, self.options).run()
            except EnoughPollsError:
                return
            except OSError as error:
                log.info("The line broke: %s", error)
                await asyncio.sleep(backoff_s)
            finally:
                line.close()


def _house(options: SimulatorOptions) -> House:
    plan = HOUSES[options.house]
    if options.lived_in is None:
        return House(plan, seed=options.seed)
    return lived_in(plan, seed=options.seed, hour=options.lived_in)


async def simulate(options: SimulatorOptions) -> RunReport:
    """Play the base until SIGINT or SIGTERM, the time or the polls are used up; write the report if asked for."""
    simulator = Simulator(options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, simulator.stop)
    try:
        report = await simulator.run()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        if options.report is not None:
            await asyncio.to_thread(_write, options.report, simulator)
    return report


def _write(path: Path, simulator: Simulator) -> None:
    """Replace the report in one step, so that nobody reads half of it."""
    content = simulator.report.as_json() | {"options": asdict(simulator.options)}
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=2, default=str) + "\n")
    partial.replace(path)

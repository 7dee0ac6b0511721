"""The commands of the gateway; each is loaded only when it is called, to start quickly."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from neasmart import __version__
from neasmart.facts.errors import SettingsError
from neasmart.facts.process.arguments import EXIT_USAGE, Parser, UsageError

EXIT_SETTINGS = 78
"""EX_CONFIG of sysexits.h: the settings do not allow a start."""
_EXIT_INTERRUPTED = 128 + signal.SIGINT
COMMANDS = {
    "run": ("run the gateway with config.json and environment variables", "neasmart.cli.serve"),
    "demo": ("run the gateway with a simulated base and house", "neasmart.cli.demo"),
    "docs": ("print the tables of registers and settings as Markdown", "neasmart.cli.tables"),
    "simulate": ("play the base station for any gateway", "neasmart.simulator.run"),
    "doctor": ("look at the wiring before anything is configured; sends nothing", "neasmart.cli.check"),
    "replay": ("print a recording in words, or act as the base that was recorded", "neasmart.cli.replay"),
    "record": ("let a running gateway record the bus for Wireshark", "neasmart.cli.record"),
    "diagnostics": ("fetch what a helper needs to know, without secrets", "neasmart.cli.diagnostics"),
    "import": ("take settings and registers of an older gateway", "neasmart.cli.older_gateways"),
    "token": ("print a fresh key for the API, or with --jwt a token that expires", "neasmart.cli.credentials"),
}
"""By its name what a command is for, and the module that is it."""


class CommandModule(Protocol):
    """A module that is a command."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add its options."""

    def run(self, namespace: argparse.Namespace) -> int:
        """Do it; return the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = Parser(prog="neasmart", description="Gateway for the SYSBUS of a REHAU NEA SMART 2.0.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    names = list(sys.argv[1:] if arguments is None else arguments)
    for name, (text, module) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name in names:
            action: CommandModule = cast("CommandModule", importlib.import_module(module))
            action.add_arguments(command)
            command.set_defaults(action=action.run)
    namespace = parser.parse_args(names)
    try:
        code = int(namespace.action(namespace))
        sys.stdout.flush()
    except (SettingsError, UsageError) as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_SETTINGS
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # Who reads our output, such as `head`, has seen enough; Python must not try again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code

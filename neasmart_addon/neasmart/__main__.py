"""The commands of the gateway: run, demo, simulate, docs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence

from neasmart import __version__
from neasmart.errors import SettingsError

EXIT_SETTINGS = 78
"""EX_CONFIG of sysexits.h: the settings do not allow a start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="neasmart", description="Gateway for the SYSBUS of a REHAU NEA SMART 2.0.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(commands, "run", "run the gateway with config.json and environment variables", _run)
    _add(commands, "demo", "run the gateway with a simulated base and house", _demo)
    simulate = _add(commands, "simulate", "play the base station for any gateway", _simulate)
    _add(commands, "docs", "print the tables of registers and settings as Markdown", _docs)
    names = list(sys.argv[1:] if arguments is None else arguments)
    if "simulate" in names:
        from neasmart.simulator import add_arguments  # noqa: PLC0415 - costs start-up time that others need not pay

        add_arguments(simulate)
    namespace = parser.parse_args(names)
    try:
        return int(namespace.action(namespace))
    except SettingsError as error:
        sys.stderr.write(f"neasmart: {error}\n")
        return EXIT_SETTINGS


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    text: str,
    action: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(action=action)
    return parser


def _run(_namespace: argparse.Namespace) -> int:
    from neasmart import app, config, logs  # noqa: PLC0415

    settings, problem = config.load_tolerant()
    last = logs.set_up(settings.logging)
    asyncio.run(app.run(settings, problem=problem, log_lines=lambda: last.lines))
    return 0


def _demo(_namespace: argparse.Namespace) -> int:
    from neasmart import demo  # noqa: PLC0415

    return asyncio.run(demo.run())


def _simulate(namespace: argparse.Namespace) -> int:
    from neasmart.simulator import SimulatorOptions, simulate  # noqa: PLC0415

    asyncio.run(simulate(SimulatorOptions.from_arguments(namespace)))
    return 0


def _docs(_namespace: argparse.Namespace) -> int:
    from neasmart import docs  # noqa: PLC0415

    sys.stdout.write(docs.markdown())
    return 0


if __name__ == "__main__":
    sys.exit(main())

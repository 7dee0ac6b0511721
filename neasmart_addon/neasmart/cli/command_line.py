"""The commands of the gateway; each imports what it needs only when it is called, to start quickly."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from neasmart import __version__
from neasmart.facts.arguments import EXIT_USAGE, Parser, UsageError
from neasmart.facts.errors import SettingsError

STOPS = (signal.SIGTERM, signal.SIGINT)
EXIT_SETTINGS = 78
"""EX_CONFIG of sysexits.h: the settings do not allow a start."""
_EXIT_INTERRUPTED = 128 + signal.SIGINT
_WHILE_LOADING = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull, "FROZENLIST_NO_EXTENSIONS": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parser = Parser(prog="neasmart", description="Gateway for the SYSBUS of a REHAU NEA SMART 2.0.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(commands, "run", "run the gateway with config.json and environment variables", _run)
    _add(commands, "demo", "run the gateway with a simulated base and house", _demo)
    _add(commands, "docs", "print the tables of registers and settings as Markdown", _docs)
    with_options = {
        "simulate": _add(commands, "simulate", "play the base station for any gateway", _simulate),
        "doctor": _add(commands, "doctor", "look at the wiring before anything is configured; sends nothing", _doctor),
        "replay": _add(commands, "replay", "print a capture in words, or act as the base that was recorded", _replay),
        "record": _add(commands, "record", "let a running gateway record the bus for Wireshark", _record),
        "diagnostics": _add(
            commands, "diagnostics", "fetch what a helper needs to know, without secrets", _diagnostics
        ),
        "import": _add(commands, "import", "take settings and registers of an older gateway", _import),
        "token": _add(commands, "token", "print a fresh key for the API, or with --jwt a token that expires", _token),
    }
    names = list(sys.argv[1:] if arguments is None else arguments)
    for name in with_options.keys() & set(names):
        _add_options(name, with_options[name])
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


def _add(
    commands: argparse._SubParsersAction[Parser],
    name: str,
    text: str,
    action: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(action=action)
    return parser


def _add_options(name: str, parser: argparse.ArgumentParser) -> None:
    match name:
        case "simulate":
            from neasmart.simulator import add_arguments  # noqa: PLC0415

            add_arguments(parser)
        case "doctor":
            from neasmart.cli import check  # noqa: PLC0415

            check.add_arguments(parser)
        case "replay":
            from neasmart.cli import replay  # noqa: PLC0415

            replay.add_arguments(parser)
        case "record":
            from neasmart.cli import remote  # noqa: PLC0415

            remote.add_record_arguments(parser)
        case "import":
            from neasmart.cli import older_gateways as older  # noqa: PLC0415

            older.add_arguments(parser)
        case "token":
            from neasmart.cli import credentials  # noqa: PLC0415

            credentials.add_arguments(parser)
        case _:
            from neasmart.cli import remote  # noqa: PLC0415

            remote.add_diagnostics_arguments(parser)


def _run(_namespace: argparse.Namespace) -> int:
    # Loading what follows takes some tenths of a second; until the loop listens there is nothing to close or to reload.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in STOPS:
        signal.signal(number, lambda *_: os._exit(0))
    import asyncio  # noqa: PLC0415

    with _sparingly():
        from neasmart.logs import output as logs  # noqa: PLC0415
        from neasmart.settings import loading as settings_loading  # noqa: PLC0415
        from neasmart.web.http.request_id import REQUEST_ID  # noqa: PLC0415
        from neasmart.wiring import app  # noqa: PLC0415

    async def served() -> None:
        await app.run(found, log_lines=lambda: last.lines)
        # The end of the loop would make another signal deadly again, while Python still tidies up.
        for number in (*STOPS, signal.SIGHUP):
            asyncio.get_running_loop().remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    # What the gateway writes is nobody else's: the database tells when somebody is at home.
    os.umask(0o027)
    found = settings_loading.load_judged()
    last = logs.set_up(found.settings.logging, request_id=REQUEST_ID.get)
    asyncio.run(served())
    return 0


@contextlib.contextmanager
def _sparingly() -> Iterator[None]:
    """Keep aiohttp from loading what nothing here needs.

    It reads all certificates of the system for clients of HTTPS when it is imported: 30 ms of the start and 2 MB. What
    asks for certificates later, such as MQTT over TLS, finds them where they always are. And frozenlist, of which it
    reads a list or two, brings the library of C++, 1.2 MB, unless it is told to be Python.
    """
    before = {name: os.environ.get(name) for name in _WHILE_LOADING}
    os.environ.update(_WHILE_LOADING)
    try:
        yield
    finally:
        for name, text in before.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text


def _demo(_namespace: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from neasmart.cli import demo  # noqa: PLC0415

    return asyncio.run(demo.run())


def _simulate(namespace: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415

    from neasmart.simulator import SimulatorOptions, simulate  # noqa: PLC0415

    options = SimulatorOptions.from_arguments(namespace)
    report = asyncio.run(simulate(options))
    if report.connections:
        return 0
    sys.stderr.write(f"neasmart: no gateway was reached at {options.target}\n")
    return 1


def _doctor(namespace: argparse.Namespace) -> int:
    from neasmart.cli import check  # noqa: PLC0415

    return check.run(namespace)


def _replay(namespace: argparse.Namespace) -> int:
    from neasmart.cli import replay  # noqa: PLC0415

    return replay.run(namespace)


def _record(namespace: argparse.Namespace) -> int:
    from neasmart.cli import remote  # noqa: PLC0415

    return remote.record(namespace)


def _diagnostics(namespace: argparse.Namespace) -> int:
    from neasmart.cli import remote  # noqa: PLC0415

    return remote.diagnostics(namespace)


def _import(namespace: argparse.Namespace) -> int:
    from neasmart.cli import older_gateways as older  # noqa: PLC0415

    return older.run(namespace)


def _token(namespace: argparse.Namespace) -> int:
    from neasmart.cli import credentials  # noqa: PLC0415

    return credentials.run(namespace)


def _docs(_namespace: argparse.Namespace) -> int:
    from neasmart.cli import tables as docs  # noqa: PLC0415

    sys.stdout.write(docs.markdown())
    return 0

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neasmart.cli.command_line import main
from neasmart.cli.serve import sparingly
from tests.support.ports import free_port

PACKAGE_ROOT = Path(__file__).parents[2] / "neasmart_addon"

WRONG = [
    ("bogus", "invalid choice: 'bogus'"),
    ("doctor", "one of the arguments --serial --tcp-listen --rtu-tcp-listen is required"),
    ("doctor --serial /dev/null --unit-ids 0,999", "unit ids from 1 to 247"),
    ("doctor --serial /dev/null --unit-ids 240,,241", "unit ids from 1 to 247"),
    ("doctor --serial /dev/null --seconds nan", "from 0.1 to 86400"),
    ("doctor --serial /dev/null --seconds -1", "from 0.1 to 86400"),
    ("doctor --serial ftp://house", "socket://HOST:PORT"),
    ("doctor --tcp-listen 70000", "from 1 to 65535"),
    ("doctor --tcp-listen 5020 --address 192.0.2.9", "no address of this computer"),
    ("doctor --tcp-listen 5020 --address nowhere.invalid", "no address of this computer"),
    ("simulate --tcp 127.0.0.1:1 --report /nowhere/report.json", "the folder must exist"),
    ("simulate --tcp 127.0.0.1:1 --duration nan", "is not a number"),
    ("simulate --tcp 127.0.0.1:1 --duration inf", "is not a number"),
    ("simulate --tcp 127.0.0.1:99999", "is not HOST:PORT"),
    ("simulate --serial /dev/null --baudrate 0", "from 300 to 921600"),
    ("simulate --tcp 127.0.0.1:1 --commands file:///etc/passwd", "no address such as"),
    ("record --seconds nan here.pcapng", "from 1 to 600"),
    ("record --seconds 601 here.pcapng", "from 1 to 600"),
    ("record --url http://127.0.0.1:x here.pcapng", "no address such as"),
    ("record /nowhere/bus.pcapng", "the folder must exist"),
    ("record /", "is a folder"),
    ("replay bus.pcapng --serve", "--serve needs"),
    ("replay bus.pcapng --tcp 127.0.0.1:502", "--serve needs"),
    ("replay bus.pcapng --serve --tcp 127.0.0.1", "is not HOST:PORT"),
    ("replay bus.pcapng --speed 0", "from 0.001"),
    ("token --days 0", "from 1 to 3650"),
    ("token --days 30", "--days needs --jwt"),
]


@pytest.mark.parametrize(("line", "said"), WRONG, ids=[line for line, _ in WRONG])
def test_what_is_wrong_on_a_command_line_is_said_in_one_line_with_one_code(
    line: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    try:
        code: object = main(line.split())
    except SystemExit as ended:
        code = ended.code

    told = capsys.readouterr()
    assert (code, told.out) == (2, "")
    assert told.err.startswith("neasmart: ")
    assert told.err.count("\n") == 1
    assert said in told.err


def test_a_base_that_never_reaches_a_gateway_says_so_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()

    code = main(["simulate", "--tcp", f"127.0.0.1:{port}", "--duration", "0.2"])

    assert code == 1
    assert capsys.readouterr().err == f"neasmart: no gateway was reached at 127.0.0.1:{port}\n"


@pytest.mark.parametrize("key", ["a\nb", "\u20ac"])
def test_a_key_that_no_header_can_carry_is_refused_in_words(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["record", "--api-key", key, "--url", "http://127.0.0.1:1", "/dev/null"])

    assert code == 1
    assert "The API key has signs that no key can have" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://a..b:1", "http://127.0.0.1:1/ä"])
def test_an_address_that_no_request_can_carry_is_not_taken_for_a_key(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "--url", url, "/dev/null"]) == 1

    assert f"No gateway answers at {url}" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    line = [sys.executable, "-m", "neasmart", "docs"]
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(PACKAGE_ROOT)},
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()

        assert running.stderr.read() == ""
        assert running.wait(60) == 1


def test_a_start_loads_nothing_that_only_some_need() -> None:
    code = (
        "import sys; from neasmart.cli.serve import sparingly\n"
        "with sparingly(): import neasmart.wiring.app\n"
        "print(*sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE_ROOT, check=True, capture_output=True, text=True)

    loaded = set(said.stdout.split())
    assert "aiohttp.web" in loaded
    rare = {
        "serialx",
        "pymodbus",
        "frozenlist._frozenlist",
        "importlib.metadata",
        "difflib",
        "jwt",
        "prometheus_client",
    }
    assert loaded.isdisjoint(rare)


@pytest.mark.parametrize("before", [None, "0"])
def test_what_is_set_while_importing_is_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv("FROZENLIST_NO_EXTENSIONS", raising=False)
    if before is not None:
        monkeypatch.setenv("FROZENLIST_NO_EXTENSIONS", before)

    with sparingly():
        assert os.environ["FROZENLIST_NO_EXTENSIONS"] == "1"

    assert os.environ.get("FROZENLIST_NO_EXTENSIONS") == before


def test_a_thread_that_computes_lets_the_bus_go_on_soon(tmp_path: Path) -> None:
    code = """
import sys
from neasmart.cli import serve
with serve.sparingly():
    from neasmart.wiring import app
async def run(*_, **__):
    print(sys.getswitchinterval())
app.run = run
serve.run(None)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE_ROOT)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert 0 < float(done.stdout) <= 0.001

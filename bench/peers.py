"""Makes what the gateway is compared with: a slave on libmodbus, two web servers, and a disk that stalls."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.ports import free_port
from tests.support.processes import eventually

ROOT = Path(__file__).parents[1]
BENCH = ROOT / "bench"
ENVIRONMENT = ROOT / ".venv-bench"


@cache
def _built_in() -> Path:
    return Path(tempfile.mkdtemp(prefix="neasmart-bench-"))


@cache
def libmodbus_slave() -> Path:
    """Build the slave; return its path."""
    program = _built_in() / "slave"
    subprocess.run(["gcc", "-O2", str(BENCH / "slave.c"), "-o", str(program), "-lmodbus"], check=True)
    return program


@cache
def slow_disk() -> Path:
    """Build the library that makes a disk stall; return its path."""
    library = _built_in() / "slow_disk.so"
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", str(BENCH / "slow_disk.c"), "-o", str(library), "-ldl"], check=True
    )
    return library


@cache
def _flask_python() -> Path:
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*pip, "-r", str(BENCH / "requirements.txt")], check=True)
        (ENVIRONMENT / ".installed").touch()
    return python


@contextmanager
def flask() -> Iterator[str]:
    """Run the Flask application; yield the address of one zone."""
    with _serving(_flask_python(), "flask_zone.py") as address:
        yield address


@contextmanager
def bare_handler() -> Iterator[str]:
    """Run a handler of aiohttp with nothing around it; yield the address of one zone."""
    with _serving(Path(sys.executable), "bare_handler.py") as address:
        yield address


@contextmanager
def _serving(python: Path, program: str) -> Iterator[str]:
    port = free_port()
    with subprocess.Popen([str(python), str(BENCH / program), str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}/zones/1/1"
            eventually(lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", address], check=False).returncode == 0)
            yield address
        finally:
            process.terminate()

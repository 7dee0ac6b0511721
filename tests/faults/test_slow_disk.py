"""Promise: a disk that takes five seconds for a write delays neither base nor stop, and health says so."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from tests.support.processes import GatewayProcess, eventually, gateway_process
from tests.support.steady_base import OFTEN, TcpLine, bounded, steady_base

SLOW_DISK = Path(__file__).parents[2] / "bench" / "slow_disk.c"
QUICK = {"NEASMART_DATABASE_FLUSH_INTERVAL_SECONDS": "1", **OFTEN}


def test_a_disk_of_five_seconds_a_write_delays_neither_base_nor_stop(tmp_path: Path) -> None:
    library = tmp_path / "slow_disk.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", str(SLOW_DISK), "-o", str(library), "-ldl"], check=True)
    slow = {"LD_PRELOAD": str(library), "SLOW_DISK": str(tmp_path), "SLOW_DISK_S": "5"}
    with gateway_process(tmp_path, **QUICK) as gateway, steady_base(lambda: TcpLine(gateway.bus_port)) as base:
        base.goes_on()
        eventually(lambda: stored(gateway)["transactions"])
        assert stored(gateway)["healthy"]
    gateway.stop()
    assert None not in shown(tmp_path)

    with gateway_process(tmp_path, **QUICK, **slow) as gateway:
        with steady_base(lambda: TcpLine(gateway.bus_port)) as base, bounded(gateway, descriptors=3):
            eventually(lambda: "is slow to answer" in (stored(gateway)["detail"] or ""))
            health = gateway.get("/health")
            assert health["status"] == "degraded"
            assert any("is slow to answer" in reason for reason in health["reasons"])
            assert stored(gateway)["using_fallback"]
            base.goes_on(100)
            assert base.slowest_s < 0.5
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < 3.0
        assert "Traceback" not in gateway.log

    assert None not in shown(tmp_path)


def stored(gateway: GatewayProcess) -> dict[str, Any]:
    document: dict[str, Any] = gateway.get("/health")["database"]
    return document


def shown(folder: Path) -> tuple[object, object]:
    """Return what a start on a good disk shows of the room."""
    with gateway_process(folder) as gateway:
        zone = gateway.found("/api/v1/zones/1/1")
        assert stored(gateway)["healthy"], stored(gateway)
        gateway.stop()
    assert zone["stale"]
    return zone["setpoint"], zone["temperature"]

"""What is saved in the form counts in the running app as soon as its page is opened, in the process that runs."""

from __future__ import annotations

from pathlib import Path

from tests.support.desk import OFTEN, under_home_assistant
from tests.support.mosquitto import Mosquitto
from tests.support.processes import eventually
from tests.support.steady_base import TcpLine


def test_unit_ids_broker_names_and_link_change_in_the_process_that_runs(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with under_home_assistant(tmp_path, **OFTEN) as (supervisor, desk):
        gateway = desk.gateway
        assert gateway.process is not None
        process = gateway.process.pid
        line = TcpLine(gateway.bus_port)
        line.tell("00 10 0064 00 03 06 0001 0C65 0C1A")
        assert line.ask("f0 03 0064 00 02")[:2] == bytes((240, 3))
        line.close()

        supervisor.save_in_form(modbus={"slave_id": "241"})
        desk.open_page()
        eventually(lambda: next(iter(gateway.get("/api/v1/bus")["last_poll_age_s"])) == "241")
        line = TcpLine(gateway.bus_port)
        line.tell("f0 03 0064 00 02")  # an answer would come before that to the next
        assert line.ask("f1 03 0064 00 02")[:2] == bytes((241, 3))
        line.close()

        broker = {**supervisor.options["mqtt"], "host": "127.0.0.1", "port": mosquitto.port, "language": "de"}
        supervisor.save_in_form(mqtt=broker)
        desk.open_page()
        eventually(lambda: gateway.get("/api/v1/health")["mqtt"]["connected"])
        desk.on_page("PUT", "rooms", {"rooms": [{"base_id": 1, "zone_id": 1, "name": "Bad"}]})
        assert gateway.get("/api/v1/zones/1/1")["name"] == "Bad"

        stick = desk.sockets.plug("ttyUSB0")
        supervisor.save_in_form(server={**supervisor.options["server"], "serial_port": str(stick.path)})
        desk.open_page()
        eventually(lambda: gateway.get("/api/v1/bus")["link"]["connected"])
        assert (gateway.process.pid, gateway.process.poll(), supervisor.restarts) == (process, None, 0)

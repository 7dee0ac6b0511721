"""The reference for REST: Flask and waitress answering one zone from memory. Runs in an environment of its own."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask
from waitress import serve

ZONE: dict[str, Any] = {
    "id": 1,
    "base_id": 1,
    "name": None,
    "state": 1,
    "setpoint": 21.0,
    "temperature": 20.5,
    "relative_humidity": 45,
    "stale": False,
    "pending": None,
}
application = Flask(__name__)


@application.get("/zones/<int:base_id>/<int:zone_id>")
def zone(base_id: int, zone_id: int) -> dict[str, Any]:
    return ZONE | {"base_id": base_id, "id": zone_id}


if __name__ == "__main__":
    serve(application, host="127.0.0.1", port=int(sys.argv[1]), threads=8)

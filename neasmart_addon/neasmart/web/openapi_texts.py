"""What a reader of the API wants to know of each path beyond its summary."""

from __future__ import annotations

from collections.abc import Mapping

_COMMAND = (
    "The answer comes at once with the ids of commands; `GET /api/v1/commands/{command_id}` follows one until the base "
    "has confirmed it, or tells why not. Without a connection to the base it is refused unless `queue=true`."
)
_ROOT = "Existing clients get nothing but status 202 and no body."
_EQUIPMENT = "`null` as long as the base has told nothing of it."

DESCRIPTIONS: Mapping[str, str] = {
    "GET /api/v1/zones": "Rooms whose temperature has been received, in the order of their numbers; `include_inactive` "
    "adds all other places, `base_id` keeps those of one base.",
    "GET /api/v1/zones/{base_id}/{zone_id}": "What the base told last, with its age; `pending` is a command that is "
    "under way. A room that was never heard answers with `null` values.",
    "POST /api/v1/zones/{base_id}/{zone_id}": f"Nothing is applied unless the whole body is valid. {_COMMAND}",
    "DELETE /api/v1/zones/{base_id}/{zone_id}": "It comes back by itself if the base writes it.",
    "GET /api/v1/rooms": "Names, floors, order and what is hidden: the bus carries none of it, so it is kept here.",
    "PUT /api/v1/rooms": "A room or a field that is left out stays as it is.",
    "GET /api/v1/setup": "Devices, converters and what is chosen; on the listener of the page only.",
    "POST /api/v1/setup/listen": "Nothing is stored and no byte is sent; the link of before comes back afterwards.",
    "POST /api/v1/setup/apply": "Stored where settings live: in the form of the app, or in `config.json`.",
    "GET /api/v1/outsidetemperature": "As measured, and smoothed by the base.",
    "GET /api/v1/notifications": "Whether the base shows hints, warnings or errors; the bus does not carry which.",
    "GET /api/v1/mode": "Heating, cooling or by itself, for the whole house.",
    "POST /api/v1/mode": f"Changes the season for the whole house. {_COMMAND}",
    "GET /api/v1/state": "One state for the whole house; `mixed` tells that rooms differ.",
    "POST /api/v1/state": f"Takes the place of states and setpoints that were given to rooms. {_COMMAND}",
    "GET /api/v1/mixedgroups/{group_id}": f"Valve, pump and temperatures of a circuit. {_EQUIPMENT}",
    "GET /api/v1/dehumidifiers/{dehumidifier_id}": f"0 off, 1 on. {_EQUIPMENT}",
    "GET /api/v1/pumps/{pump_id}": f"0 off, 1 on. {_EQUIPMENT}",
    "GET /api/v1/points": "Each value of the register table, raw and decoded, with age and quality; registers that the "
    "base writes without anybody knowing why stand beside them.",
    "GET /api/v1/points/{point_id}": "One value of the register table by its id, such as `zone.1.3.setpoint`.",
    "PUT /api/v1/points/{point_id}": f"Sets any value that the base asks for. {_COMMAND}",
    "GET /api/v1/commands": "Those that are under way and those that have ended since the start.",
    "GET /api/v1/commands/{command_id}": "Its state with the times at which it was given, read by the base, and ended.",
    "POST /api/v1/commands/{command_id}/undo": "What has not been read is withdrawn; what has been is set back to the "
    "value of before, unless somebody has changed it since. Possible for ten minutes.",
    "GET /api/v1/history": "Each value holds until the next one. Thinned to `max_points` so that extremes are kept.",
    "GET /api/v1/bus": "Counters, ages, and statistics of the walk of the base.",
    "GET /api/v1/sync": "How many of all values have not been written since they were asked for.",
    "POST /api/v1/sync": "The base writes each value anew the next time that it asks for it; nothing is changed.",
    "GET /api/v1/doctor": "One sentence, what to do, and what it was concluded from.",
    "GET /api/v1/diagnostics": "Versions, settings without secrets, bus and log in one file, to be added to an issue.",
    "GET /api/v1/captures": "Whether a recording runs, and those that are kept.",
    "POST /api/v1/captures": "Writes every byte of the bus to a file until the time is over or it is stopped.",
    "POST /api/v1/captures/stop": "Ends the recording that runs; its file can be fetched from then on.",
    "GET /api/v1/captures/{name}": "In the format pcapng: each frame decoded as Modbus, registers named in comments.",
    "DELETE /api/v1/captures/{name}": "Removes its file for good.",
    "GET /api/v1/health": "The same as `/health`, which needs no key.",
    "GET /api/v1/schema": "What the values of points mean: units, limits, steps and words for numbers.",
    "GET /api/v1/snapshot": "What the WebSocket sends first, for programs that would rather ask again and again.",
    "GET /api/openapi.json": "Made from the register table and the routes that this listener has.",
    "GET /api/docs": "Swagger UI from the gateway itself; it needs no internet.",
    "GET /api/docs/{name}": "Scripts and styles, packed if the browser takes that.",
    "GET /metrics": "In the text format of Prometheus: readings, bus, commands, storage, MQTT and answers.",
    "GET /health": "Status 200 also while the bus is silent, with what is wrong as `reasons`; never limited.",
    "GET /zones/{base_id}/{zone_id}": "A command that is under way is shown as if it were done.",
    "POST /zones/{base_id}/{zone_id}": f"As under `/api/v1`. {_ROOT}",
    "GET /mode": "A command that is under way is shown as if it were done.",
    "POST /mode": f"As under `/api/v1`. {_ROOT}",
    "GET /state": "Never 0: while rooms differ it is the last state that was common.",
    "POST /state": f"As under `/api/v1`. {_ROOT}",
    "GET /outsidetemperature": "As under `/api/v1`.",
    "GET /notifications": "As under `/api/v1`, but never `null`.",
    "GET /mixedgroups/{group_id}": "As under `/api/v1`, but the pump is never `null`.",
    "GET /dehumidifiers/{dehumidifier_id}": "As under `/api/v1`, but never `null`.",
    "GET /pumps/{pump_id}": "As under `/api/v1`, but never `null`.",
}

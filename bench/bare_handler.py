"""The floor of REST: what aiohttp itself takes to answer the bytes of one zone, by one route with two names."""

from __future__ import annotations

import sys

from aiohttp import web

ZONE = (
    b'{"base_id":1,"zone_id":1,"name":null,"state":1,"setpoint":21.0,"temperature":20.5,"relative_humidity":45,'
    b'"address":100,"active":true,"age_s":4.2,"stale":false,"pending":null}'
)


async def zone(_: web.Request) -> web.Response:
    return web.Response(body=ZONE, content_type="application/json")


if __name__ == "__main__":
    application = web.Application()
    application.router.add_get("/zones/{base_id}/{zone_id}", zone)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)

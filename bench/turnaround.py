"""How many polls are answered on a noisy pty, and how fast: foreign frames, vendor bytes, bad checksums, splits.

The gateway runs in a process of its own, as in real life; this process is the base. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import select
import statistics
import subprocess
import sys
import time
import tty

from neasmart.config import ModbusSettings, ServerSettings, ServerType
from neasmart.sysbus import Link
from neasmart.sysbus.crc import crc16, with_crc
from tests.support.bus import new_gateway

LATE_S = 0.02


async def serve(path: str) -> None:
    """Run the gateway's bus side on a line."""
    settings = ServerSettings(type=ServerType.SERIAL, serial_port=path)
    await Link(settings, ModbusSettings(), new_gateway()).run()


def poll(unit: int, address: int, count: int) -> bytes:
    return with_crc(bytes((unit, 3)) + address.to_bytes(2, "big") + count.to_bytes(2, "big"))


def broadcast(address: int, words: list[int]) -> bytes:
    head = bytes((0, 16)) + address.to_bytes(2, "big") + len(words).to_bytes(2, "big") + bytes((2 * len(words),))
    return with_crc(head + b"".join(word.to_bytes(2, "big") for word in words))


def trouble(chance: random.Random) -> bytes:
    """Return what else is on the line: whole, damaged, cut, foreign or plain noise."""
    good = broadcast(100 * chance.randint(1, 12), [chance.randint(1, 6), chance.randint(0, 0x0FD0)])
    foreign = poll(16, 100, 2)
    return chance.choice(
        (
            b"",
            good,
            good * chance.randint(2, 20),
            good[:-1] + bytes((good[-1] ^ 0x40,)),
            good[: chance.randint(1, len(good) - 1)],
            foreign,
            foreign + with_crc(bytes.fromhex("10 03 04 00 01 0C 33")),
            with_crc(bytes.fromhex("10 83 02")),
            bytes.fromhex("AA 55 0C 02 01 7E"),
            with_crc(bytes.fromhex("F0 41 01 02 03")),
            with_crc(bytes.fromhex("F0 03 00")),
            bytes.fromhex("F0 10 00 64 00 77 EE"),
            bytes.fromhex("F0 03"),
            chance.randbytes(chance.randint(1, 40)),
        )
    )


def write(line: int, content: bytes, chance: random.Random) -> None:
    """Send in one or several pieces."""
    while content:
        size = chance.choice((1, 3, 7, len(content), len(content), len(content)))
        os.write(line, content[:size])
        content = content[size:]


def read_reply(line: int, length: int, within_s: float) -> bytes:
    """Return what comes until the length is complete or the time is over."""
    received = b""
    deadline = time.perf_counter() + within_s
    while len(received) < length:
        left_s = deadline - time.perf_counter()
        if left_s <= 0 or not select.select([line], [], [], left_s)[0]:
            break
        received += os.read(line, 4096)
    return received


def measure(line: int, polls: int, *, noisy: bool) -> dict[str, object]:
    """Poll and judge every reply."""
    chance = random.Random(7)
    times: list[float] = []
    answered = unasked = wrong = 0
    for number in range(polls):
        if noisy:
            write(line, trouble(chance), chance)
            unasked += bool(read_reply(line, 1, 0.002))
        unit, count = chance.choice((240, 241)), chance.choice((1, 2, 2, 2, 11, 35))
        request = poll(unit, 100 * (1 + number % 12), count)
        if noisy and chance.random() < 0.2:
            os.write(line, request[:3])
            request = request[3:]
        begun = time.perf_counter()
        os.write(line, request)
        reply = read_reply(line, 5 + 2 * count, 0.1)
        times.append(time.perf_counter() - begun)
        right = len(reply) == 5 + 2 * count and reply[0] == unit and crc16(reply) == 0
        answered += right
        wrong += bool(reply) and not right
    times.sort()
    return {
        "polls": polls,
        "answered_percent": round(100 * answered / polls, 3),
        "wrong_replies": wrong,
        "replies_to_nobody": unasked,
        "late_over_20_ms": sum(each > LATE_S for each in times),
        "turnaround_ms_p50": round(1000 * statistics.median(times), 3),
        "turnaround_ms_p99": round(1000 * times[int(0.99 * len(times))], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polls", type=int, default=10_000)
    parser.add_argument("--serve", metavar="PATH", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
        return
    line, slave = os.openpty()
    tty.setraw(slave)
    gateway = subprocess.Popen([sys.executable, "-m", "bench.turnaround", "--serve", os.ttyname(slave)])
    try:
        while not read_reply(line, 9, 0.5):
            os.write(line, poll(240, 100, 2))
        result = {name: measure(line, arguments.polls, noisy=name == "noisy") for name in ("quiet", "noisy")}
        print(json.dumps(result, indent=2))
    finally:
        gateway.terminate()
        gateway.wait()


if __name__ == "__main__":
    main()

"""Measures what the statistics and the doctor cost: between request and reply, and once a second."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for what the tests share

from neasmart.diagnosis.bus_watch import BusWatch, Scene
from neasmart.diagnosis.traffic import Traffic
from neasmart.facts.status import BusCounters, LinkStatus
from tests.support.uart import walk

FRAMES = [(frame[0], frame[1:-2], frame) for frame in walk(25)]


def main() -> None:
    traffic, watch = Traffic(), BusWatch((240, 241))
    hot = counted = patterns = 0.0
    rounds = 20
    for number in range(rounds):
        began = time.perf_counter()
        for unit_id, pdu, raw in FRAMES:
            traffic.heard((float(number), unit_id, pdu))
            watch.bytes.take(raw)
        hot += time.perf_counter() - began
        began = time.perf_counter()
        traffic.digest()
        counted += time.perf_counter() - began
        began = time.perf_counter()
        scene = Scene(link=LinkStatus(connected=True, code="connected"), counters=BusCounters())
        watch.look(float(number), scene)
        patterns += time.perf_counter() - began
    frames = rounds * len(FRAMES)
    print(f"between request and reply: {hot / frames * 1e6:.2f} us a frame")
    print(f"counting, once a second:   {counted / frames * 1e6:.2f} us a frame")
    print(f"doctor, once a second:     {patterns / rounds * 1e3:.2f} ms with {len(FRAMES)} frames a second")


if __name__ == "__main__":
    main()

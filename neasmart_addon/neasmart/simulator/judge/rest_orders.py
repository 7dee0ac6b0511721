"""Asks a gateway's REST API what people have commanded, so that the oracle knows it when a command is served."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from neasmart.facts.network import API
from neasmart.facts.points import TABLE
from neasmart.simulator.judge.oracle import Explanation, Oracle, Order

log = logging.getLogger(__name__)

_PATH = f"{API}/commands?limit=100"
_TIMEOUT_S = 5.0
_ON_THE_WAY_S = 0.01
"""What the base wrote so shortly before may have come after the command: times are told in milliseconds."""


class RestOrders:
    """The commands of one gateway, each told to the oracle once, and its end once."""

    def __init__(self, url: str, oracle: Oracle) -> None:
        """Ask at ``http://host:port``."""
        self._url = url.rstrip("/") + _PATH
        self._oracle = oracle
        self._orders: dict[str, Order] = {}

    async def refresh(self) -> bool:
        """Learn what is new; return False if the gateway does not say."""
        try:
            commands = await asyncio.to_thread(self._fetched)
        except (OSError, ValueError, KeyError) as error:
            log.info("The gateway does not tell its commands: %s", error)
            return False
        offset_s = asyncio.get_running_loop().time() - time.time()
        for command in sorted(commands, key=_given):
            self._take(command, offset_s)
        return True

    def _take(self, command: Mapping[str, Any], offset_s: float) -> None:
        order = self._orders.get(command["id"])
        if order is None:
            ref = TABLE.ref(command["point"])
            word = ref.point.codec.encode(command["value"])
            order = self._oracle.ordered(ref.address, word, _unix_s(command["queued_at"]) + offset_s + _ON_THE_WAY_S)
            self._orders[command["id"]] = order
        if command["ended_at"] is not None:
            order.stop(Explanation.ENDED, _unix_s(command["ended_at"]) + offset_s + _ON_THE_WAY_S)

    def _fetched(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(self._url, timeout=_TIMEOUT_S) as reply:  # noqa: S310 - the URL is our user's own
            return list(json.load(reply)["commands"])


def _given(command: Mapping[str, Any]) -> tuple[str, int]:
    """Return what sorts commands as they were given; those of one request differ by the number in their id."""
    return str(command["queued_at"]), int(command["id"].rpartition("-")[2])


def _unix_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

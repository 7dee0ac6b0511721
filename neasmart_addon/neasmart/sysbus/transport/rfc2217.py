"""Lets serialx talk to RFC 2217 servers that do not confirm which modem and line states they shall report.

Measured with ser2net 4.3 (Debian 12): it takes SET-MODEMSTATE-MASK without a word, and serialx waits for the word until
the connection is given up. The bus needs neither.
"""

from __future__ import annotations

import asyncio

from serialx.platforms.serial_rfc2217 import RFC2217SerialTransport
from serialx.platforms.serial_rfc2217.types import Rfc2217Command, SetLinestateMaskCmd, SetModemstateMaskCmd

CONFIRM_S = 0.3


class LenientTransport(RFC2217SerialTransport):
    """Goes on without the confirmations that nobody needs."""

    async def _send_and_wait(self, cmd: Rfc2217Command) -> Rfc2217Command:
        if not isinstance(cmd, SetLinestateMaskCmd | SetModemstateMaskCmd):
            return await super()._send_and_wait(cmd)
        try:
            async with asyncio.timeout(CONFIRM_S):
                return await super()._send_and_wait(cmd)
        except TimeoutError:
            return cmd

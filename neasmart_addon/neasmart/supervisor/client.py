"""Asks the Supervisor what an app may ask about itself; no other permission is needed than the app's own token.

What it answers is checked, because other software pretends to be a Supervisor, too.
The Supervisor writes `/data/options.json` at a start only, so what is saved in the form later is learned here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from neasmart.facts.errors import NeasmartError

TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105 - the name of the variable, not its content
URL = "http://supervisor"
TIMEOUT_S = 10.0
_ANSWER_LIMIT = 1024 * 1024
_OK = 200
_SLUG = re.compile(r"[a-z0-9_]{1,64}")
_YEAR = re.compile(r"(20\d\d)\.")
_APPS_SINCE = 2026


class SupervisorError(NeasmartError):
    """The Supervisor is away or refuses; the message is one sentence for the owner and holds no secret."""

    code = "supervisor"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        """Take the sentence, and the status of HTTP if there was an answer."""
        super().__init__(message)
        self.status = status


class Supervisor:
    """The Supervisor, as far as it concerns this app."""

    def __init__(self, token: str, *, url: str = URL, timeout_s: float = TIMEOUT_S) -> None:
        """Ask nothing yet."""
        self._token = token
        self._url = url
        self._timeout_s = timeout_s

    @classmethod
    def known_to(cls, environment: Mapping[str, str]) -> Supervisor | None:
        """Return the Supervisor that has started us, None outside Home Assistant."""
        token = environment.get(TOKEN)
        return cls(token) if token else None

    async def options(self) -> dict[str, Any]:
        """Return the options as they are saved now; raise SupervisorError."""
        return await self._ask("GET", "/addons/self/options/config")

    async def info(self) -> dict[str, Any]:
        """Return what the Supervisor knows of the app: its saved `options`, its `network` and more."""
        return await self._ask("GET", "/addons/self/info")

    async def broker(self) -> dict[str, Any]:
        """Return what the Supervisor knows of the MQTT broker: `host`, `port`, `username`, `password`, `ssl`.

        Raises SupervisorError, while there is no broker with status 400.
        """
        return await self._ask("GET", "/services/mqtt")

    async def page(self) -> str | None:
        """Return the address under which Home Assistant shows our page, None if nobody can tell."""
        try:
            return page_of(await self.info(), await self._ask("GET", "/info"))
        except SupervisorError:
            return None

    async def store(self, options: Mapping[str, Any]) -> None:
        """Save all options, which replace what was there; raise SupervisorError."""
        await self._ask("POST", "/addons/self/options", {"options": options})

    async def open_ports(self, network: Mapping[str, int | None]) -> None:
        """Save all ports, which replace what was there, and leave the options alone; raise SupervisorError."""
        await self._ask("POST", "/addons/self/options", {"network": network})

    async def restart(self) -> None:
        """Have the app started anew; the answer may not come any more."""
        await self._ask("POST", "/addons/self/restart")

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        import aiohttp  # noqa: PLC0415 - only needed where a Supervisor is

        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s)) as session,
                session.request(
                    method, f"{self._url}{path}", headers=headers, json=body, allow_redirects=False
                ) as response,
            ):
                status = response.status
                text = b""
                # What the Supervisor knows of an app is some ten kilobytes, which come in several pieces.
                async for piece in response.content.iter_any():
                    text += piece
                    if len(text) > _ANSWER_LIMIT:
                        raise SupervisorError("The Supervisor's answer is too long.", status=status)
        except TimeoutError as error:
            raise SupervisorError(f"The Supervisor did not answer within {self._timeout_s:g} s.") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SupervisorError(f"The Supervisor cannot be reached ({type(error).__name__}).") from error
        return answered(status, text)


def page_of(own: Mapping[str, Any], system: Mapping[str, Any]) -> str | None:
    """Return the address of our page by what the Supervisor says of the app and of the system.

    Home Assistant moved the pages of apps in 2026, and neither place leads to the other.
    """
    slug, version = own.get("slug"), system.get("homeassistant")
    if not isinstance(slug, str) or not _SLUG.fullmatch(slug):
        return None
    year = _YEAR.match(version) if isinstance(version, str) else None
    place = "hassio/ingress" if year is not None and int(year[1]) < _APPS_SINCE else "app"
    return f"homeassistant://{place}/{slug}"


def answered(status: int, text: bytes) -> dict[str, Any]:
    """Return the data of an answer; raise SupervisorError if it holds none or refuses."""
    try:
        answer = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise SupervisorError(f"The Supervisor's answer cannot be read (HTTP {status}).", status=status)
    if status != _OK or answer.get("result") != "ok":
        message = answer.get("message")
        why = str(message)[:300] if message else f"HTTP {status}"
        raise SupervisorError(f"The Supervisor refuses: {why}", status=status)
    data = answer.get("data")
    return data if isinstance(data, dict) else {}

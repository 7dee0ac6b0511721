"""What Home Assistant's Supervisor tells an app about itself; asked over its API with the app's own token.

`/services/mqtt`, `/addons/self/info` and `/info` need no permission in the manifest. Everything in the answers is
checked, because other software pretends to be a Supervisor, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from neasmart.facts.errors import NeasmartError

TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105 - the name of the variable, not its content
SUPERVISOR_URL = "http://supervisor"
_ASK_TIMEOUT_S = 5.0
_ANSWER_LIMIT = 64 * 1024
_OK = 200
_SLUG = re.compile(r"[a-z0-9_]{1,64}")
_YEAR = re.compile(r"(20\d\d)\.")
_APPS_SINCE = 2026


class BrokerError(NeasmartError):
    """The broker cannot be used now; the message is one sentence for the user and holds no secret."""

    code = "no_broker"


async def ask(url: str, token: str) -> tuple[int, bytes]:
    """Return status and body of an answer; raise BrokerError if there is none."""
    import aiohttp  # noqa: PLC0415 - only needed where a Supervisor is

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ASK_TIMEOUT_S)) as session,
            session.get(url, headers={"Authorization": f"Bearer {token}"}, allow_redirects=False) as response,
        ):
            return response.status, await response.content.read(_ANSWER_LIMIT)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise BrokerError(f"The Supervisor cannot be asked for the MQTT broker ({type(error).__name__}).") from error


def document(text: bytes) -> Any:
    """Return the JSON of an answer, None if it holds none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


async def page_url(environment: Mapping[str, str], *, supervisor_url: str) -> str | None:
    """Return the address under which Home Assistant shows our page, None outside of it or if nobody can tell."""
    token = environment.get(TOKEN)
    if not token:
        return None
    try:
        _, own = await ask(f"{supervisor_url}/addons/self/info", token)
        _, system = await ask(f"{supervisor_url}/info", token)
    except BrokerError:
        return None
    return page_of(own, system)


def page_of(own: bytes, system: bytes) -> str | None:
    """Return the address of our page from the answers about the app and about the system.

    Home Assistant moved the pages of apps in 2026, and neither place leads to the other.
    """
    slug, version = _field(own, "slug"), _field(system, "homeassistant")
    if slug is None or not _SLUG.fullmatch(slug):
        return None
    year = _YEAR.match(version or "")
    place = "hassio/ingress" if year is not None and int(year[1]) < _APPS_SINCE else "app"
    return f"homeassistant://{place}/{slug}"


def _field(text: bytes, name: str) -> str | None:
    answer = document(text)
    content = answer.get("data") if isinstance(answer, dict) else None
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None

"""What the two listeners say about themselves."""

from __future__ import annotations

from dataclasses import dataclass

WEB = "status/web"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebStatus:
    """The API and the ingress listener; `failed` once one of them could not get its port and is trying again."""

    api: bool = False
    ingress: bool = False
    failed: bool = False
    detail: str = "The listeners are starting."

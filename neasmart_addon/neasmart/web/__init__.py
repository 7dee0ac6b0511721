"""REST, WebSocket and the ingress page: how people and programs see the heating system and command it."""

from neasmart.web.api.seeing import Sights
from neasmart.web.server import WebServer

__all__ = ["Sights", "WebServer"]

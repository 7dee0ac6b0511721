"""Serves the page and what it loads from memory, under a path that changes with the content.

A path that changes can be cached for ever, so an update is complete or not seen at all. Only files that were found at
the start are served, so no path can lead out of the folder.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from neasmart.core.gateway import Gateway
from neasmart.facts import languages
from neasmart.facts.network import API
from neasmart.web.http.problems import Problem

FILES = "/static/{version}/{path:.+}"
FOLDER = Path(__file__).with_name("static")
# What vendor.mjs makes of the folder: the same page in fewer and smaller files.
PACKED = Path("vendor", "packed")

_LOG = logging.getLogger(__name__)
_INDEX = "index.html"
_FORM = "sign_in/index.html"
_FINGERPRINT = "sources.sha256"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""What a page has, all of it text that is worth packing."""
_REFERENCE = re.compile(r"""(?<=["'])(\./)?static/([^"'?#\s]+)""")
_GZIP = re.compile(r"(?<![\w-])gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
_LANGUAGES = 'data-languages=""'
# Words of the tabs and of the room's sheet, by the beginning of their keys: no first look needs them.
_LATER = frozenset({"air", "bus", "counter", "day", "guide", "history", "keys", "quality", "session", "source"})
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    body: bytes
    packed: bytes
    content_type: str


class Assets:
    """The files of the page as they were at the start."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Take the files by their path below the folder; computes, so it belongs into a thread."""
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.encode() + b"\0" + files[path])
        self.version = digest.hexdigest()[:12]
        index = self._completed(files[_INDEX].decode(), files).encode() if _INDEX in files else None
        self.index = None if index is None else _asset(_INDEX, index)
        # The same page where one signs in to see it, so that it can offer to sign out.
        self._behind_login = (
            None if index is None else _asset(_INDEX, index.replace(b"<html ", b"<html data-login ", 1))
        )
        self.form = self._completed(files[_FORM].decode(), files) if _FORM in files else ""
        self._files = {path: _asset(path, body) for path, body in files.items() if not path.endswith(_INDEX)}

    @classmethod
    def load(cls, folder: Path) -> Assets:
        """Read all files of the folder that a page can use, packed if they were packed as they are now; blocks.

        The page's texts are joined by those that it shares with others, and parted into what the first look needs
        and what comes after it.
        """
        folder = _packed_or_plain(folder)
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _TYPES
        }
        for language in languages.known():
            path = f"i18n/{language}.json"
            if path in files:
                told = {**languages.read(language), **json.loads(files[path])}
                later = {key: text for key, text in told.items() if key.partition(".")[0] in _LATER}
                files[path] = _texts({key: text for key, text in told.items() if key not in later})
                files[f"later/{language}.json"] = _texts(later)
        return cls(files)

    def body(self, path: str) -> bytes:
        """Return a file as it is served, unpacked; KeyError if there is none."""
        return self._files[path].body

    def texts(self, folder: str) -> dict[str, dict[str, str]]:
        """Return the texts of a folder by language."""
        return {
            Path(path).stem: json.loads(asset.body)
            for path, asset in self._files.items()
            if path.startswith(f"{folder}/") and path.endswith(".json")
        }

    def page(self, request: web.Request, gateway: Gateway, *, behind_login: bool = False) -> web.Response:
        """Answer with the page; behind a login nothing keeps it, so that nobody sees it after signing out."""
        index = self._behind_login if behind_login else self.index
        page = index if index is not None else _asset(_INDEX, _placeholder(gateway))
        return _answer(request, page, cache="no-store" if behind_login else "no-cache")

    async def file(self, request: web.Request) -> web.Response:
        """Answer with what the page loads."""
        asset = self._files.get(request.match_info["path"])
        if asset is None or request.match_info["version"] != self.version:
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", "The page has no such file, or not in this version")
        return _answer(request, asset, cache=_FOREVER)

    def routes(self, gateway: Gateway, on_page: Callable[[], None] = lambda: None) -> list[web.RouteDef]:
        """Return the routes of the page where nobody signs in; `on_page` is called when it is opened."""

        async def page(request: web.Request) -> web.Response:
            on_page()
            return self.page(request, gateway)

        return [web.get("/", page), web.get(FILES, self.file)]

    def _completed(self, page: str, files: dict[str, bytes]) -> str:
        """Tell the page which languages there are, and put the version into each reference to a file.

        A version that stands there already is replaced.
        """
        languages = sorted(Path(path).stem for path in files if path.startswith("i18n/"))
        page = page.replace(_LANGUAGES, f'data-languages="{" ".join(languages)}"')

        def reference(match: re.Match[str]) -> str:
            path = match[2]
            if path not in files and path.partition("/")[2] in files:
                path = path.partition("/")[2]
            if path not in files:
                _LOG.warning("The page refers to static/%s, which does not exist", path)
            return f"{match[1] or ''}static/{self.version}/{path}"

        return _REFERENCE.sub(reference, page)


def takes_gzip(request: web.BaseRequest) -> bool:
    """Return whether a client says that it can unpack (RFC 9110, section 12.5.3)."""
    return _GZIP.search(request.headers.get("Accept-Encoding", "")) is not None


def _answer(request: web.Request, asset: _Asset, *, cache: str) -> web.Response:
    headers, body = {"Cache-Control": cache, "Vary": "Accept-Encoding"}, asset.body
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        body = asset.packed
    return web.Response(body=body, content_type=asset.content_type, charset="utf-8", headers=headers)


def _packed_or_plain(folder: Path) -> Path:
    """Return where the packed page is, or the folder itself if a source was changed since, or nothing was packed."""
    packed = folder / PACKED
    try:
        packed_from = (packed / _FINGERPRINT).read_text(encoding="ascii")
    except FileNotFoundError:
        return folder
    if packed_from == _fingerprint(folder):
        return packed
    _LOG.info("The page is served from its sources, which were changed since `make setup` has packed them")
    return folder


def _fingerprint(folder: Path) -> str:
    """Identify the page's own files as vendor.mjs does."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    own = {path.as_posix(): file for path, file in files.items() if path.parts[0] != PACKED.parts[0]}
    digest = hashlib.sha256()
    for path in sorted(own):
        digest.update(path.encode() + b"\0" + own[path].read_bytes())
    return digest.hexdigest()


def _asset(path: str, body: bytes) -> _Asset:
    return _Asset(body=body, packed=gzip.compress(body, mtime=0), content_type=_TYPES[Path(path).suffix])


def _texts(told: dict[str, str]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _placeholder(gateway: Gateway) -> bytes:
    """Return a plain page for a checkout in which the panel has not been built."""
    link = gateway.link
    bus = gateway.diagnosis(gateway.clock.monotonic()).sentence
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5">'
        "<title>Nea Smart</title></head><body><h1>Nea Smart gateway</h1>"
        f"<p>Link: {html.escape(link.code)}. {html.escape(link.detail)}</p>"
        f"<p>{html.escape(bus)} {len(gateway.plant.zones)} zones are known.</p>"
        f'<p><a href="{API[1:]}/zones">Zones</a> <a href="{API[1:]}/bus">Bus</a> <a href="health">Health</a></p>'
        "</body></html>"
    ).encode()

"""Serves the page outside of Home Assistant: to a browser that is signed in the page, to any other a form for the key.

Without a script, so that the key goes from the field into the body of one request and nowhere else; what the browser
keeps is a session (`guard/sessions.py`). All addresses are relative, so a proxy may put any prefix before them.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection
from http import HTTPStatus
from string import Template

from aiohttp import web

from neasmart.core.gateway import Gateway
from neasmart.facts.clock import iso
from neasmart.web.assets import FILES, Assets
from neasmart.web.guard.auth import missing
from neasmart.web.guard.gate import ApiGate
from neasmart.web.guard.sessions import Sessions, Standing
from neasmart.web.http.bodies import read_form, reply
from neasmart.web.http.problems import Problem

POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With `no-referrer` browsers leave out of a form what it comes from, too, and that is what we go by.
    "Referrer-Policy": "same-origin",
}
_DEFAULT = "en"
_LANGUAGES_READ = 16


class Form:
    """What a browser that is not signed in is shown; without a script."""

    def __init__(self, assets: Assets) -> None:
        """Take the files of the page, of which the form and its words are some."""
        self._template = Template(assets.form)
        self._texts = assets.texts("sign_in")

    def text(self, accepted: str, problem: str | None = None) -> str:
        """Return the form in the language that the browser likes best; `problem` is a key of its words."""
        language = _language(accepted, self._texts)
        texts = {key: html.escape(text) for key, text in self._texts.get(language, {}).items()}
        told = "" if problem is None else f'<p class="banner error" id="problem" role="alert">{texts[problem]}</p>'
        described = ' aria-describedby="problem"' if told else ""
        return self._template.safe_substitute(texts, language=language, problem=told, described=described)


class SignIn:
    """The handlers of the page behind a login; where no key is asked for there is no page."""

    def __init__(self, gate: ApiGate, assets: Assets, gateway: Gateway, on_page: Callable[[], None]) -> None:
        """Take who decides, what is served, and who wants to know that the page is opened."""
        self._gate = gate
        self._assets = assets
        self._gateway = gateway
        self._on_page = on_page
        self._form = Form(assets)

    def routes(self) -> list[web.RouteDef]:
        """Return what aiohttp needs."""
        return [
            web.get("/", self.page),
            web.get("/sign-in", self.page),
            web.post("/sign-in", self.sign_in),
            web.get("/session", self.renew, allow_head=False),
            web.delete("/session", self.sign_out),
            web.get(FILES, self.file),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """Answer with the page, or with the form; the form says if there was a session, and that it has ended."""
        sessions, secure = self._sessions(), self._gate.is_secure(request)
        problem = None
        try:
            standing = await self._gate.standing(request)
        except Problem as error:
            standing, problem = Standing.FORGED, "slow" if _is_too_many(error) else None
        if standing is Standing.SIGNED_IN:
            if request.path != "/":
                return _to_the_page()
            self._on_page()
            response = self._assets.page(request, self._gateway, behind_login=True)
            response.headers.update(_HEADERS)
            sessions.renew(request, response, secure=secure)
            return response
        if standing is Standing.NONE:
            return self._asked(request)
        # That the key was changed since is the usual reason for a session that is not ours.
        response = self._asked(request, problem or "ended")
        sessions.end(response, secure=secure)
        return response

    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session for a right key; a wrong one is counted, and slowed down like any other."""
        sessions = self._sessions()
        key = (await read_form(request)).get("key", "").strip()
        try:
            until = await self._gate.key_until(request, key)
        except Problem as problem:
            if problem.status == HTTPStatus.FORBIDDEN:
                raise
            return self._asked(request, "slow" if _is_too_many(problem) else "wrong")
        response = _to_the_page()
        sessions.begin(response, last=until, secure=self._gate.is_secure(request))
        return response

    async def renew(self, request: web.Request) -> web.Response:
        """Prolong the session, for a page that stays open for weeks."""
        sessions = self._sessions()
        # A program that has come by a token must not get a session out of it that lasts longer.
        if await self._gate.standing(request) is not Standing.SIGNED_IN:
            raise missing()
        response = web.Response()
        ends_at = sessions.renew(request, response, secure=self._gate.is_secure(request))
        answer = reply({"ends_at": iso(ends_at)})
        answer.cookies.update(response.cookies)
        return answer

    async def sign_out(self, request: web.Request) -> web.Response:
        """Have the browser forget the session."""
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        self._sessions().end(response, secure=self._gate.is_secure(request))
        return response

    async def file(self, request: web.Request) -> web.Response:
        """Answer with what form and page load; none of it is a secret."""
        self._sessions()
        return await self._assets.file(request)

    def _sessions(self) -> Sessions:
        if self._gate.sessions is None:
            message = "The page is served on this port only where api.enable_auth asks for a key"
            raise Problem(HTTPStatus.NOT_FOUND, "not_found", message)
        return self._gate.sessions

    def _asked(self, request: web.Request, problem: str | None = None) -> web.Response:
        return web.Response(
            text=self._form.text(request.headers.get("Accept-Language", ""), problem),
            status=HTTPStatus.TOO_MANY_REQUESTS if problem == "slow" else HTTPStatus.UNAUTHORIZED,
            content_type="text/html",
            headers={**_HEADERS, "Vary": "Accept-Language", "WWW-Authenticate": 'Bearer realm="neasmart"'},
        )


def _to_the_page() -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={**_HEADERS, "Location": "./"})


def _is_too_many(problem: Problem) -> bool:
    return problem.status == HTTPStatus.TOO_MANY_REQUESTS


def _language(accepted: str, known: Collection[str]) -> str:
    """Return the language that a browser likes best of those that are known (RFC 9110, section 12.5.4)."""
    wanted = []
    for place, each in enumerate(accepted.split(",")[:_LANGUAGES_READ]):
        tag, _, weight = each.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        wanted.append((-quality, place, tag.strip().lower().partition("-")[0]))
    return next((language for quality, _, language in sorted(wanted) if quality and language in known), _DEFAULT)

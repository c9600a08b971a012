"""Logging in: the api_token once, then a cookie that no script reads and no other site sends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import web

from daemon.orders import InvalidOrderError, check_by
from daemon.web import pages
from daemon.web.access import Access, Refusal
from daemon.web.answers import failure, html, root_of
from daemon.web.changes import form_fields
from daemon.web.sessions import COOKIE, LASTS_SECONDS

__all__ = ["Login", "asks_to_log_in", "login_form"]

_NEXT_MOST: Final = 300


def asks_to_log_in(request: web.Request, refusal: Refusal) -> bool:
    """Whether a person wants to read a page and has shown no token yet."""
    reading = request.method in {"GET", "HEAD"} and "Authorization" not in request.headers
    return (
        reading
        and refusal.status is HTTPStatus.UNAUTHORIZED
        and "text/html" in request.headers.get("Accept", "")
    )


def login_form(
    request: web.Request,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    fault: str = "",
) -> web.Response:
    """The form; afterwards the page that was asked for."""
    wanted = request.query.get("next", "") if request.path == "/login" else request.raw_path
    page = pages.login_page(root=root_of(request), wanted=_within(wanted), fault=fault)
    return html(page, status, headers)


class Login:
    """The handlers; `access` gives the present one, which a reload replaces."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access

    def routes(self) -> Iterable[web.RouteDef]:
        return (
            web.get("/login", self._form),
            web.post("/login", self._log_in),
            web.post("/logout", self._log_out),
        )

    async def _form(self, request: web.Request) -> web.Response:
        return login_form(request)

    async def _log_in(self, request: web.Request) -> web.Response:
        access = self._access()
        refusal = access.foreign(request)
        if refusal is not None:
            return failure(request, refusal.status, refusal.text)
        if not access.has_token:
            return failure(request, HTTPStatus.FORBIDDEN, "there is no api_token in [daemon] to log in with")
        fields = await form_fields(request)
        token = fields.get("token", "")
        refusal = access.wrong_token(request, token)
        if refusal is not None:
            return failure(request, refusal.status, refusal.text, refusal.headers)
        try:
            by = check_by(fields.get("by", ""))
        except InvalidOrderError as error:
            return failure(request, HTTPStatus.BAD_REQUEST, str(error))
        # Relative: a proxy may serve us under a path of its own.
        answer = web.Response(
            status=HTTPStatus.SEE_OTHER, headers={"Location": f".{_within(fields.get('next', '')) or '/'}"}
        )
        answer.set_cookie(
            COOKIE,
            access.sessions.open(token, by),
            max_age=LASTS_SECONDS,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=request.headers.get("Origin", "").startswith("https:"),
        )
        return answer

    async def _log_out(self, request: web.Request) -> web.Response:
        access = self._access()
        refusal = access.foreign(request)
        if refusal is not None:
            return failure(request, refusal.status, refusal.text)
        access.sessions.close(request)
        answer = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "./"})
        answer.del_cookie(COOKIE, path="/", httponly=True, samesite="Strict")
        return answer


def _within(path: str) -> str:
    """A path of our own pages, "" for anything else: nobody is sent to another site."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) <= _NEXT_MOST
    own = path.startswith("/") and not path.startswith("//") and ".." not in path
    return path if plain and own and not path.startswith("/login") else ""

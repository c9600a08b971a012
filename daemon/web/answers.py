"""The shapes of an answer: a page, or an error for a person or a program."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from daemon.web import pages

__all__ = ["failure", "html", "root_of"]


def failure(
    request: web.Request, status: HTTPStatus, text: str = "", headers: Mapping[str, str] | None = None
) -> web.Response:
    """An error that says what is wrong, as a page for who prefers one and as JSON for programs."""
    text = text or status.description or status.phrase
    if "text/html" in request.headers.get("Accept", ""):
        return html(pages.error_page(status, text, root=root_of(request)), status, headers)
    return web.json_response({"error": text}, status=status, headers=headers)


def html(text: str, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> web.Response:
    """A page."""
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


def root_of(request: web.Request) -> str:
    """From this page back to `/`, as a relative link: a proxy may serve us under a path of its own."""
    depth = request.rel_url.raw_path.count("/") - 1
    return "../" * depth or "./"

"""Answers that are sent only where they differ from what the client has."""

from __future__ import annotations

import re
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from aiohttp import web

__all__ = ["conditional", "etag_of"]

KEEP: Final = "private, no-cache"
"""It may be kept by who asked, and must be asked about before it is used again."""

_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')


def etag_of(body: bytes) -> str:
    """A tag for these bytes."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def conditional(request: web.Request, body: bytes, content_type: str, etag: str) -> web.Response:
    """The body, or 304 where the client has what bears this tag."""
    headers = {"ETag": etag, "Cache-Control": KEEP, "Vary": "Authorization, Cookie"}
    if _matches(request.headers.getall("If-None-Match", []), etag):
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=body, headers={**headers, "Content-Type": content_type})


def _matches(given: list[str], etag: str) -> bool:
    told = ",".join(given)
    return told.strip() == "*" or etag.removeprefix("W/").strip('"') in _TAG.findall(told)

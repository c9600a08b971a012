"""One client's connection: bounded in number, in bytes and in time, and silent about the inside.

The page is for a few people and a scraper; whoever else can reach the port must not take files, memory or
time from the watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import hdrs, web

from daemon.web.headers import SECURITY

__all__ = ["connections"]

log = structlog.get_logger(__name__)

CONNECTIONS_MOST = 200
IDLE_SECONDS = 20.0
"""How long a client may take, from connecting or from the last answer, to the end of the next headers."""

_OPTIONS: dict[str, Any] = {
    "keepalive_timeout": IDLE_SECONDS,
    "lingering_time": 1.0,  # of bodies that nobody reads
    "max_line_size": 4096,
    "max_field_size": 4096,
    "max_headers": 64,
    "read_bufsize": 16 * 1024,
    "auto_decompress": False,  # a compressed body is thrown away as it is, never unpacked
    "access_log": None,
}


class Connection(web.RequestHandler):
    """As aiohttp's, but a request that is no HTTP gets no account of why, and fills no log."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never reached the application: it set no headers there, so they are set here."""
        if isinstance(exc, UnicodeError) and hdrs.EXPECT in request.headers:
            status = HTTPStatus.EXPECTATION_FAILED  # aiohttp would repeat it, and fails where it is no text
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("http.failed", exc_info=exc)
        else:
            log.debug("http.malformed", status=status)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun: no other can follow it")
        headers = {**SECURITY, "Server": "subtally"}  # without it aiohttp would name itself and Python
        response = web.Response(status=status, text=f"{HTTPStatus(status).phrase}\n", headers=headers)
        response.force_close()
        return response


class _Surplus(asyncio.Protocol):
    """A connection beyond the bound: closed as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


def connections(server: web.Server) -> Callable[[], asyncio.Protocol]:
    """What the event loop calls for each client that connects."""
    loop = asyncio.get_running_loop()

    def connect() -> asyncio.Protocol:
        if len(server.connections) >= CONNECTIONS_MOST:
            return _Surplus()
        return Connection(server, loop=loop, **_OPTIONS)

    return connect

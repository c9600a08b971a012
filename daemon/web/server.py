"""The HTTP server of the daemon: where it listens, whom it answers, and how long one answer may take."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from daemon.config.addresses import is_loopback
from daemon.web.access import Access
from daemon.web.answers import failure
from daemon.web.api import Api
from daemon.web.changes import Changes
from daemon.web.connection import connections
from daemon.web.endpoints import Endpoints
from daemon.web.errors import WebError
from daemon.web.guesses import Guesses
from daemon.web.headers import secure
from daemon.web.login import Login, asks_to_log_in, login_form
from daemon.web.openapi import document_text
from daemon.web.screen import Pages
from daemon.web.sessions import Sessions
from daemon.web.sources import Sources

__all__ = ["WebServer"]

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 10.0
SEND_SECONDS = 10.0
STOP_SECONDS = 2.0
REQUEST_BYTES_MOST = 4096
BACKLOG = 64


class WebServer:
    """Health, metrics, pages and the API on one address, inside the loop of the daemon.

    `host` is a name or an address without brackets, `port` 0 takes a free one. `hosts` and `public_url` are
    further Hosts to answer to. `token` must be given beyond loopback, where reading needs it; whatever changes
    something needs it everywhere.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sources: Sources,
        *,
        hosts: Iterable[str] = (),
        public_url: str = "",
        token: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._remote = not is_loopback(host)
        self._has_token = bool(token)
        self._guesses = Guesses()
        self._sessions = Sessions()
        self.admit(hosts=hosts, public_url=public_url, token=token)
        app = web.Application(middlewares=[self._answer], client_max_size=REQUEST_BYTES_MOST)
        app.on_response_prepare.append(secure)
        changes = Changes(sources.actions, lambda: self._access)
        app.add_routes(Endpoints(sources.snapshot, sources.reads).routes())
        app.add_routes(Pages(sources, changes).routes())
        app.add_routes(changes.routes())
        app.add_routes(Login(lambda: self._access).routes())
        if sources.reads is not None:
            app.add_routes(Api(sources.snapshot, sources.reads, document_text().encode()).routes())
        self._runner = web.AppRunner(app, shutdown_timeout=STOP_SECONDS)
        self._listening: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; the one asked for until then."""
        if self._listening is None or not self._listening.sockets:
            return self._port
        port: int = self._listening.sockets[0].getsockname()[1]
        return port

    def admit(self, *, hosts: Iterable[str], public_url: str, token: str | None) -> None:
        """From now on answer these, as after a reload. Without a token nobody reads beyond loopback."""
        self._access = Access(
            hosts, public_url, token or None, (self._guesses, self._sessions), remote=self._remote
        )

    async def start(self) -> None:
        """Listen. Raises WebError where that is not possible, or not safe."""
        where = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        if self._remote and not self._has_token:
            raise WebError(where, "beyond loopback api_token is required", "set it, or listen on 127.0.0.1")
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise AssertionError("a runner that was set up has a server")
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                connections(server), self._host, self._port, backlog=BACKLOG
            )
        except OSError as error:
            await self._runner.cleanup()
            raise WebError.of(where, error) from error
        log.info("http.listening", host=self._host, port=self.port)

    async def stop(self) -> None:
        """Take no more requests, end those under way within seconds. Harmless when not started."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            await self._runner.cleanup()

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await self._response(request, handler)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            # Who does not read what was asked for would keep the answer in memory for as long as it likes.
            log.debug("http.unread", path=request.rel_url.raw_path)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            log.debug("http.gone", path=request.rel_url.raw_path)
        log.debug(
            "http.answered", method=request.method, path=request.rel_url.raw_path, status=response.status
        )
        return response

    async def _response(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = self._access.refusal(request)
        if refusal is not None:
            if asks_to_log_in(request, refusal):
                return login_form(request, refusal.status, refusal.headers)
            return failure(request, refusal.status, refusal.text, refusal.headers)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await handler(request)
        except web.HTTPException as error:
            allow = error.headers.get("Allow")
            return failure(request, HTTPStatus(error.status), headers={"Allow": allow} if allow else {})
        except TimeoutError:
            log.warning("http.slow", path=request.rel_url.raw_path)
            return failure(request, HTTPStatus.SERVICE_UNAVAILABLE, "the answer took too long: try again")
        except Exception:
            # A job boundary: the daemon goes on, the fault is on record, the client is told nothing of it.
            log.exception("http.failed", path=request.rel_url.raw_path)
            return failure(request, HTTPStatus.INTERNAL_SERVER_ERROR)

"""The one way to a venue: a GET whose bytes are sent as they were signed and read through a cap.

Of aiohttp it takes the connections (DNS, TLS, keep-alive) and the parser of answers, not the session: that follows
redirects, keeps cookies, takes proxies from the environment, requotes addresses, and repeats a GET unasked when a
kept connection turns out to be closed, with an old timestamp and a second count against the limit; and it takes more
time than all the rest of a read (measured with 3.14). What of it is in nobody's manual, tests/contract holds.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, Protocol

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError
from yarl import URL

from daemon.exchanges.errors import Malformed, Trouble
from daemon.exchanges.limits import SLOWEST_SECONDS
from daemon.exchanges.patience import Patience, Wait

CAP_BYTES = 8 * 1024 * 1024
INFORMATIONAL = frozenset(range(100, 200)) - {101}  # the answer proper is still to come


class Headers(Protocol):
    """Response headers, looked up in any case."""

    def get(self, name: str, /) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. Binance and OKX give up on their own backends after 10 s, so more silence is final."""

    connect: float = 5
    silence: float = 12
    total: float = SLOWEST_SECONDS


class Response(NamedTuple):
    """A complete answer, decompressed."""

    status: int
    headers: Headers
    body: bytes


class _Opened(NamedTuple):
    """What there is of a running loop. `place` is never sent: by it the connector knows where to connect."""

    connector: aiohttp.TCPConnector
    place: aiohttp.ClientRequest
    patience: Patience


class Http:
    """Connections to one host, of which `base_url` names no path. Only GET exists."""

    def __init__(self, base_url: str, timeouts: Timeouts | None = None, cap_bytes: int = CAP_BYTES) -> None:
        self._base = URL(base_url)
        self._timeouts = timeouts or Timeouts()
        self._connecting = aiohttp.ClientTimeout(
            total=None, connect=self._timeouts.connect, sock_connect=self._timeouts.connect
        )
        self._cap = cap_bytes
        self._opened: _Opened | None = None
        self.host = self._base.host or ""
        self.authority = f"{self.host}:{self._base.port}"
        self._same = (
            f"Host: {self._base.host_port_subcomponent}\r\n"
            "Accept: application/json\r\nAccept-Encoding: gzip\r\nUser-Agent: subtally\r\n"
        )

    async def open(self) -> None:
        """Make the pool of connections, in the running loop. No request yet."""
        if self._opened is not None:
            return
        # The pools bound what is in flight. Kept connections save a TLS handshake per call; they are dropped
        # before the usual idle limits of the venues' fronts, so that hardly one is closed under a request. Names are
        # asked for as every other program of the machine does, whether or not aiodns happens to be installed.
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=15, ttl_dns_cache=60, resolver=aiohttp.ThreadedResolver()
        )
        place = aiohttp.ClientRequest("GET", self._base, loop=asyncio.get_running_loop())
        self._opened = _Opened(connector, place, Patience(self._timeouts.silence, self._timeouts.total))

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.connector.close()
            opened.patience.close()

    async def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Ask once. Raises Trouble or Malformed; no text of them holds the address.

        The status of a refusal counts without its body: a ban is one, however badly it is written.
        """
        asked, message = self._written(target, headers), None
        opened = self._opened
        if opened is None:
            raise RuntimeError("open() comes before the first call")
        patience = opened.patience
        began = patience.now()
        try:
            connection, protocol = await self._connected(opened)
            try:
                _send(protocol, asked)
                wait = patience.begin(protocol, began)
                try:
                    message, content = await protocol.read()
                    while message.code in INFORMATIONAL:
                        message, content = await protocol.read()
                    # Most answers are there at once.
                    whole = content.is_eof()
                    raw = content.read_nowait() if whole else await self._read(content, patience, wait)
                    self._check_size(len(raw))
                finally:
                    patience.end(wait)
            except BaseException:
                connection.close()  # what may still come on it answers no other question
                raise
            connection.release()
            return Response(message.code, message.headers, self._unpacked(raw, message.headers))
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, Malformed) as error:
            if message is not None and message.code != HTTPStatus.OK:
                return Response(message.code, message.headers, b"")
            if isinstance(error, Malformed):
                raise
            raise self._trouble(error, answered=message is not None) from None

    def _written(self, target: str, headers: Mapping[str, str]) -> bytes:
        given = target + "".join(headers.values())
        if not (given.isascii() and given.isprintable()):
            raise ValueError("a request is one line per header, in ASCII")
        own = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        return f"GET {target} HTTP/1.1\r\n{self._same}{own}\r\n".encode()

    async def _connected(self, opened: _Opened) -> tuple[Connection, ResponseHandler]:
        try:
            connection = await opened.connector.connect(opened.place, [], self._connecting)
        except TimeoutError:
            raise Trouble(f"no connection within {self._timeouts.connect:g} s", venue_wide=True) from None
        protocol = connection.protocol
        if protocol is None or protocol.should_close:
            # An answer to nobody's question is not taken for the answer to this one.
            connection.close()
            raise Trouble("the venue sent what was not asked for")
        return connection, protocol

    async def _read(self, content: aiohttp.StreamReader, patience: Patience, wait: Wait) -> bytes:
        parts, size = [], 0
        while not content.at_eof():
            if not content.is_eof():
                patience.heard(wait, content)
            part = await content.readany()
            parts.append(part)
            size += len(part)
            self._check_size(size)
        return b"".join(parts)

    def _check_size(self, size: int) -> None:
        if size > self._cap:
            raise Malformed(f"the answer is longer than {self._cap} bytes")

    def _unpacked(self, raw: bytes, headers: Headers) -> bytes:
        given = headers.get("Content-Encoding")
        encoding = given.strip().lower() if given else "identity"
        if encoding == "identity" or not raw:
            return raw
        if encoding != "gzip":
            raise Malformed("the answer is compressed in a way that was not asked for")
        return unzipped(raw, self._cap)

    def _trouble(self, error: Exception, *, answered: bool) -> Trouble:
        times = self._timeouts
        for kinds, reason, venue_wide in (
            (aiohttp.ClientConnectorDNSError, f"the name {self.host} is not known (DNS)", True),
            (aiohttp.ClientConnectorCertificateError, "the TLS certificate is not trusted", True),
            (aiohttp.ClientSSLError, "the TLS handshake failed", True),
            (aiohttp.ClientConnectorError, _refused(error), True),
            (
                aiohttp.SocketTimeoutError,
                f"{'the answer stood still' if answered else 'no answer'} for {times.silence:g} s",
                False,
            ),
            (TimeoutError, f"no complete answer within {times.total:g} s", False),
            (aiohttp.ServerDisconnectedError, "the connection was closed without an answer", False),
            (aiohttp.ClientPayloadError, "the answer broke off", False),
            (HttpProcessingError, "the answer is not HTTP", False),
            (OSError, "the answer broke off" if answered else "the connection was reset", False),
        ):
            if isinstance(error, kinds):
                return Trouble(reason, venue_wide=venue_wide)
        # What others carry in their text is not known: only the name of the class.
        return Trouble(f"the exchange of bytes failed ({type(error).__name__})")


def _send(protocol: ResponseHandler, asked: bytes) -> None:
    transport = protocol.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True, auto_decompress=False)
    transport.write(asked)


def _refused(error: Exception) -> str:
    number = getattr(error, "errno", None)
    why = os.strerror(number) if isinstance(number, int) and number > 0 else "unreachable"
    return f"no connection: {why}"


def unzipped(raw: bytes, cap_bytes: int) -> bytes:
    """Gunzip at most `cap_bytes`, never holding more. Raises Malformed."""
    unzip = zlib.decompressobj(wbits=31)
    try:
        body = unzip.decompress(raw, cap_bytes + 1)
    except zlib.error:
        raise Malformed("the answer is not the gzip it says it is") from None
    if len(body) > cap_bytes:
        raise Malformed(f"the answer is longer than {cap_bytes} bytes")
    if not unzip.eof or unzip.unused_data:
        raise Malformed("the compressed answer is cut or has a tail")
    return body

"""The one way to a venue: a GET whose bytes are sent as they were signed and read through a cap.

What aiohttp does on its own is turned off: it follows redirects, takes proxies from the environment, requotes
string addresses, and repeats a GET unasked when a kept connection turns out to be closed, with an old
timestamp and a second count against the limit (measured with 3.14).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from yarl import URL

from daemon.exchanges.errors import Malformed, Trouble

CAP_BYTES = 8 * 1024 * 1024


class Headers(Protocol):
    """Response headers, looked up in any case."""

    def get(self, name: str, /) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. Binance and OKX give up on their own backends after 10 s, so more silence is final."""

    connect: float = 5
    silence: float = 12
    total: float = 25


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer, decompressed."""

    status: int
    headers: Headers
    body: bytes


class Http:
    """One session to one host. Only GET exists."""

    def __init__(self, base_url: str, timeouts: Timeouts | None = None, cap_bytes: int = CAP_BYTES) -> None:
        self._base = base_url.rstrip("/")
        self._timeouts = timeouts or Timeouts()
        self._cap = cap_bytes
        self._session: aiohttp.ClientSession | None = None
        url = URL(self._base)
        self.host = url.host or ""
        self.authority = f"{self.host}:{url.port}"

    async def open(self) -> None:
        """Make the session, in the running loop. No request yet."""
        if self._session is not None:
            return
        times = self._timeouts
        self._session = aiohttp.ClientSession(
            # The pools bound what is in flight. Kept connections save a TLS handshake per call; they are
            # dropped before the usual idle limits of the venues' fronts, so that hardly one is closed under a
            # request.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=15, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(
                total=times.total, connect=times.connect, sock_connect=times.connect, sock_read=times.silence
            ),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "subtally"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        # The only switch there is; tests/contract holds it. A closed connection is then a failure like any
        # other.
        self._session._retry_connection = False  # noqa: SLF001

    async def close(self) -> None:
        """Close the session and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Ask once. Raises Trouble or Malformed; no text of them holds the address."""
        if self._session is None:
            raise RuntimeError("open() comes before the first call")
        answered = False
        try:
            url = URL(self._base + target, encoded=True)
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                answered = True
                body = await self._read(response)
                return Response(response.status, response.headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._trouble(error, answered=answered) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > self._cap:
                raise Malformed(f"the answer is longer than {self._cap} bytes")
        encoding = (response.headers.get("Content-Encoding") or "identity").strip().lower()
        if encoding == "identity" or not raw:
            return bytes(raw)
        if encoding != "gzip":
            raise Malformed("the answer is compressed in a way that was not asked for")
        return unzipped(bytes(raw), self._cap)

    def _trouble(self, error: Exception, *, answered: bool) -> Trouble:
        times = self._timeouts
        for kinds, reason, venue_wide in (
            (aiohttp.ClientConnectorDNSError, f"the name {self.host} is not known (DNS)", True),
            (aiohttp.ClientConnectorCertificateError, "the TLS certificate is not trusted", True),
            (aiohttp.ClientSSLError, "the TLS handshake failed", True),
            (aiohttp.ConnectionTimeoutError, f"no connection within {times.connect:g} s", True),
            (aiohttp.ClientConnectorError, _refused(error), True),
            (
                aiohttp.SocketTimeoutError,
                f"{'the answer stood still' if answered else 'no answer'} for {times.silence:g} s",
                False,
            ),
            (TimeoutError, f"no complete answer within {times.total:g} s", False),
            (aiohttp.ServerDisconnectedError, "the connection was closed without an answer", False),
            (aiohttp.ClientPayloadError, "the answer broke off", False),
            (OSError, "the answer broke off" if answered else "the connection was reset", False),
        ):
            if isinstance(error, kinds):
                return Trouble(reason, venue_wide=venue_wide)
        # ClientResponseError and InvalidURL carry the signed address in their text: only the name of the
        # class.
        return Trouble(f"the exchange of bytes failed ({type(error).__name__})")


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

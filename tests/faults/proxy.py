"""A faulty way to a venue: a TLS proxy on loopback that refuses, hangs, cuts, resets, lies or floods on demand.

It stands between the daemon and a venue of the simulator. A fault is armed with the paths that trigger it: the
first request for one of them meets it, and so does everything after it until `heal`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HEAD_MOST = 64 * 1024
FLOOD_BYTES = 32 << 20
RESET = struct.pack("ii", 1, 0)
HTML = b"<html><head><title>Attention</title></head><body>Please wait</body></html>"


@dataclass(frozen=True)
class Fault:
    """One way in which a venue cannot be reached, or answers what is no answer."""

    on_connect: str = ""  # refuse, backlog, handshake, untrusted, plain, or dns
    end: str = ""  # hang, stall, cut, reset, close, endless, headers: how an answer ends that is not whole
    status: int = 0
    body: bytes = b""
    headers: tuple[str, ...] = ()
    raw: bytes = b""  # in place of any HTTP


@dataclass(frozen=True)
class Request:
    """One request as it arrived; `spoilt` where the fault answered it."""

    at: float
    method: str
    target: str
    spoilt: bool


@dataclass
class Certificates:
    """What the proxy shows of itself: trusted by the daemon, or not."""

    trusted: ssl.SSLContext
    untrusted: ssl.SSLContext


@dataclass
class Proxy:
    """One listener in front of one venue."""

    upstream: int
    certificates: Certificates
    host: str
    port: int = 0
    fault: Fault | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    connected_at: list[float] = field(default_factory=list)
    resolves: bool = True
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    on_fault: Callable[[], None] = lambda: None
    _armed: tuple[Fault, Callable[[str], bool]] | None = None
    _server: asyncio.Server | None = None
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)
    _stuffing: list[socket.socket] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def arm(self, fault: Fault, triggers: Callable[[str], bool]) -> None:
        """The next request whose path triggers it meets the fault, and so does all after it."""
        self._armed = (fault, triggers)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=HEAD_MOST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def heal(self) -> None:
        """The way is free again."""
        self.fault, self._armed, self.resolves = None, None, True
        await self._hang_up()
        await self._close_listener()
        await self.start()

    async def stop(self) -> None:
        await self._hang_up()
        await self._close_listener()

    async def _close_listener(self) -> None:
        for one in self._stuffing:
            one.close()
        self._stuffing.clear()
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def _hang_up(self, spared: asyncio.Task[None] | None = None) -> None:
        ending = [task for task in self._open if task is not spared]
        for task in ending:
            self._open[task].transport.abort()
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _strike(self, fault: Fault, spared: asyncio.Task[None] | None) -> None:
        """Put it in force. What stands in the way of a connection takes the open ones with it."""
        self.fault, self._armed = fault, None
        self.on_fault()
        if fault.on_connect:
            await self._hang_up(spared)
            if fault.on_connect == "refuse":
                await self._close_listener()
            elif fault.on_connect == "backlog":
                await self._close_listener()
                self._stuff()
            elif fault.on_connect == "dns":
                self.resolves = False
        self.struck.set()

    def _stuff(self) -> None:
        """A listener that never accepts and whose queue is full: a further SYN gets no answer."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0)
        self._stuffing.append(listener)
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)  # noqa: FBT003
            with contextlib.suppress(BlockingIOError):
                one.connect(("127.0.0.1", self.port))
            self._stuffing.append(one)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        self.connections += 1
        self.connected_at.append(asyncio.get_running_loop().time())
        try:
            await self._secure(writer)
            await self._converse(reader, writer, task)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
            pass  # the daemon hung up, or would not have this certificate
        except asyncio.CancelledError:
            pass  # stopped by `_hang_up`: a cancelled handler would be reported by the stream's callback
        finally:
            self._open.pop(task, None)
            writer.transport.abort()

    async def _secure(self, writer: asyncio.StreamWriter) -> None:
        how = self.fault.on_connect if self.fault is not None else ""
        if how == "handshake":
            await asyncio.Event().wait()
        if how == "plain":
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            raise ConnectionAbortedError
        certificates = self.certificates
        await writer.start_tls(certificates.untrusted if how == "untrusted" else certificates.trusted)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> None:
        venue_reader, venue_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                if self._armed is not None and self._armed[1](target.partition("?")[0]):
                    await self._strike(self._armed[0], task)
                fault = self.fault
                now = asyncio.get_running_loop().time()
                self.requests.append(Request(now, method, target, fault is not None))
                if fault is not None:
                    await _spoil(fault, writer)
                    if fault.end or fault.raw or fault.on_connect:
                        return
                    continue
                venue_writer.write(head)
                writer.write(await _whole(venue_reader))
                await writer.drain()
        finally:
            venue_writer.transport.abort()


async def _whole(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    length = next(int(value) for name, _, value in lines if name == b"content-length")
    return head + await reader.readexactly(length)


async def _spoil(fault: Fault, writer: asyncio.StreamWriter) -> None:
    if fault.on_connect:
        return  # the connection ends, and no other comes about
    if fault.raw:
        writer.write(fault.raw)
        await writer.drain()
        return
    if fault.end in {"hang", "reset", "close"}:
        await _abandon(fault.end, writer)
        return
    status = fault.status or 200
    head = f"HTTP/1.1 {status} x\r\n" + "".join(f"{line}\r\n" for line in fault.headers)
    if fault.end == "endless":
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        await _flood(b"10000\r\n" + b" " * 0x10000 + b"\r\n", writer)
        return
    if fault.end == "headers":
        writer.write(head.encode())
        await _flood(b"X-More: " + b"x" * 4096 + b"\r\n", writer)
        return
    body = fault.body
    told = len(body) * 2 if fault.end in {"stall", "cut"} else len(body)
    writer.write(f"{head}Content-Length: {told}\r\n\r\n".encode() + body)
    await writer.drain()
    if fault.end == "stall":
        await _abandon("hang", writer)


async def _flood(part: bytes, writer: asyncio.StreamWriter) -> None:
    """So much that no reader with a cap gets to its end; then silence. One turn of the loop for each part."""
    for _ in range(FLOOD_BYTES // len(part)):
        if writer.is_closing():
            return
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)
    await asyncio.Event().wait()


async def _abandon(end: str, writer: asyncio.StreamWriter) -> None:
    if end == "hang":
        await asyncio.Event().wait()
    if end == "reset":
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@asynccontextmanager
async def proxied(upstream_url: str, host: str, certificates: Certificates) -> AsyncIterator[Proxy]:
    """A proxy in front of the venue at this address, until the end of the block."""
    proxy = Proxy(int(upstream_url.rpartition(":")[2]), certificates, host)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


JSON = ("Content-Type: application/json",)
PAGE = ("Content-Type: text/html; charset=utf-8",)
BOMB = gzip.compress(b" " * (32 << 20))
PART = json.dumps({"code": "0", "msg": "", "data": [], "balances": []}).encode()[:-2]

FAULTS: dict[str, Fault] = {
    "connection-refused": Fault(on_connect="refuse"),
    "name-not-known": Fault(on_connect="dns"),
    "connect-timeout": Fault(on_connect="backlog"),
    "handshake-timeout": Fault(on_connect="handshake"),
    "untrusted-certificate": Fault(on_connect="untrusted"),
    "no-tls-at-all": Fault(on_connect="plain"),
    "first-byte-timeout": Fault(end="hang"),
    "timeout-mid-body": Fault(end="stall", body=PART, headers=JSON),
    "cut-mid-body": Fault(end="cut", body=PART, headers=JSON),
    "connection-reset": Fault(end="reset"),
    "closed-unanswered": Fault(end="close"),
    "403-page": Fault(status=403, body=HTML, headers=PAGE),
    "418-retry-after": Fault(status=418, body=b"{}", headers=(*JSON, "Retry-After: 3")),
    "418": Fault(status=418, body=b"{}", headers=JSON),
    "429-retry-after": Fault(status=429, body=b"{}", headers=(*JSON, "Retry-After: 3")),
    "429": Fault(status=429, body=b"{}", headers=JSON),
    "500-empty": Fault(status=500),
    "502-page": Fault(status=502, body=HTML, headers=PAGE),
    "503-json": Fault(status=503, body=b'{"code":"50001","msg":"busy"}', headers=JSON),
    "page-with-200": Fault(body=HTML, headers=PAGE),
    "garbage-with-200": Fault(body=bytes(range(256)) * 4, headers=JSON),
    "garbage-for-http": Fault(raw=bytes(range(255, -1, -1)) * 4),
    "empty-with-200": Fault(headers=JSON),
    "empty-object": Fault(body=b"{}", headers=JSON),
    "gzip-bomb": Fault(body=BOMB, headers=(*JSON, "Content-Encoding: gzip")),
    "endless-body": Fault(end="endless", headers=JSON),
    "endless-headers": Fault(end="headers"),
}

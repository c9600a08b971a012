"""Putting an answer on the wire, whole or spoiled by a fault."""

import asyncio
import socket
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from aiohttp import web

from daemon.simulator.clock import Clock
from daemon.simulator.faults import Fault

__all__ = ["Answer", "deliver"]

CHUNK_BYTES = 1 << 20
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue says. `refused` names the reason when it says no."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: str | None = None


async def deliver(
    request: web.BaseRequest, answer: Answer, fault: Fault | None, clock: Clock, stopping: asyncio.Event
) -> web.StreamResponse:
    """Send the answer as the fault wants it; without one, as it is."""
    if fault is None:
        return _response(answer)
    spoiled = _spoil(answer, fault)
    if fault.delay_seconds:
        await clock.sleep(fault.delay_seconds)
    match fault.end:
        case "cut":
            return await _cut(request, spoiled)
        case "drip":
            return await _drip(request, spoiled, fault.drip_seconds, clock)
        case "close_after":
            return await _close_after(request, spoiled)
        case "hang":
            await stopping.wait()
        case "answer":
            return _response(spoiled)
    return _abandon(request, reset=fault.end == "reset")


def _response(answer: Answer) -> web.Response:
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _spoil(answer: Answer, fault: Fault) -> Answer:
    body = answer.body if fault.body is None else _bytes(fault.body)
    if fault.transform is not None:
        body = fault.transform(body)
    headers = {**answer.headers, **fault.headers}
    if fault.bomb_bytes:
        body = _gzip_spaces(fault.bomb_bytes)
        headers["Content-Encoding"] = "gzip"
    return Answer(
        status=fault.status or answer.status,
        body=body,
        content_type=fault.content_type or answer.content_type,
        headers=headers,
    )


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body


@lru_cache(maxsize=2)
def _gzip_spaces(unpacked_bytes: int) -> bytes:
    """A small body that unpacks to spaces, which are valid JSON white space, built without holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    chunk = b" " * CHUNK_BYTES
    parts = [packer.compress(chunk) for _ in range(unpacked_bytes // CHUNK_BYTES)]
    parts.append(packer.compress(b" " * (unpacked_bytes % CHUNK_BYTES)))
    return b"".join([*parts, packer.flush()])


def _abandon(request: web.BaseRequest, *, reset: bool) -> web.Response:
    """Drop the connection; the response returned is never written, because its transport is gone."""
    transport = request.transport
    if transport is not None:
        if reset:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            transport.abort()
        else:
            transport.close()
    return web.Response()


async def _start(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=dict(answer.headers))
    response.headers["Content-Type"] = answer.content_type
    response.content_length = len(answer.body)
    await response.prepare(request)
    return response


async def _close_after(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Answer as if the connection stayed open, then close it: the client's next request finds it dead."""
    response = _response(answer)
    await response.prepare(request)
    await response.write_eof()
    _abandon(request, reset=False)
    return response


async def _cut(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = await _start(request, answer)
    await response.write(answer.body[: len(answer.body) // 2])
    _abandon(request, reset=False)
    return response


async def _drip(request: web.BaseRequest, answer: Answer, seconds: float, clock: Clock) -> web.StreamResponse:
    response = await _start(request, answer)
    for position in range(len(answer.body)):
        await clock.sleep(seconds)
        await response.write(answer.body[position : position + 1])
    await response.write_eof()
    return response

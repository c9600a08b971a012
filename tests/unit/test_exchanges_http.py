"""The one way to a venue: only GET, no proxy, no redirect, a cap on what is read."""

import ast
import asyncio
import gzip
import re
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import daemon.exchanges
from daemon.exchanges.errors import Malformed, Trouble
from daemon.exchanges.http import Http, Timeouts, unzipped

BODY = b'{"balances":[]}' * 10


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Any], Any]]:
    runners: list[web.ServerRunner] = []

    async def start(handler: Any) -> str:
        runner = web.ServerRunner(web.Server(handler))
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def speak() -> AsyncIterator[Callable[[Any], Any]]:
    """A server that writes what it likes: the handler gets each connection."""
    servers: list[asyncio.Server] = []

    async def start(handler: Any) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # the client has gone
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def answer(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def asked(base_url: str, target: str = "/p", cap: int = 10_000) -> Any:
    http = Http(base_url, cap_bytes=cap)
    await http.open()
    try:
        return await http.get(target, {"X": "y"})
    finally:
        await http.close()


async def test_a_gzip_answer_is_unpacked(serve: Any) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        assert request.headers["Accept-Encoding"] == "gzip"
        return web.Response(body=gzip.compress(BODY), headers={"Content-Encoding": "gzip"})

    assert (await asked(await serve(handler))).body == BODY


async def test_what_is_sent_is_what_was_given(serve: Any) -> None:
    seen: list[tuple[str, str]] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append((request.method, request.raw_path))
        return web.Response(body=b"{}")

    target = "/p?ccy=BTC%2CETH&q=%24x&a=x%3Ay%40z%2Fw&s=a%2Bb&n=%E6%B5%8B"
    await asked(await serve(handler), target)
    assert seen == [("GET", target)]


async def test_the_environments_proxy_is_not_asked(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(body=BODY)

    assert (await asked(await serve(handler))).body == BODY


async def test_a_redirect_is_an_answer_and_not_followed(serve: Any) -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/secret"})

    assert (await asked(await serve(handler))).status == 302


async def test_cookies_are_not_kept(serve: Any) -> None:
    seen: list[str | None] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(body=b"{}", headers={"Set-Cookie": "a=b"})

    http = Http(await serve(handler))
    await http.open()
    for _ in range(2):
        await http.get("/p", {})
    await http.close()
    assert seen == [None, None]


async def test_a_request_is_these_bytes_and_no_others(speak: Any) -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(b"{}"))

    url = await speak(handler)
    await asked(url, "/p?a=b")
    host = url.removeprefix("http://")
    assert seen == [
        f"GET /p?a=b HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
        "Accept-Encoding: gzip\r\nUser-Agent: subtally\r\nX: y\r\n\r\n".encode()
    ]


@pytest.mark.parametrize(
    "target, value",
    [("/p\r\nX: z", "y"), ("/p", "y\r\nX: z"), ("/p", "y\nX: z"), ("/p\x00", "y"), ("/ß", "y")],
)
async def test_what_would_be_another_line_of_the_request_is_not_sent(target: str, value: str) -> None:
    http = Http("http://127.0.0.1:9")
    await http.open()
    try:
        with pytest.raises(ValueError, match="one line per header") as caught:
            await http.get(target, {"X": value})
        assert "X:" not in str(caught.value)
    finally:
        await http.close()


async def test_a_connection_is_kept_for_the_next_call(speak: Any) -> None:
    connections: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        for number in range(3):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b"%d" % number))

    http = Http(await speak(handler))
    await http.open()
    bodies = [(await http.get("/p", {})).body for _ in range(3)]
    await http.close()
    assert (bodies, connections) == ([b"0", b"1", b"2"], [1])


async def test_law_1_what_comes_unasked_answers_no_later_question(speak: Any) -> None:
    said = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"first"))
        await said.wait()
        writer.write(answer(b"another account's"))
        await reader.read()

    http = Http(await speak(handler))
    await http.open()
    assert (await http.get("/p", {})).body == b"first"
    said.set()
    for _ in range(100):
        await asyncio.sleep(0)
    with pytest.raises(Trouble, match="not asked for"):
        await http.get("/p", {})
    assert (await http.get("/p", {})).body == b"first"  # on a connection of its own
    await http.close()


async def test_law_1_an_answer_that_nobody_waits_for_any_more_answers_no_later_question(speak: Any) -> None:
    heard, go_on = asyncio.Event(), asyncio.Event()
    bodies = [b"late", b"own"]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = bodies.pop(0)
        heard.set()
        await go_on.wait()
        writer.write(answer(body))

    http = Http(await speak(handler))
    await http.open()
    first = asyncio.create_task(http.get("/first", {}))
    await heard.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    go_on.set()
    assert (await http.get("/second", {})).body == b"own"
    await http.close()


async def test_what_comes_before_the_answer_proper_is_passed_over(speak: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"proper"))

    assert (await asked(await speak(handler))).body == b"proper"


async def test_an_answer_by_chunks_is_one_body_and_one_that_breaks_off_is_none(speak: Any) -> None:
    ends = [b"0\r\n\r\n", b""]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n')
        writer.write(ends.pop(0))

    url = await speak(handler)
    assert (await asked(url)).body == b'{"a":1}'
    with pytest.raises(Trouble, match="broke off"):
        await asked(url)


async def test_what_is_no_http_is_a_trouble_that_says_so(speak: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    with pytest.raises(Trouble, match="not HTTP"):
        await asked(await speak(handler))


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length: 30\r\n\r\nabc",
        b"Content-Length: 300\r\n\r\n" + b"a" * 300,
    ],
    ids=["unasked encoding", "damaged", "cut", "too long"],
)
async def test_law_11_a_ban_counts_however_badly_its_body_is_written(speak: Any, rest: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 418 Teapot\r\nRetry-After: 60\r\n" + rest)
        await writer.drain()

    http = Http(await speak(handler), cap_bytes=200)
    await http.open()
    response = await http.get("/p", {})
    assert (response.status, response.headers.get("Retry-After"), response.body) == (418, "60", b"")
    await http.close()


async def test_the_whole_answer_has_its_time_however_steadily_it_drips(speak: Any) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.02)

    http = Http(await speak(handler), Timeouts(connect=5, silence=5, total=0.2))
    await http.open()
    with pytest.raises(Trouble, match=r"no complete answer within 0.2 s"):
        await http.get("/p", {})
    await http.close()


async def test_a_name_that_nobody_resolves_ends_with_the_time_to_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_given: Any, **_more: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", never)
    http = Http("http://venue.example", Timeouts(connect=0.2))
    await http.open()
    async with asyncio.timeout(10):
        with pytest.raises(Trouble, match=r"no connection within 0.2 s"):
            await http.get("/p", {})
    await http.close()


@pytest.mark.parametrize("zipped", [False, True])
async def test_the_cap_counts_unpacked_bytes(serve: Any, zipped: bool) -> None:  # noqa: FBT001
    async def handler(request: web.BaseRequest) -> web.Response:
        body = b" " * 10_001
        headers = {"Content-Encoding": "gzip"} if zipped else {}
        return web.Response(body=gzip.compress(body) if zipped else body, headers=headers)

    with pytest.raises(Malformed, match="longer than 10000"):
        await asked(await serve(handler))


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(BODY)[:-5],
        gzip.compress(BODY) + b"x",
        b"nonsense",
        zlib.compress(BODY),
        gzip.compress(BODY) * 2,
    ],
    ids=["cut", "trailing", "nonsense", "zlib", "twice"],
)
def test_a_broken_gzip_is_not_read_in_part(raw: bytes) -> None:
    with pytest.raises(Malformed):
        unzipped(raw, 10_000)


def test_law_12_no_code_path_sends_anything_but_get() -> None:
    verbs = {"post", "put", "delete", "patch", "request", "ws_connect"}
    calls = [
        f"{path.name}:{node.lineno}"
        for path in Path(daemon.exchanges.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in verbs
    ]
    assert calls == []
    verb = re.compile(r"(?i)\s*(post|put|delete|patch|head|options|connect|trace)\b.* HTTP/")
    texts = [
        f"{path.name}:{node.lineno}"
        for path in Path(daemon.exchanges.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr | ast.Constant) and verb.match(ast.unparse(node).lstrip("f\"'"))
    ]
    assert texts == []

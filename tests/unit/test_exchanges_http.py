"""The one way to a venue: only GET, no proxy, no redirect, a cap on what is read."""

import ast
import gzip
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import daemon.exchanges
from daemon.exchanges.errors import Malformed
from daemon.exchanges.http import Http, unzipped

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

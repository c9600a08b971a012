"""Whatever is sent to our own page and API, it is answered or hung up on: no 500, no hang, and health goes on."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from contextlib import ExitStack

import hypothesis.strategies as st
import pytest
import structlog
from hypothesis import given, note

from tests.fuzz.profile import fuzzed
from tests.unit.web_support import Browser, serving

TOKEN = "a-long-token"
SECONDS_MOST = 8
QUIET_SECONDS = 0.05
STATUS = re.compile(rb"^HTTP/[0-9]\.[0-9] ([0-9]{3}) ")

PATHS = st.one_of(
    st.sampled_from(
        [
            "/",
            "/healthz",
            "/readyz",
            "/metrics",
            "/alerts/A7F3Q",
            "/alerts/%00",
            "/alerts/" + "A" * 3_000,
            "/api/v1/exchanges",
            "/api/v1/accounts?exchange=%ff&limit=-1",
            "/api/v1/alerts?state=firing&limit=99999999999999999999",
            "/api/v1/notifications?state=%F0%28%8C%28",
            "/api/v1/history?since=1e999999",
            "/api/v1/alerts/A7F3Q/ack",
            "/api/v1/silences",
            "/api/v1/silences/S1%2f..%2f..",
            "//",
            "/../../etc/passwd",
            "*",
            "http://evil.example/",
            "/?" + "a=1&" * 500,
        ]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=60).map(lambda text: "/" + text),
)
METHODS = st.one_of(
    st.sampled_from(
        ["GET", "GET", "POST", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "X"]
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=10),
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "127.0.0.1",
            "evil.example",
            "[::1",
            "http://evil.example",
            "null",
            "",
            "a" * 9_000,
            f"Bearer {TOKEN}",
            "Bearer ",
            "Basic x",
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=",
            "text/html; charset=nope",
            "application/json; charset=utf-7",
            "gzip",
            "chunked",
            "-1",
            "99999999999",
            "100-continue",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=30),
)
NAMES = st.sampled_from(
    [
        "Host",
        "Origin",
        "Authorization",
        "Content-Type",
        "Content-Length",
        "Content-Encoding",
        "Transfer-Encoding",
        "Expect",
        "Accept",
        "Cookie",
        "Range",
        "X-Forwarded-For",
        "Upgrade",
        "Connection",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"{}",
            b"[" * 2_000,
            b'{"account": "\\ud800", "for": "1h", "reason": "x", "by": "y"}',
            b'{"account": "a\\u0000b", "for": "99999999d", "reason": "x", "by": "y"}',
            b'{"for": 1e999999}',
            b'{"by": NaN}',
            b"by=%00&token=%ff&by=2",
            b"0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"x" * 100_000,
        ]
    ),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request, right in the main or in nothing."""
    if draw(st.integers(0, 15)) == 0:
        return draw(st.binary(min_size=1, max_size=200))
    body = draw(BODIES)
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    if draw(st.integers(0, 3)):
        headers.insert(0, ("Host", "127.0.0.1"))
    if draw(st.integers(0, 3)):
        headers.append(("Content-Length", str(len(body))))
    if draw(st.booleans()):
        headers.append(("Authorization", f"Bearer {TOKEN}"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    version = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", ""]))
    head = f"{draw(METHODS)} {draw(PATHS)} {version}\r\n{lines}\r\n"
    return head.encode("latin-1", "replace") + body


class Server:
    """The real server in a loop of its own, for as long as the fuzzing lasts."""

    def __init__(self, runner: asyncio.Runner, browser: Browser) -> None:
        self._runner, self._browser = runner, browser

    def answer_to(self, sent: bytes) -> bytes:
        return self._runner.run(self._ask(sent))

    async def _ask(self, sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._browser.server.port)
        try:
            writer.write(sent)
            answer = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    answer = await reader.read(65_536)
            # An answer, or silence because the request is not whole: with nothing more to come it must end.
            writer.write_eof()
            async with asyncio.timeout(SECONDS_MOST):
                return answer + await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        entering = serving(token=TOKEN)
        browser = runner.run(entering.__aenter__())
        yield Server(runner, browser)
        runner.run(entering.__aexit__(None, None, None))


@fuzzed(250)
@given(sent=requests())
def test_no_request_is_a_500_or_a_hang(server: Server, sent: bytes) -> None:
    note(repr(sent[:2_000]))
    with structlog.testing.capture_logs() as logged:
        answer = server.answer_to(sent)
    assert [line for line in logged if line["event"] == "http.failed"] == []
    found = STATUS.match(answer)
    assert not answer or found
    assert not found or int(found[1]) < 500 or int(found[1]) in {501, 503, 505}
    assert b"Traceback" not in answer
    healthy = server.answer_to(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert healthy.startswith(b"HTTP/1.1 200 ")

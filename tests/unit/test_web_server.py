"""Who is answered, with which headers, and what the health checks say: over real HTTP on loopback."""

import asyncio
import json
import socket
from dataclasses import replace

import pytest
import structlog

from daemon.web import connection, server
from daemon.web.errors import WebError
from daemon.web.headers import SECURITY
from daemon.web.server import WebServer
from daemon.web.sources import Sources
from tests.unit.web_support import SNAPSHOT, Daemon, exchange, serving

PATHS = (
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/alerts/A7F3Q",
    "/static/style.css",
    "/static/live.js",
    "/static/icon.svg",
)
TOKEN = "a-long-token"


async def test_every_path_answers_get_and_head_with_the_same_headers() -> None:
    async with serving() as browser:
        for path in PATHS:
            got, head = await browser.ask(path), await browser.ask(path, "HEAD")
            assert (path, got.status, head.status) == (path, 200, 200)
            assert got.text
            assert head.text == ""
            volatile = {"Date", "Content-Length"}
            assert {k: v for k, v in head.headers.items() if k not in volatile} == {
                k: v for k, v in got.headers.items() if k not in volatile
            }


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", PATHS)
async def test_nothing_can_be_changed(path: str, method: str) -> None:
    async with serving() as browser:
        answer = await browser.ask(path, method)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_security_headers_stand_on_every_answer() -> None:
    async def broken() -> None:
        raise RuntimeError("the inside")

    async with serving(Daemon(fail=broken)) as browser:
        answers = [
            (200, await browser.ask("/healthz")),
            (404, await browser.ask("/nowhere")),
            (405, await browser.ask("/", "POST")),
            (421, await browser.ask("/", headers={"Host": "evil.example"})),
            (500, await browser.ask("/")),
            (500, await browser.page("/metrics")),
        ]
    for status, answer in answers:
        assert answer.status == status
        assert SECURITY.items() <= answer.headers.items()
        assert "Server" not in answer.headers
        assert "inside" not in answer.text
        assert "Traceback" not in answer.text


async def test_what_is_no_http_gets_security_headers_and_no_account_of_why() -> None:
    async with serving() as browser:
        for sent in (
            b"\x16\x03\x01\x00<script>\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: " + b"x" * 10_000 + b"\r\n\r\n",
        ):
            answer = await browser.raw(sent)
            assert answer.startswith(b"HTTP/1.0 400 ")
            assert b"aiohttp" not in answer
            assert b"<script" not in answer
            assert b"X-Content-Type-Options: nosniff" in answer


async def test_an_expectation_that_is_no_text_is_refused_and_no_fault_of_ours() -> None:
    async with serving() as browser:
        for path in (b"/", b"/nowhere"):
            with structlog.testing.capture_logs() as logged:
                answer = await browser.raw(
                    b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: \x80\r\n\r\n"
                )
            assert answer.split(b" ")[1] == b"417"
            assert b"X-Content-Type-Options: nosniff" in answer
            assert [line for line in logged if line["event"] == "http.failed"] == []


async def test_an_unknown_path_is_json_for_programs_and_a_page_for_people() -> None:
    async with serving() as browser:
        assert json.loads((await browser.ask("/api/nothing")).text)["error"]
        page = await browser.page("/some/where/deep")
        assert page.status == 404
        assert page.headers["Content-Type"].startswith("text/html")
        assert 'href="../../static/style.css"' in page.text
        assert "where" not in page.text


@pytest.mark.parametrize(
    "host, status",
    [
        ("127.0.0.1", 200),
        ("127.8.9.1:1234", 200),
        ("localhost", 200),
        ("LOCALHOST:9464", 200),
        ("[::1]:9464", 200),
        ("subtally.example", 200),
        ("Subtally.Example:443", 200),
        ("10.0.0.5:9464", 200),
        ("10.0.0.5", 421),
        ("10.0.0.5:9465", 421),
        ("subtally.example:9464", 421),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:9464", 421),
        ("127.0.0.1@evil.example", 421),
        ("evil.example#127.0.0.1", 421),
        ("127.0.0.1:port", 421),
        ("", 421),
    ],
)
async def test_only_our_own_hosts_are_served(host: str, status: int) -> None:
    async with serving(hosts=("10.0.0.5:9464",), public_url="https://subtally.example/sub") as browser:
        answer = await browser.ask("/healthz", headers={"Host": host})
        assert answer.status == status
        assert status == 200 or "hosts in [daemon]" in answer.text


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /healthz HTTP/1.0\r\n",
    ],
)
async def test_a_request_whose_host_is_in_doubt_is_refused(head: bytes) -> None:
    async with serving() as browser:
        answer = await browser.raw(head + b"Connection: close\r\n\r\n")
        assert answer.split(b" ")[1] in {b"400", b"421"}


@pytest.mark.parametrize(
    "origin, status",
    [
        ("http://localhost:9464", 200),
        ("https://subtally.example", 200),
        ("https://evil.example", 403),
        ("https://subtally.example:8443", 403),
        ("file://localhost", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_only_our_own_origins_are_answered(origin: str, status: int) -> None:
    async with serving(public_url="https://subtally.example") as browser:
        assert (await browser.ask("/readyz", headers={"Origin": origin})).status == status


async def test_beyond_loopback_reading_needs_the_token() -> None:
    async with serving(host="0.0.0.0", token=TOKEN) as browser:  # noqa: S104 - that is the case
        for path in PATHS:
            open_path = path in {"/healthz", "/readyz"} or path.startswith(
                "/static/"
            )  # the form to log in needs these
            bare = await browser.ask(path)
            assert (path, bare.status) == (path, 200 if open_path else 401)
            assert open_path or bare.headers["WWW-Authenticate"].startswith("Bearer")
            assert (await browser.ask(path, headers={"Authorization": f"Bearer {TOKEN}"})).status == 200
        for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer \xff"):
            assert (await browser.ask("/", headers={"Authorization": wrong})).status == 401
        assert (await browser.ask("/nowhere")).status == 401


async def test_on_loopback_reading_needs_no_token() -> None:
    async with serving(token=TOKEN) as browser:
        assert (await browser.ask("/metrics")).status == 200


async def test_without_a_token_nothing_listens_beyond_loopback() -> None:
    daemon = Daemon()
    web = WebServer("0.0.0.0", 0, Sources(daemon.now, daemon.alert_of), token="")  # noqa: S104
    with pytest.raises(WebError, match="api_token is required"):
        await web.start()
    await web.stop()


async def test_a_reload_changes_who_is_answered() -> None:
    async with serving() as browser:
        asked = {"Host": "new.example"}
        assert (await browser.ask("/", headers=asked)).status == 421
        browser.server.admit(hosts=("new.example",), public_url="", token=None)
        assert (await browser.ask("/", headers=asked)).status == 200


async def test_ready_with_warnings_is_200() -> None:
    snapshot = replace(SNAPSHOT, warnings=("the new rules file was refused: rules.toml:12",))
    async with serving(Daemon(snapshot)) as browser:
        answer = await browser.ask("/readyz")
        assert (answer.status, json.loads(answer.text)) == (
            200,
            {"status": "ready", "reasons": [], "warnings": ["the new rules file was refused: rules.toml:12"]},
        )


async def test_unready_is_503_and_says_why_while_health_stays_200() -> None:
    async with serving(Daemon(replace(SNAPSHOT, unready=("no exchange is fresh",)))) as browser:
        answer = await browser.ask("/readyz")
        assert answer.status == 503
        assert json.loads(answer.text) == {
            "status": "unready",
            "reasons": ["no exchange is fresh"],
            "warnings": [],
        }
        health = await browser.ask("/healthz")
        assert (health.status, json.loads(health.text)) == (200, {"status": "ok"})


async def test_a_taken_port_is_told_with_what_to_do() -> None:
    daemon = Daemon()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        web = WebServer("127.0.0.1", port, Sources(daemon.now, daemon.alert_of))
        with pytest.raises(WebError) as caught:
            await web.start()
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: something else listens there: "
        "stop it (is Subtally running already?) or choose another port (listen in [daemon])"
    )
    await web.stop()


async def test_a_daemon_that_does_not_answer_in_time_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.01)
    async with serving(Daemon(fail=never)) as browser:
        assert (await browser.ask("/")).status == 503
        assert (await browser.ask("/healthz")).status == 200


async def test_who_does_not_read_the_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SEND_SECONDS", 0.05)
    many = tuple(exchange(f"exchange-{number}", reason="x" * 250) for number in range(6_000))
    async with serving(Daemon(replace(SNAPSHOT, exchanges=many))) as browser, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", browser.server.port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readexactly(15)).startswith(b"HTTP/1.1 200")
        held = browser.server._runner.server
        assert held is not None
        while held.connections:  # noqa: ASYNC110 - aiohttp tells nobody when it drops a connection
            await asyncio.sleep(0)
        writer.close()


async def test_a_client_that_goes_away_is_no_error() -> None:
    async def client_gone() -> None:
        writer.transport.abort()
        while held.connections[0].transport is not None:  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(0)

    daemon = Daemon()
    async with serving(daemon) as browser, asyncio.timeout(10):
        held = browser.server._runner.server
        assert held is not None
        with structlog.testing.capture_logs() as logs:
            _, writer = await asyncio.open_connection("127.0.0.1", browser.server.port)
            daemon.fail = client_gone
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while held.connections or not logs:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
    assert {entry["log_level"] for entry in logs} == {"debug"}


async def test_connections_beyond_the_bound_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS_MOST", 1)
    async with serving() as browser:
        reader, writer = await asyncio.open_connection("127.0.0.1", browser.server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert await browser.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
        writer.close()


async def test_a_client_that_never_ends_its_request_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection._OPTIONS, "keepalive_timeout", 0.05)
    async with serving() as browser, asyncio.timeout(10):
        assert await browser.raw(b"GET / HTTP/1.1\r\nHost: loc") == b""


async def test_stopping_twice_or_without_a_start_is_harmless() -> None:
    async with serving() as browser:
        await browser.server.stop()
    daemon = Daemon()
    await WebServer("127.0.0.1", 0, Sources(daemon.now, daemon.alert_of)).stop()

"""Every fault as a client meets it on the wire."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from yarl import URL

from daemon.simulator import Fault, ManualClock, Simulator, named_fault
from daemon.simulator.okx import Okx
from tests.contract.simulator_clients import Client, client, okx_headers, until

CONFIG = "/api/v5/account/config"
FUNDING = "/api/v5/asset/subaccount/balances"
STAMP = "2023-11-14T22:13:20.000Z"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(25, 25, 25, limits_scale=1000, clock=ManualClock()) as simulator:
        yield simulator


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def okx(simulator: Simulator, session: aiohttp.ClientSession) -> Client:
    return client(session, simulator, "okx")


async def raw(venue: Okx, target: str, *, until_closed: bool = True) -> bytes:
    """What one signed request gets as bytes, without a client that mends anything."""
    url = URL(venue.base_url)
    assert url.host is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    headers = {"Host": "x", **okx_headers(venue, target, STAMP)}
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    try:
        writer.write("\r\n".join(lines).encode())
        return await (reader.read() if until_closed else reader.readline())
    finally:
        writer.close()


async def test_a_fault_replaces_status_body_and_headers_for_as_many_requests_as_said(
    simulator: Simulator, okx: Client
) -> None:
    body = '{"code":"50001","data":[],"msg":"服务暂时不可用"}'
    simulator.okx.faults.add(
        Fault(path="/api/v5/account/*", times=2, status=503, body=body, headers={"X": "y"})
    )
    replies = [await okx.get(CONFIG) for _ in range(3)]
    assert [reply.status for reply in replies] == [503, 503, 200]
    assert (replies[0].text, replies[0].headers["X"]) == (body, "y")
    assert simulator.okx.faults.hits() == 2
    assert [record.fault for record in simulator.okx.records.requests] == ["fault", "fault", None]
    assert simulator.okx.records.refused == 0


async def test_a_fault_may_skip_requests_and_lasts_until_cleared(simulator: Simulator, okx: Client) -> None:
    fault = simulator.okx.faults.add(Fault(skip=1, status=500))
    other = simulator.okx.faults.add(Fault(path="/nowhere", name="other"))
    assert [(await okx.get(CONFIG)).status for _ in range(3)] == [200, 500, 500]
    simulator.okx.faults.clear(fault)
    assert (await okx.get(CONFIG)).status == 200
    assert len(simulator.okx.faults) == 1
    simulator.okx.faults.clear(name=other.name)
    assert len(simulator.okx.faults) == 0


async def test_a_fault_can_be_for_one_account(simulator: Simulator, okx: Client) -> None:
    simulator.okx.faults.add(Fault(path=FUNDING, account="deskmm2", status=500))
    told = [(await okx.get(f"{FUNDING}?subAcct={name}")).status for name in ("deskmm1", "deskmm2", "deskarb")]
    assert told == [200, 500, 200]


async def pages(to: Client) -> list[str]:
    """The targets of the first three pages, as a careful client asks for them."""
    match to.venue.kind:
        case "binance":
            return [f"/sapi/v1/sub-account/spotSummary?page={number}&size=10" for number in (1, 2, 3)]
        case "okx":
            path, told, cursor = "/api/v5/users/subaccount/list", "ts", "after"
        case _:
            path, told, cursor = "/api/v2/spot/account/subaccount-assets", "id", "idLessThan"
    targets = [f"{path}?limit=10"]
    for _ in range(2):
        last = int((await to.get(targets[-1])).json["data"][-1][told])
        targets.append(f"{path}?{cursor}={last + (told == 'ts')}&limit=10")
    return targets


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
async def test_a_fault_can_be_for_one_page(
    simulator: Simulator, session: aiohttp.ClientSession, kind: str, page: int
) -> None:
    """Binance numbers its pages, OKX goes by time, Bitget by a cursor: page 2 is the second one of each."""
    to = client(session, simulator, kind)
    targets = await pages(to)
    simulator.venues[kind].faults.add(Fault(page=page, status=500, body="{}"))
    statuses = [(await to.get(target)).status for target in targets]
    assert statuses == [500 if number == page else 200 for number in (1, 2, 3)]


async def test_a_transform_rewrites_the_honest_body(simulator: Simulator, okx: Client) -> None:
    def uncounted(body: bytes) -> bytes:
        told = json.loads(body)
        told["data"][0]["perm"] = "anything"
        return json.dumps(told).encode()

    simulator.okx.faults.add(Fault(transform=uncounted))
    assert (await okx.get(CONFIG)).json["data"][0]["perm"] == "anything"


async def test_truncated_json_is_whole_http(simulator: Simulator, okx: Client) -> None:
    simulator.okx.faults.add(named_fault("truncate"))
    reply = await okx.get(CONFIG)
    assert reply.status == 200
    assert int(reply.headers["Content-Length"]) == len(reply.text.encode())
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


async def test_html_may_come_with_status_200(simulator: Simulator, okx: Client) -> None:
    simulator.okx.faults.add(named_fault("html"))
    reply = await okx.get(CONFIG)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html")
    assert reply.text.startswith("<html>")


async def test_a_cut_body_breaks_the_promise_of_its_length(simulator: Simulator, okx: Client) -> None:
    simulator.okx.faults.add(named_fault("cut"))
    with pytest.raises(aiohttp.ClientPayloadError):
        await okx.get(CONFIG)


async def test_a_gzip_bomb_is_small_on_the_wire(simulator: Simulator) -> None:
    simulator.okx.faults.add(replace(named_fault("bomb"), bomb_bytes=64 << 20))
    head, _, body = (await read_with_length(simulator.okx, CONFIG)).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert len(body) < 100_000
    unpacked = gzip.decompress(body)
    assert len(unpacked) == 64 << 20
    assert unpacked.isspace()


async def read_with_length(venue: Okx, target: str) -> bytes:
    url = URL(venue.base_url)
    assert url.host is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    headers = {"Host": "x", "Connection": "close", **okx_headers(venue, target, STAMP)}
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_reset_connection_gives_no_answer(simulator: Simulator) -> None:
    simulator.okx.faults.add(named_fault("reset"))
    with pytest.raises(ConnectionResetError):
        await raw(simulator.okx, CONFIG)


async def test_a_closed_connection_gives_no_answer(simulator: Simulator) -> None:
    simulator.okx.faults.add(named_fault("close"))
    assert await raw(simulator.okx, CONFIG) == b""


async def test_a_dropped_keep_alive_answers_first_and_announces_nothing(
    simulator: Simulator, okx: Client
) -> None:
    simulator.okx.faults.add(replace(named_fault("close_after"), times=1))
    answer = await raw(simulator.okx, CONFIG)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"Connection: close" not in answer
    assert (await okx.get(CONFIG)).status == 200


async def test_a_hanging_request_is_never_answered_and_does_not_stop_the_stop(
    session: aiohttp.ClientSession,
) -> None:
    simulator = Simulator(clock=ManualClock())
    await simulator.start()
    simulator.okx.faults.add(named_fault("hang"))
    asking = asyncio.create_task(raw(simulator.okx, CONFIG))
    await until(lambda: simulator.okx.records.total == 1)
    assert not asking.done()
    await simulator.stop()
    assert await asking == b""


async def test_latency_passes_before_or_after_the_venue_counts(simulator: Simulator, okx: Client) -> None:
    clock = simulator.clock
    assert isinstance(clock, ManualClock)
    simulator.okx.faults.add(Fault(times=1, delay_seconds=3))
    simulator.okx.faults.add(Fault(times=1, request_delay_seconds=3))
    began_ms = clock.now_ms()
    for counted_ms in (began_ms, began_ms + 6000):
        asking = asyncio.create_task(okx.get(CONFIG))
        await until(lambda: clock.sleepers)
        assert not asking.done()
        clock.advance(3)
        assert (await asking).status == 200
        assert simulator.okx.records.requests[-1].at_ms == counted_ms


async def test_a_dripped_body_arrives_whole_in_its_own_time(simulator: Simulator, okx: Client) -> None:
    clock = simulator.clock
    assert isinstance(clock, ManualClock)
    simulator.okx.faults.add(Fault(end="drip", drip_seconds=1, body="{}"))
    began_ms = clock.now_ms()
    asking = asyncio.create_task(okx.get(CONFIG))
    async with asyncio.timeout(10):
        while not asking.done():
            await asyncio.sleep(0)
            if clock.sleepers:
                clock.advance(1)
    assert (await asking).text == "{}"
    assert clock.now_ms() - began_ms == 2000


async def test_a_fault_hides_neither_a_bad_signature_nor_a_broken_limit(
    simulator: Simulator, okx: Client
) -> None:
    simulator.okx.faults.add(Fault(status=200, body="{}"))
    simulator.okx.set_limit(CONFIG, 1, 1_000_000)
    simulator.okx.limiter.forget()
    bad = {**okx_headers(simulator.okx, CONFIG, STAMP), "OK-ACCESS-SIGN": "x"}
    assert (await okx.send(CONFIG, bad)).text == "{}"
    await asyncio.gather(*(okx.get(CONFIG) for _ in range(1001)))
    assert simulator.okx.records.reasons["signature"] == 1
    assert simulator.okx.records.rate_limited == 2


def test_an_unknown_fault_is_named_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="hang, reset, close"):
        named_fault("gremlin")

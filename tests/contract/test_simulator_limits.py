"""The documented limits over HTTP: as many calls as lawful pass in every window style, and not one more."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from daemon.simulator import ManualClock, Simulator
from daemon.simulator.limits import WindowStyle
from tests.contract.simulator_clients import client

STYLES: tuple[WindowStyle, ...] = ("fixed", "sliding", "bucket")
V4 = "/sapi/v4/sub-account/assets?email=mm-1%40desk.example"
FUNDING = "/api/v5/asset/subaccount/balances?subAcct=deskmm1"
START_MS = 1_700_000_040_000  # the start of a minute and of every shorter window


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def moved(simulator: Simulator) -> ManualClock:
    assert isinstance(simulator.clock, ManualClock)
    return simulator.clock


DOCUMENTED = [
    ("okx", FUNDING, 6, 2),
    ("okx", "/api/v5/account/subaccount/balances?subAcct=deskmm1", 6, 2),
    ("okx", "/api/v5/users/subaccount/list", 2, 2),
    ("okx", "/api/v5/account/config", 5, 2),
    ("okx", "/api/v5/asset/balances", 6, 1),
    ("okx", "/api/v5/system/status", 1, 5),
    ("bitget", "/api/v2/spot/account/subaccount-assets", 10, 1),
    ("bitget", "/api/v2/user/virtual-subaccount-list", 1, 1),
    ("bitget", "/api/v2/spot/account/info", 1, 1),
    ("binance", "/sapi/v1/asset/wallet/balance", 200, 60),
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind, target, amount, seconds", DOCUMENTED)
async def test_exactly_the_documented_number_passes(
    session: aiohttp.ClientSession, style: WindowStyle, kind: str, target: str, amount: int, seconds: int
) -> None:
    async with Simulator(window=style, clock=ManualClock(START_MS)) as simulator:
        to = client(session, simulator, kind)
        assert [(await to.get(target)).status for _ in range(amount + 1)] == [200] * amount + [429]
        moved(simulator).advance(seconds)
        wait_more = 0 if style != "bucket" or kind != "binance" else seconds
        moved(simulator).advance(wait_more)  # a refused call has cost tokens too
        assert (await to.get(target)).status == 200
        assert simulator.venues[kind].records.rate_limited == 1


@pytest.mark.parametrize("style", STYLES)
async def test_a_slot_freed_one_window_after_its_response_is_never_refused(
    session: aiohttp.ClientSession, style: WindowStyle
) -> None:
    async with Simulator(window=style, clock=ManualClock(START_MS)) as simulator:
        to = client(session, simulator, "okx")
        for seconds in (0, 0.3, 0.9, 1.1, 1.9) * 4:
            for _ in range(6):
                assert (await to.get(FUNDING)).status == 200
            moved(simulator).advance(2 + seconds)
        assert simulator.okx.records.rate_limited == 0


async def test_binance_counts_each_endpoint_by_weight_and_says_so(session: aiohttp.ClientSession) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        to = client(session, simulator, "binance")
        told = [(await to.get(V4)).headers["X-SAPI-USED-UID-WEIGHT-1M"] for _ in range(3)]
        assert told == ["60", "120", "180"]
        summary = (await to.get("/sapi/v1/sub-account/spotSummary")).headers
        assert summary["X-SAPI-USED-IP-WEIGHT-1M"] == "1"
        assert "X-SAPI-USED-UID-WEIGHT-1M" not in summary
        refused = await to.get("/sapi/v4/sub-account/assets?email=nobody%40x.example")
        assert (refused.code, refused.headers["X-SAPI-USED-UID-WEIGHT-1M"]) == (-9000, "240")
        assert (await to.send("/api/v3/time")).headers["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_binance_says_when_to_come_back_and_bans_who_does_not_listen(
    session: aiohttp.ClientSession,
) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        binance = simulator.binance
        binance.set_limit("/sapi/v4/sub-account/assets", 120, 60, 60)
        to = client(session, simulator, "binance")
        for _ in range(2):
            assert (await to.get(V4)).status == 200
            moved(simulator).advance(10)
        limited = await to.get(V4)
        assert (limited.status, limited.code, limited.headers["Retry-After"]) == (429, -1003, "50")

        for _ in range(binance.tolerated_refusals):
            assert (await to.get(V4)).status == 429
        banned = await to.get("/sapi/v1/sub-account/list")
        assert (banned.status, banned.code, banned.headers["Retry-After"]) == (418, -1003, "120")
        until_ms = moved(simulator).now_ms() + 120_000
        assert f"IP banned until {until_ms}." in banned.json["msg"]
        moved(simulator).advance(119.9)
        assert (await to.get("/sapi/v1/sub-account/list")).headers["Retry-After"] == "1"
        moved(simulator).advance(0.1)
        assert (await to.get("/sapi/v1/sub-account/list")).status == 200


async def test_a_second_ban_is_longer(session: aiohttp.ClientSession) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        simulator.binance.set_limit("/sapi/v4/sub-account/assets", 60, 60, 60)
        simulator.binance.tolerated_refusals = 0
        to = client(session, simulator, "binance")
        told = []
        for _ in range(3):
            assert [(await to.get(V4)).status for _ in range(2)] == [200, 429]
            told.append(int((await to.get(V4)).headers["Retry-After"]))
            moved(simulator).advance(told[-1])
        assert told == [120, 240, 480]


async def test_binance_counts_refused_calls_against_the_limit(session: aiohttp.ClientSession) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        simulator.binance.set_limit("/sapi/v4/sub-account/assets", 60, 60, 60)
        to = client(session, simulator, "binance")
        await to.get(V4)
        moved(simulator).advance(59)
        assert (await to.get(V4)).status == 429
        moved(simulator).advance(1)
        assert (await to.get(V4)).status == 429


async def test_okx_refuses_without_data_and_without_advice(session: aiohttp.ClientSession) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        to = client(session, simulator, "okx")
        replies = [await to.get(FUNDING) for _ in range(7)]
        assert replies[-1].status == 429
        assert replies[-1].text == '{"msg":"Too Many Requests","code":"50011"}'
        assert "Retry-After" not in replies[-1].headers
        assert (await to.get("/api/v5/account/subaccount/balances?subAcct=deskmm1")).status == 200


async def test_bitget_counts_down_in_its_header(session: aiohttp.ClientSession) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        to = client(session, simulator, "bitget")
        replies = [await to.get("/api/v2/spot/account/subaccount-assets") for _ in range(11)]
        remaining = [reply.headers["x-mbx-used-remain-limit"] for reply in replies]
        assert remaining == ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0", "0"]
        assert replies[-1].json == {
            "code": "429",
            "msg": "Too Many Requests",
            "requestTime": START_MS,
            "data": None,
        }


async def test_bitget_takes_five_minutes_to_forgive_an_address(session: aiohttp.ClientSession) -> None:
    async with Simulator(clock=ManualClock(START_MS), limits_scale=0.001) as simulator:
        to = client(session, simulator, "bitget")
        target = "/api/v2/public/time"
        for _ in range(6):
            assert (await to.send(target)).status == 200
            moved(simulator).advance(1)
        assert (await to.send(target)).status == 429
        moved(simulator).advance(299)
        assert (await to.send(target)).status == 429
        moved(simulator).advance(1)
        assert (await to.send(target)).status == 200


@pytest.mark.parametrize("kind, status", [("binance", 418), ("okx", 429), ("bitget", 429)])
async def test_a_scripted_ban_refuses_everything_until_it_is_over(
    session: aiohttp.ClientSession, kind: str, status: int
) -> None:
    async with Simulator(clock=ManualClock(START_MS)) as simulator:
        venue, to = simulator.venues[kind], client(session, simulator, kind)
        venue.ban(10)
        target = next(iter(venue.endpoints))
        assert (await to.get(target)).status == status
        assert venue.records.reasons == {"ban": 1}
        moved(simulator).advance(10)
        assert (await to.get(target)).status != status

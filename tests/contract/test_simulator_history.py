"""The histories of the simulator over HTTP, by clients that know nothing of ours: shapes, windows, refusals."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from daemon.simulator import ManualClock, Simulator
from tests.contract.simulator_clients import Client, Reply, client, vectors

UNIVERSAL = "/sapi/v1/sub-account/universalTransfer"
HISREC, SUB_HISREC = "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/capital/deposit/subHisrec"
WITHDRAWN = "/sapi/v1/capital/withdraw/history"
BILLS = "/api/v5/asset/subaccount/bills"
RECORDS = "/api/v2/spot/account/sub-main-trans-record"
DAY_MS = 86_400_000


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(3, 3, 3, limits_scale=1000, clock=ManualClock()) as simulator:
        yield simulator


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def binance(simulator: Simulator, session: aiohttp.ClientSession) -> Client:
    return client(session, simulator, "binance")


@pytest.fixture
def okx(simulator: Simulator, session: aiohttp.ClientSession) -> Client:
    return client(session, simulator, "okx")


@pytest.fixture
def bitget(simulator: Simulator, session: aiohttp.ClientSession) -> Client:
    return client(session, simulator, "bitget")


@pytest.mark.parametrize(
    "target",
    [UNIVERSAL, "/sapi/v1/sub-account/sub/transfer/history", HISREC, WITHDRAWN],
)
async def test_binance_histories_need_a_signature(binance: Client, target: str) -> None:
    unsigned = await binance.send(f"{target}?timestamp={binance.now_ms()}&signature=0")
    assert unsigned.status == 401
    assert (await binance.get(target)).status == 200


async def test_binance_tells_a_transfer_as_the_page_shows_it(simulator: Simulator, binance: Client) -> None:
    simulator.venues["binance"].move("master", "mm-1@desk.example", "USDT", "1.5")
    row = (await binance.get(UNIVERSAL)).json["result"][0]
    assert row["fromEmail"] == "master@desk.example"
    assert row["toEmail"] == "mm-1@desk.example"
    assert (row["asset"], row["amount"], row["status"]) == ("USDT", "1.5", "SUCCESS")
    assert (row["fromAccountType"], row["toAccountType"]) == ("SPOT", "SPOT")


async def test_binance_without_an_address_tells_of_the_master_only(
    simulator: Simulator, binance: Client
) -> None:
    simulator.venues["binance"].move("mm-1@desk.example", "master", "USDT", "1")
    assert (await binance.get(UNIVERSAL)).json == {"result": [], "totalCount": 0}
    assert (await binance.get(f"{UNIVERSAL}?fromEmail=mm-1%40desk.example")).json["totalCount"] == 1
    assert (await binance.get(f"{UNIVERSAL}?toEmail=master%40desk.example")).json["totalCount"] == 1


@pytest.mark.parametrize(
    "query",
    [
        "fromEmail=a%40x&toEmail=b%40x",
        f"startTime=1000&endTime={1000 + 7 * DAY_MS}",
        "startTime=2000&endTime=1000",
        "limit=501",
        "page=0",
    ],
)
async def test_binance_refuses_what_the_page_forbids(binance: Client, query: str) -> None:
    assert (await binance.get(f"{UNIVERSAL}?{query}")).status == 400


async def test_binance_tells_deposits_and_withdrawals_of_the_key_only(
    simulator: Simulator, binance: Client
) -> None:
    venue = simulator.venues["binance"]
    venue.deposit("mm-1@desk.example", "BTC", "1")
    venue.withdraw("master", "USDT", "10", fee="0.5")
    assert (await binance.get(HISREC)).json == []
    assert (await binance.get(SUB_HISREC)).code == -1102
    assert (await binance.get(f"{SUB_HISREC}?email=nobody%40x")).code == -9000
    assert (await binance.get(f"{SUB_HISREC}?email=mm-1%40desk.example")).json[0]["amount"] == "1"
    row = (await binance.get(WITHDRAWN)).json[0]
    assert (row["amount"], row["transactionFee"], row["status"]) == ("10", "0.5", 6)
    assert len(row["completeTime"]) == len("2026-01-01 00:00:00")


async def test_binance_prices_are_those_of_its_own_valuations(simulator: Simulator, binance: Client) -> None:
    simulator.venues["binance"].set_price("BTC", "100000")
    rows = {row["symbol"]: row["price"] for row in (await binance.send("/api/v3/ticker/price")).json}
    assert rows["BTCUSDT"] == "100000.00000000"
    assert (await binance.send("/api/v3/ticker/price?symbol=BTCUSDT")).json["price"] == rows["BTCUSDT"]
    assert (await binance.send("/api/v3/ticker/price?symbol=NOPE")).code == -1121


async def test_okx_tells_the_prices_of_its_spot_markets(simulator: Simulator, okx: Client) -> None:
    simulator.venues["okx"].set_price("BTC", "100000")
    tickers = "/api/v5/market/tickers"
    rows = {row["instId"]: row["last"] for row in (await okx.send(f"{tickers}?instType=SPOT")).json["data"]}
    assert rows["BTC-USDT"] == "100000.00000000"
    assert (await okx.send(f"{tickers}?instType=SWAP")).json["data"] == []
    assert (await okx.send(tickers)).json["code"] == "50014"
    assert (await okx.send(f"{tickers}?instType=NOPE")).json["code"] == "51000"


async def test_bitget_tells_the_price_of_one_market_or_all(simulator: Simulator, bitget: Client) -> None:
    simulator.venues["bitget"].set_price("BTC", "100000")
    tickers = "/api/v2/spot/market/tickers"
    rows = {row["symbol"]: row["lastPr"] for row in (await bitget.send(tickers)).json["data"]}
    assert rows["BTCUSDT"] == "100000.00000000"
    (only,) = (await bitget.send(f"{tickers}?symbol=BTCUSDT")).json["data"]
    assert only["lastPr"] == rows["BTCUSDT"]
    assert (await bitget.send(f"{tickers}?symbol=NOPE")).json["code"] == "40034"


async def test_an_omitted_coin_is_missing_from_quantities_and_stays_in_the_valuation(
    simulator: Simulator, binance: Client
) -> None:
    async def total() -> Any:
        reply = await binance.get("/sapi/v1/sub-account/spotSummary?email=mm-1%40desk.example")
        return reply.json["spotSubUserAssetBtcVoList"][0]["totalAsset"]

    async def coins() -> set[str]:
        reply = await binance.get("/sapi/v4/sub-account/assets?email=mm-1%40desk.example")
        return {row["asset"] for row in reply.json["balances"]}

    before, held = await total(), await coins()
    simulator.venues["binance"].omit("mm-1@desk.example", "ETH")
    assert await coins() == held - {"ETH"}
    assert await total() == before
    simulator.venues["binance"].show("mm-1@desk.example", "ETH")
    assert await coins() == held


async def test_okx_tells_a_bill_as_the_page_shows_it(simulator: Simulator, okx: Client) -> None:
    example = next(row["body"] for row in vectors("okx/responses.json")["ok"] if row["name"] == "bills")
    venue = simulator.venues["okx"]
    venue.move("master", "deskmm1", "USDT", "1.1")
    venue.move("deskmm1", "master", "BTC", "0.1")
    venue.move("deskmm1", "deskmm2", "BTC", "0.1")
    reply = (await okx.get(f"{BILLS}?type=0")).json
    assert set(reply["data"][0]) == set(example["data"][0])
    assert [(row["type"], row["amt"]) for row in reply["data"]] == [("0", "1.1")]
    assert [row["amt"] for row in (await okx.get(BILLS)).json["data"]] == ["0.1", "1.1"]
    assert (await okx.get(f"{BILLS}?limit=101")).code == "51000"
    now = venue.clock.now_ms()
    assert (await okx.get(f"{BILLS}?after={now}")).json["data"] == []  # exclusive
    assert len((await okx.get(f"{BILLS}?after={now + 1}&before={now - 1}")).json["data"]) == 2


async def test_bitget_tells_transfers_by_role(simulator: Simulator, bitget: Client) -> None:
    venue = simulator.venues["bitget"]
    uid = venue.account("mm-1").id
    venue.move("mm-1", "master", "USDT", "2")

    async def rows(query: str) -> list[Any]:
        reply: Reply = await bitget.get(f"{RECORDS}{query}")
        return list(reply.json["data"])

    assert await rows("") == []
    assert [row["size"] for row in await rows("?role=receiver")] == ["2"]
    assert [row["fromUserId"] for row in await rows(f"?role=initiator&subUid={uid}")] == [uid]
    assert await rows(f"?role=receiver&subUid={uid}") == []
    assert (await bitget.get(f"{RECORDS}?role=both")).code == "40017"
    assert (await bitget.get(f"{RECORDS}?subUid=1")).code == "40028"


@pytest.mark.parametrize("recorded", [True, False])
async def test_a_movement_that_is_not_recorded_changes_balances_only(
    simulator: Simulator, bitget: Client, *, recorded: bool
) -> None:
    venue = simulator.venues["bitget"]
    before = venue.account("mm-1").holdings("spot")["USDT"].free
    venue.move("mm-1", "mm-2", "USDT", "2", recorded=recorded)
    assert venue.account("mm-1").holdings("spot")["USDT"].free == before - 2
    rows = (await bitget.get(f"{RECORDS}?subUid={venue.account('mm-2').id}&role=receiver")).json["data"]
    assert len(rows) == recorded

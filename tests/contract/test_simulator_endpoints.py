"""Every endpoint over HTTP: shapes as documented, pages, presence, and how each venue says no."""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

from daemon.simulator import ManualClock, Simulator
from daemon.simulator.money import ratio, wire
from tests.contract.simulator_clients import Client, Reply, client, vectors

Get = Callable[[str], Awaitable[Reply]]
LIST, SUMMARY = "/sapi/v1/sub-account/list", "/sapi/v1/sub-account/spotSummary"
V4, V3 = "/sapi/v4/sub-account/assets", "/sapi/v3/sub-account/assets"
OKX_LIST = "/api/v5/users/subaccount/list"
FUNDING, TRADING = "/api/v5/asset/subaccount/balances", "/api/v5/account/subaccount/balances"
ASSETS, VIRTUAL = "/api/v2/spot/account/subaccount-assets", "/api/v2/user/virtual-subaccount-list"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Limits are another file's matter: here they are wide."""
    async with Simulator(25, 5, 25, limits_scale=1000, clock=ManualClock()) as simulator:
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


def shape(value: Any) -> Any:
    """The keys and types of a body, down to the first row of a list."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def okx_example(name: str) -> Any:
    return next(row["body"] for row in vectors("okx/responses.json")["ok"] if row["name"] == name)


def bitget_example(name: str) -> Any:
    return next(row["body"] for row in vectors("bitget/responses.json")["ok"] if row["name"] == name)


# Binance


@pytest.mark.parametrize(
    "target, example",
    [
        (f"{V4}?email=mm-1%40desk.example", "GET /sapi/v4/sub-account/assets"),
        (f"{LIST}?limit=200", "GET /sapi/v1/sub-account/list"),
        (SUMMARY, "GET /sapi/v1/sub-account/spotSummary"),
        ("/sapi/v1/account/apiRestrictions", "GET /sapi/v1/account/apiRestrictions (measured 2026-08-08)"),
        ("/sapi/v1/system/status", "GET /sapi/v1/system/status"),
        (
            "/sapi/v1/asset/wallet/balance?quoteAsset=USDT&needBalanceDetail=true",
            "GET /sapi/v1/asset/wallet/balance?needBalanceDetail=true",
        ),
    ],
)
async def test_binance_bodies_have_the_documented_shape(binance: Client, target: str, example: str) -> None:
    reply = await binance.get(target)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert shape(reply.json) == shape(vectors("binance/response_shapes.json")[example])


async def test_binance_v3_gives_the_same_figures_as_numbers(simulator: Simulator, binance: Client) -> None:
    simulator.binance.set_balance("mm-1@desk.example", "DUST", free="0.000000000000000001", locked="7.10")
    v4 = msgspec.json.decode((await binance.get(f"{V4}?email=mm-1%40desk.example")).text)
    v3_text = (await binance.get(f"{V3}?email=mm-1%40desk.example")).text
    assert '"free":0.000000000000000001,"locked":7.10' in v3_text
    assert [row["asset"] for row in msgspec.json.decode(v3_text)["balances"]] == [
        row["asset"] for row in v4["balances"]
    ]


async def test_binance_keeps_eighteen_decimals_and_negative_amounts(
    simulator: Simulator, binance: Client
) -> None:
    simulator.binance.add("exact@x.example")
    amounts = {"free": "10.100000000000000000", "locked": "-0.5", "frozen": "0.0", "withdrawing": "3"}
    simulator.binance.set_balance("exact@x.example", "ETH", **amounts)  # type: ignore[arg-type]
    rows = (await binance.get(f"{V4}?email=exact%40x.example")).json["balances"]
    freeze = amounts.pop("frozen")
    assert rows == [{"asset": "ETH", **amounts, "freeze": freeze}]


async def test_binance_pages_the_summary_by_ten_and_at_most_twenty(
    simulator: Simulator, binance: Client
) -> None:
    assert len((await binance.get(SUMMARY)).json["spotSubUserAssetBtcVoList"]) == 10
    pages = [(await binance.get(f"{SUMMARY}?page={page}&size=20")).json for page in (1, 2, 3)]
    assert [len(page["spotSubUserAssetBtcVoList"]) for page in pages] == [20, 5, 0]
    assert {page["totalCount"] for page in pages} == {25}
    told = [row["email"] for page in pages for row in page["spotSubUserAssetBtcVoList"]]
    assert told == [account.name for account in simulator.binance]
    for bad in ("size=21", "size=0", "page=0", "page=x"):
        assert (await binance.get(f"{SUMMARY}?{bad}")).code == -1130


async def test_binance_values_accounts_in_btc_to_eight_decimals(
    simulator: Simulator, binance: Client
) -> None:
    simulator.binance.add("v@x.example", balances={"spot": {"USDT": "1", "BTC": "0.5", "NOPRICE": "9"}})
    simulator.binance.prices["BTC"] = Decimal(30_000)
    one = (await binance.get(f"{SUMMARY}?email=v%40x.example")).json
    assert one["spotSubUserAssetBtcVoList"] == [{"email": "v@x.example", "totalAsset": "0.50003333"}]
    assert one["totalCount"] == 1
    master = simulator.binance.worth(simulator.binance.master, ("Spot",))
    assert one["masterAccountTotalAsset"] == wire(ratio(master, Decimal(30_000), 8))


async def test_binance_lists_one_account_unless_asked_for_more(binance: Client) -> None:
    assert len((await binance.get(LIST)).json["subAccounts"]) == 1
    pages = [(await binance.get(f"{LIST}?limit=20&page={page}")).json["subAccounts"] for page in (1, 2)]
    assert [len(page) for page in pages] == [20, 5]
    assert (await binance.get(f"{LIST}?limit=201")).code == -1130


async def test_binance_tells_frozen_accounts_and_may_leave_ids_out(
    simulator: Simulator, binance: Client
) -> None:
    simulator.binance.freeze("arb@desk.example")
    frozen = (await binance.get(f"{LIST}?limit=200&isFreeze=true")).json["subAccounts"]
    assert [(row["email"], row["isFreeze"]) for row in frozen] == [("arb@desk.example", True)]
    assert frozen[0]["subUserId"] == int(simulator.binance.account("arb@desk.example").id)
    simulator.binance.shows_user_ids = False
    row = (await binance.get(f"{LIST}?limit=200")).json["subAccounts"][0]
    assert "subUserId" not in row
    assert "remark" not in row


async def test_binance_knows_only_the_present_email(simulator: Simulator, binance: Client) -> None:
    user_id = simulator.binance.account("arb@desk.example").id
    simulator.binance.rename("arb@desk.example", "arb+eu@desk.example")
    assert (await binance.get(f"{V4}?email=arb%40desk.example")).code == -9000
    assert (await binance.get(f"{V4}?email=arb%2Beu%40desk.example")).status == 200
    simulator.binance.remove("arb+eu@desk.example")
    gone = await binance.get(f"{V4}?email=arb%2Beu%40desk.example")
    assert gone.json == {"code": -9000, "msg": "This two users are not in parent-child relation."}
    listed = (await binance.get(f"{LIST}?limit=200")).json["subAccounts"]
    assert int(user_id) not in [row["subUserId"] for row in listed]


async def test_binance_unlisted_accounts_still_answer(simulator: Simulator, binance: Client) -> None:
    simulator.binance.unlist("arb@desk.example", "summary")
    assert (await binance.get(SUMMARY)).json["totalCount"] == 24
    assert len((await binance.get(f"{LIST}?limit=200")).json["subAccounts"]) == 25
    simulator.binance.unlist("arb@desk.example")
    assert len((await binance.get(f"{LIST}?limit=200")).json["subAccounts"]) == 24
    assert (await binance.get(f"{V4}?email=arb%40desk.example")).status == 200
    simulator.binance.relist("arb@desk.example")
    assert (await binance.get(SUMMARY)).json["totalCount"] == 25


async def test_binance_values_the_masters_wallets_in_a_known_coin(
    simulator: Simulator, binance: Client
) -> None:
    simulator.binance.drain("master")
    simulator.binance.set_balance("master", "ETH", wallet="Funding", free="2")
    simulator.binance.prices.update({"ETH": Decimal(3000), "BTC": Decimal(60_000)})
    path = "/sapi/v1/asset/wallet/balance"
    by_name = {
        quote: {row["walletName"]: row["balance"] for row in (await binance.get(f"{path}{query}")).json}
        for quote, query in (("BTC", ""), ("USDT", "?quoteAsset=USDT"))
    }
    assert (by_name["BTC"]["Funding"], by_name["USDT"]["Funding"]) == ("0.10000000", "6000.00000000")
    assert by_name["USDT"]["Spot"] == "0"
    assert "USDⓈ-M Futures" in by_name["USDT"]
    assert (await binance.get(f"{path}?quoteAsset=NOPE")).code == -1130


async def test_binance_maintenance_is_announced_and_refuses_the_rest(
    simulator: Simulator, binance: Client
) -> None:
    simulator.binance.under_maintenance = True
    assert (await binance.send("/sapi/v1/system/status")).json == {"status": 1, "msg": "system_maintenance"}
    assert (await binance.get(LIST)).status == 503
    simulator.binance.recover()
    assert (await binance.get(LIST)).status == 200


async def test_binance_wants_the_email(binance: Client) -> None:
    for query in ("", "?email="):
        reply = await binance.get(V4 + query)
        assert (reply.status, reply.code) == (400, -1102)
        assert "'email'" in reply.json["msg"]


# OKX


@pytest.mark.parametrize(
    "target, example",
    [
        (f"{FUNDING}?subAcct=deskmm1", "funding_one_ccy"),
        (OKX_LIST, "sub_list_full"),
        ("/api/v5/public/time", "time"),
    ],
)
async def test_okx_bodies_have_the_documented_shape(okx: Client, target: str, example: str) -> None:
    reply = await okx.get(target)
    found, expected = shape(reply.json), shape(okx_example(example))
    for row in (found["data"][0], expected["data"][0]):
        row.pop("frozenFunc", None)
    assert found == expected


async def test_okx_trading_bodies_have_the_documented_members(simulator: Simulator, okx: Client) -> None:
    told = (await okx.get(f"{TRADING}?subAcct=deskmm1")).json["data"][0]
    example = okx_example("trading_empty_strings_and_16dp")["data"][0]
    assert set(example) <= set(told)
    assert set(example["details"][0]) <= set(told["details"][0])
    assert told["totalEq"] == wire(simulator.okx.worth(simulator.okx.account("deskmm1"), ("trading",)))
    simulator.okx.drain("deskmm1")
    empty = (await okx.get(f"{TRADING}?subAcct=deskmm1")).json["data"][0]
    assert {**empty, "uTime": ""} == {**okx_example("trading_no_assets")["data"][0], "uTime": ""}
    assert (await okx.get(f"{FUNDING}?subAcct=deskmm1")).json == okx_example("funding_empty")


async def test_okx_cash_is_free_and_frozen_and_raw_members_stand_as_given(
    simulator: Simulator, okx: Client
) -> None:
    simulator.okx.set_balance(
        "deskmm2",
        "SOL",
        wallet="trading",
        free="0.0918492093160816",
        frozen="1",
        raw={"availBal": "", "upl": "-7.571730042000012", "liab": "3"},
    )
    row = (await okx.get(f"{TRADING}?subAcct=deskmm2")).json["data"][0]["details"][-1]
    assert (row["cashBal"], row["availBal"], row["frozenBal"]) == ("1.0918492093160816", "", "1")
    assert (row["eq"], row["liab"]) == ("-6.4798808326839304", "3")


async def test_okx_gives_the_coins_asked_for_and_at_most_twenty(okx: Client) -> None:
    for comma in (",", "%2C"):
        rows = (await okx.get(f"{FUNDING}?subAcct=deskmm1&ccy=BTC{comma}ETH")).json["data"]
        assert [row["ccy"] for row in rows] == ["BTC", "ETH"]
    many = ",".join(f"C{number}" for number in range(21))
    assert (await okx.get(f"{FUNDING}?subAcct=deskmm1&ccy={many}")).code == "50025"


async def test_okx_lists_newest_first_by_time_so_that_ties_can_fall_between_pages(okx: Client) -> None:
    rows = (await okx.get(OKX_LIST)).json["data"]
    stamps = [int(row["ts"]) for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[1] == stamps[2]
    page = (await okx.get(f"{OKX_LIST}?limit=2")).json["data"]
    plain = (await okx.get(f"{OKX_LIST}?limit=2&after={page[-1]['ts']}")).json["data"]
    careful = (await okx.get(f"{OKX_LIST}?limit=2&after={int(page[-1]['ts']) + 1}")).json["data"]
    assert rows[2]["uid"] not in [row["uid"] for row in plain]
    assert rows[2]["uid"] in [row["uid"] for row in careful]
    newer = (await okx.get(f"{OKX_LIST}?before={stamps[1]}")).json["data"]
    assert [row["uid"] for row in newer] == [rows[0]["uid"]]


@pytest.mark.parametrize("query", ["limit=101", "limit=0", "limit=x", "after=x"])
async def test_okx_refuses_what_its_list_does_not_take(okx: Client, query: str) -> None:
    reply = await okx.get(f"{OKX_LIST}?{query}")
    assert (reply.status, reply.code, reply.json["data"]) == (400, "51000", [])


async def test_okx_tells_frozen_unlisted_and_removed_accounts_apart(
    simulator: Simulator, okx: Client
) -> None:
    simulator.okx.freeze("deskmm1")
    simulator.okx.unlist("deskmm2")
    simulator.okx.remove("deskarb")
    rows = {row["subAcct"]: row["enable"] for row in (await okx.get(OKX_LIST)).json["data"]}
    assert rows["deskmm1"] is False
    assert {"deskmm2", "deskarb"}.isdisjoint(rows)
    assert [row["subAcct"] for row in (await okx.get(f"{OKX_LIST}?enable=false")).json["data"]] == ["deskmm1"]
    assert (await okx.get(f"{FUNDING}?subAcct=deskmm2")).json["data"]
    for path in (FUNDING, TRADING):
        gone = await okx.get(f"{path}?subAcct=deskarb")
        assert (gone.status, gone.code, gone.json["data"]) == (200, "59510", [])
    missing = await okx.get(FUNDING)
    assert (missing.status, missing.code) == (400, "50014")


async def test_okx_serves_the_masters_own_wallets_and_key(simulator: Simulator, okx: Client) -> None:
    own = (await okx.get("/api/v5/asset/balances?ccy=USDT")).json["data"]
    assert own == [{"availBal": "250000", "bal": "250000", "ccy": "USDT", "frozenBal": "0"}]
    assert (await okx.get("/api/v5/account/balance?ccy=BTC")).json["data"][0]["details"][0]["ccy"] == "BTC"
    simulator.okx.set_rights({"perm": "read_only,trade", "ip": ""})
    config = (await okx.get("/api/v5/account/config")).json["data"][0]
    assert (config["perm"], config["ip"]) == ("read_only,trade", "")
    assert config["uid"] == config["mainUid"] == simulator.okx.master.id


async def test_okx_announces_maintenance(simulator: Simulator, okx: Client) -> None:
    assert (await okx.send("/api/v5/system/status")).json["data"] == []
    simulator.okx.under_maintenance = True
    rows = (await okx.send("/api/v5/system/status")).json["data"]
    assert shape(rows) == shape(okx_example("status_unified")["data"])
    assert rows[0]["state"] == "ongoing"
    refused = await okx.get(OKX_LIST)
    assert (refused.status, refused.code) == (503, "50001")


# Bitget


@pytest.mark.parametrize(
    "target, example",
    [
        (ASSETS, "assets_doc_example"),
        (VIRTUAL, "virtual_list"),
        ("/api/v2/spot/account/info", "account_info_overprivileged"),
        ("/api/v2/public/time", "server_time"),
    ],
)
async def test_bitget_bodies_have_the_documented_shape(bitget: Client, target: str, example: str) -> None:
    assert shape((await bitget.get(target)).json) == shape(bitget_example(example))


async def walk(get: Get, path: str, limit: int) -> list[list[dict[str, Any]]]:
    """Pages until an empty one, by the cursor each page ends with."""
    pages: list[list[dict[str, Any]]] = []
    cursor = ""
    while True:
        data = (await get(f"{path}?{cursor}limit={limit}")).json["data"]
        rows = data["subAccountList"] if path == VIRTUAL else data
        if not rows:
            return pages
        pages.append(rows)
        cursor = f"idLessThan={data['endId'] if path == VIRTUAL else rows[-1]['id']}&"


async def test_bitget_pages_assets_by_ten_and_at_most_fifty(simulator: Simulator, bitget: Client) -> None:
    assert len((await bitget.get(ASSETS)).json["data"]) == 10
    pages = await walk(bitget.get, ASSETS, 10)
    assert [len(page) for page in pages] == [10, 10, 5]
    users = [str(row["userId"]) for page in pages for row in page]
    assert sorted(users) == sorted(account.id for account in simulator.bitget)
    for query in ("limit=51", "limit=0", "idLessThan=x"):
        assert (await bitget.get(f"{ASSETS}?{query}")).code == "40017"


async def test_bitget_pages_the_virtual_list_by_its_end_id(simulator: Simulator, bitget: Client) -> None:
    pages = await walk(bitget.get, VIRTUAL, 12)
    assert [len(page) for page in pages] == [12, 12, 1]
    names = {row["subAccountUid"]: row["label"] for page in pages for row in page}
    assert names == {account.id: account.label for account in simulator.bitget}
    assert (await bitget.get(f"{VIRTUAL}?limit=501")).code == "40017"


async def test_bitget_shows_only_what_is_above_zero(simulator: Simulator, bitget: Client) -> None:
    simulator.bitget.drain("arb")
    simulator.bitget.set_balance("mm-1", "USDT", free=0)
    simulator.bitget.set_balance(
        "mm-1", "BTC", free="1", locked="2.5", frozen="0.5", raw={"limitAvailable": "9"}
    )
    rows = {str(row["userId"]): row for row in (await bitget.get(f"{ASSETS}?limit=50")).json["data"]}
    assert simulator.bitget.account("arb").id not in rows
    coins = {coin["coin"]: coin for coin in rows[simulator.bitget.account("mm-1").id]["assetsList"]}
    assert "USDT" not in coins
    told = {name: coins["BTC"][name] for name in ("available", "locked", "frozen", "limitAvailable")}
    assert told == {"available": "1", "locked": "2.5", "frozen": "0.5", "limitAvailable": "9"}


async def test_bitget_lists_frozen_removed_and_unlisted_accounts_as_documented(
    simulator: Simulator, bitget: Client
) -> None:
    venue = simulator.bitget
    venue.freeze("mm-1")
    tombstone = venue.remove("mm-2", tombstone=True)
    gone = venue.remove("arb")
    venue.unlist("hedge")
    listed = {
        row["subAccountUid"]: row["status"]
        for row in (await bitget.get(f"{VIRTUAL}?limit=500")).json["data"]["subAccountList"]
    }
    assert (listed[venue.account("mm-1").id], listed[tombstone.id]) == ("freeze", "del")
    assert {gone.id, venue.account("hedge").id}.isdisjoint(listed)
    frozen = (await bitget.get(f"{VIRTUAL}?status=freeze")).json["data"]["subAccountList"]
    assert [row["label"] for row in frozen] == ["mm-1"]
    held = {str(row["userId"]) for row in (await bitget.get(f"{ASSETS}?limit=50")).json["data"]}
    assert venue.account("hedge").id in held
    assert {tombstone.id, gone.id}.isdisjoint(held)


async def test_bitget_refuses_the_virtual_list_to_an_unbound_key(
    simulator: Simulator, bitget: Client
) -> None:
    simulator.bitget.set_rights({"ips": "", "authorities": ["stor", "wwow"]})
    refused = await bitget.get(VIRTUAL)
    assert (refused.status, refused.code) == (400, "22010")
    assert (await bitget.get(ASSETS)).code == "00000"
    info = (await bitget.get("/api/v2/spot/account/info")).json["data"]
    assert (info["ips"], info["authorities"]) == ("", ["stor", "wwow"])
    assert info["userId"] == simulator.bitget.master.id


async def test_bitget_serves_the_masters_own_coins(bitget: Client) -> None:
    rows = (await bitget.get("/api/v2/spot/account/assets?coin=usdt")).json["data"]
    assert [(row["coin"], row["available"], len(row["uTime"])) for row in rows] == [("USDT", "250000", 10)]


async def test_bitget_maintenance_refuses_all_but_the_time(simulator: Simulator, bitget: Client) -> None:
    simulator.bitget.under_maintenance = True
    refused = await bitget.get(ASSETS)
    assert (refused.status, refused.code) == (503, "40725")
    assert (await bitget.send("/api/v2/public/time")).code == "00000"


# All


@pytest.mark.parametrize("kind", ["binance", "okx", "bitget"])
async def test_unknown_paths_are_html(
    simulator: Simulator, session: aiohttp.ClientSession, kind: str
) -> None:
    reply = await client(session, simulator, kind).get("/api/v9/withdraw")
    assert (reply.status, reply.headers["Content-Type"]) == (404, "text/html")
    assert simulator.venues[kind].records.reasons == {"unknown_path": 1}
    assert simulator.venues[kind].records.paths == {"unknown": 1}


async def test_requests_are_recorded_as_sent(simulator: Simulator, okx: Client) -> None:
    await okx.get(f"{FUNDING}?subAcct=deskmm1&ccy=BTC%2CETH")
    await okx.get(f"{FUNDING}?subAcct=nobody")
    records = simulator.okx.records
    assert [(record.target, record.status, record.refused) for record in records.requests] == [
        (f"{FUNDING}?subAcct=deskmm1&ccy=BTC%2CETH", 200, None),
        (f"{FUNDING}?subAcct=nobody", 200, "account"),
    ]
    assert records.requests[0].path == FUNDING
    assert (records.total, records.refused, records.rate_limited, records.non_get) == (2, 1, 0, 0)
    records.clear()
    assert records.total == 0

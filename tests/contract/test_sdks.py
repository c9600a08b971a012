"""The official SDKs and ccxt, unchanged but for the address, are accepted by the simulator.

They sign in their own ways, so this is the proof that the simulator agrees with more than our own client.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import ccxt
import pytest
from binance_sdk_sub_account.sub_account import (  # type: ignore[attr-defined]
    ConfigurationRestAPI,
    SubAccount,
)
from binance_sdk_wallet.wallet import Wallet
from okx.Account import AccountAPI
from okx.Funding import FundingAPI
from okx.SubAccount import SubAccountAPI

from daemon.simulator import Simulator

LIVE = "0"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.binance.add("alice+bot1@test.com", balances={"spot": {"USDT": "0.000000000000000001"}})
        yield simulator
        for venue in simulator.venues.values():
            assert venue.records.refused == 0
            assert venue.records.non_get == 0


async def ask(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """The SDKs block, so they run beside the loop that serves them."""
    return await asyncio.to_thread(call, *arguments, **options)


def binance_configuration(simulator: Simulator) -> ConfigurationRestAPI:
    told = simulator.credentials()["binance"]
    return ConfigurationRestAPI(
        api_key=told["api_key"], api_secret=told["api_secret"], base_path=told["base_url"]
    )


@pytest.mark.parametrize("algorithm", ["hmac", "ed25519"])
async def test_the_official_binance_sub_account_sdk(simulator: Simulator, algorithm: str) -> None:
    if algorithm == "ed25519":
        simulator.binance.use_ed25519_key()
        told = simulator.credentials()["binance"]
        configuration = ConfigurationRestAPI(
            api_key=told["api_key"], private_key=told["api_secret"], base_path=told["base_url"]
        )
    else:
        configuration = binance_configuration(simulator)
    api = SubAccount(config_rest_api=configuration).rest_api

    assets = (await ask(api.query_sub_account_assets_asset_management, email="alice+bot1@test.com")).data()
    assert [(row.asset, row.free) for row in assets.balances] == [("USDT", "0.000000000000000001")]
    summary = (await ask(api.query_sub_account_spot_assets_summary, page=1, size=20)).data()
    assert summary.total_count == len(simulator.binance.accounts)
    listed = (await ask(api.query_sub_account_list, page=1, limit=200)).data()
    assert [row.email for row in listed.sub_accounts] == [account.name for account in simulator.binance]


async def test_the_official_binance_wallet_sdk(simulator: Simulator) -> None:
    api = Wallet(config_rest_api=binance_configuration(simulator)).rest_api
    wallets = (await ask(api.query_user_wallet_balance, quote_asset="USDT")).data()
    assert [row.wallet_name for row in wallets][:2] == ["Spot", "Funding"]
    assert (await ask(api.get_api_key_permission)).data().enable_reading is True
    assert (await ask(api.system_status)).data().status == 0


async def test_the_official_okx_sdk(simulator: Simulator) -> None:
    told = simulator.credentials()["okx"]
    key = (told["api_key"], told["api_secret"], told["passphrase"], None, LIVE, told["base_url"])
    subs, account, funding = SubAccountAPI(*key), AccountAPI(*key), FundingAPI(*key)
    try:
        listed = await ask(subs.get_subaccount_list)
        assert {row["subAcct"] for row in listed["data"]} == {account.name for account in simulator.okx}
        own = await ask(subs.get_funding_balance, subAcct="deskmm1", ccy="BTC,ETH")
        assert [row["ccy"] for row in own["data"]] == ["BTC", "ETH"]
        assert (await ask(subs.get_account_balance, subAcct="deskmm1"))["code"] == "0"
        assert (await ask(account.get_account_config))["data"][0]["perm"] == "read_only"
        assert (await ask(funding.get_balances))["data"][0]["ccy"] == "USDT"
    finally:
        for api in (subs, account, funding):
            api.close()


def ccxt_exchange(simulator: Simulator, kind: str) -> Any:
    told = simulator.credentials()[kind]
    exchange = getattr(ccxt, kind)(
        {"apiKey": told["api_key"], "secret": told["api_secret"], "password": told.get("passphrase")}
    )
    api = exchange.urls["api"]
    for name, url in api.items():
        if isinstance(url, str) and url.startswith("https://"):
            path = "/" + url.split("/", 3)[3] if url.count("/") > 2 else ""
            api[name] = told["base_url"] + path
    return exchange


async def test_ccxt_reads_binance(simulator: Simulator) -> None:
    exchange = ccxt_exchange(simulator, "binance")
    try:
        assets = await ask(exchange.sapiV4GetSubAccountAssets, {"email": "mm-1@desk.example"})
        assert assets["balances"][0]["asset"] == "USDT"
        summary = await ask(exchange.sapiGetSubAccountSpotSummary, {"size": 20})
        assert int(summary["totalCount"]) == len(simulator.binance.accounts)
        assert len(await ask(exchange.sapiGetAssetWalletBalance)) == 10
    finally:
        exchange.session.close()


async def test_ccxt_reads_okx(simulator: Simulator) -> None:
    exchange = ccxt_exchange(simulator, "okx")
    try:
        listed = await ask(exchange.privateGetUsersSubaccountList, {"limit": 100})
        assert len(listed["data"]) == len(simulator.okx.accounts)
        query = {"subAcct": "deskmm1", "ccy": "BTC,ETH"}
        assert len((await ask(exchange.privateGetAssetSubaccountBalances, query))["data"]) == 2
        assert (await ask(exchange.privateGetAccountSubaccountBalances, {"subAcct": "deskmm1"}))[
            "code"
        ] == "0"
    finally:
        exchange.session.close()


async def test_ccxt_reads_bitget(simulator: Simulator) -> None:
    exchange = ccxt_exchange(simulator, "bitget")
    try:
        page = await ask(exchange.privateSpotGetV2SpotAccountSubaccountAssets, {"limit": 2})
        assert len(page["data"]) == 2
        query = {"limit": 50, "idLessThan": page["data"][-1]["id"]}
        rest = await ask(exchange.privateSpotGetV2SpotAccountSubaccountAssets, query)
        assert len(rest["data"]) == len(simulator.bitget.accounts) - 2
        listed = await ask(exchange.privateUserGetV2UserVirtualSubaccountList)
        assert len(listed["data"]["subAccountList"]) == len(simulator.bitget.accounts)
    finally:
        exchange.session.close()

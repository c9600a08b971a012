"""The three clients against the simulator over real HTTP: what they read, and that they are never refused."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from daemon.exchanges import KINDS
from daemon.exchanges.shared import Shared
from daemon.simulator import Fault, Simulator
from rules.model import (
    MASTER_IDENTITY,
    ClockSeen,
    Covers,
    Failure,
    FailureKind,
    Identity,
    Listing,
    Maintenance,
    MasterSeen,
    Pass,
    Reading,
)
from tests.contract.clients_support import HastyTime, client_of, gathered, now_ms, of, only, settle

FINE = "1234567.123456789012345678"
SUBS = {"binance": 45, "okx": 9, "bitget": 120}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(SUBS["binance"], SUBS["okx"], SUBS["bitget"], limits_scale=1000) as simulator:
        yield simulator


@pytest.fixture
async def opened() -> AsyncIterator[Any]:
    clients: list[Any] = []

    async def open_(simulator: Simulator, kind: str, *read: str, **options: Any) -> Any:
        client = client_of(simulator, kind, *read, shared=Shared(HastyTime()), **options)
        clients.append(client)
        await client.open()
        return client

    yield open_
    for client in clients:
        await client.close()


async def swept(client: Any, identities: list[Identity]) -> list[Any]:
    return [a for task in client.tasks(identities) for a in await gathered(client.perform(task))]


async def listed(client: Any) -> list[Identity]:
    listing = only(Listing, await gathered(client.listing()))
    assert (listing.complete, listing.reason) == (True, "")
    return [account.identity for account in listing.accounts]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("drift_ms", [-40_000, 0, 40_000])
async def test_everything_works_with_a_clock_that_is_off(
    simulator: Simulator, opened: Any, kind: str, drift_ms: int
) -> None:
    client = await opened(simulator, kind, clock=lambda: now_ms() + drift_ms)
    answers = await gathered(client.examine())
    assert abs(only(ClockSeen, answers).offset_ms + drift_ms) < 500
    assert only(MasterSeen, answers).rights == ()
    assert only(MasterSeen, answers).ip_bound is True
    assert [m.active for m in of(Maintenance, answers)] == ([] if kind == "bitget" else [False])
    identities = await listed(client)
    assert len(identities) == SUBS[kind]
    answers = await swept(client, identities)
    assert of(Failure, answers) == []
    assert (
        len({r.account for r in of(Reading, answers) if r.account != MASTER_IDENTITY and r.fields})
        == SUBS[kind]
    )
    venue = simulator.venues[kind]
    assert (venue.records.refused, venue.records.non_get) == (0, 0)


async def test_binance_reads_all_fields_exactly_and_under_plus_addresses(
    simulator: Simulator, opened: Any
) -> None:
    venue = simulator.binance
    venue.add("alice+bot1@test.com", label="bot")
    venue.set_balance("alice+bot1@test.com", "ETH", free=FINE, locked="0.1", frozen="0.2", withdrawing="0.3")
    client = await opened(simulator, "binance")
    identities = await listed(client)
    alice = next(i for i in identities if i.email == "alice+bot1@test.com")
    assert alice.alias == "bot"
    assert alice.venue_id is not None
    answers = await swept(client, identities)
    reading = next(r for r in of(Reading, answers) if r.account == alice and r.fields)
    assert (reading.wallet, reading.covers, reading.exchange) == ("spot", Covers.ALL, "binance-main")
    assert dict(zip(reading.fields, reading.rows["ETH"], strict=True)) == {
        "free": FINE,
        "locked": "0.1",
        "frozen": "0.2",
        "withdrawing": "0.3",
    }
    assert reading.began_ms <= reading.ended_ms
    assert venue.records.refused == 0


async def test_binance_summary_values_everyone_and_lists_them(simulator: Simulator, opened: Any) -> None:
    client = await opened(simulator, "binance", "summary", "wallets")
    answers = await swept(client, await listed(client))
    valued = [r for r in of(Reading, answers) if r.account.email]
    assert len(valued) == 45
    assert all(r.fields == () and r.rows == {} and Decimal((r.values or {})["BTC"]) > 0 for r in valued)
    listing = only(Listing, answers)
    assert (listing.source, listing.complete, len(listing.accounts)) == ("summary", True, 45)
    wallets = {
        r.wallet: r.values
        for r in of(Reading, answers)
        if r.account == MASTER_IDENTITY and r.values and "USDT" in r.values
    }
    assert "USDⓈ-M Futures" in wallets
    assert len(wallets) == 10
    spot = [r.values for r in of(Reading, answers) if r.account == MASTER_IDENTITY and r.wallet == "Spot"]
    assert sorted(next(iter(values or {})) for values in spot) == ["BTC", "USDT"]


async def test_binance_reads_the_masters_quantities_with_its_wallets_in_one_call(
    simulator: Simulator, opened: Any
) -> None:
    client = await opened(simulator, "binance", "wallets", "master")
    answers = await swept(client, [])
    spot = next(r for r in of(Reading, answers) if r.wallet == "Spot")
    assert (spot.fields, spot.account) == (("free", "locked", "frozen", "withdrawing"), MASTER_IDENTITY)
    assert spot.rows["USDT"][0] == "250000"
    assert "USDT" in (spot.values or {})
    assert simulator.binance.records.paths["/sapi/v1/asset/wallet/balance"] == 1
    only_quantities = await opened(simulator, "binance", "master", name="b2")
    assert all(r.values is None for r in of(Reading, await swept(only_quantities, [])))


async def test_binance_keys_may_be_ed25519(simulator: Simulator, opened: Any) -> None:
    simulator.binance.use_ed25519_key()
    client = await opened(simulator, "binance", secret=simulator.binance.key.api_secret)
    assert of(Failure, await gathered(client.examine())) == []
    assert len(await listed(client)) == 45


async def test_okx_reads_both_wallets_and_the_valuation(simulator: Simulator, opened: Any) -> None:
    name = simulator.okx.accounts[0].name
    simulator.okx.set_balance(name, "ETH", wallet="funding", free=FINE, frozen="1.5")
    client = await opened(simulator, "okx")
    identities = await listed(client)
    readings = {r.wallet: r for r in of(Reading, await swept(client, identities)) if r.account.name == name}
    free, frozen, total = readings["funding"].rows["ETH"]
    assert (free, frozen) == (FINE, "1.5")
    assert Decimal(total or "") == Decimal(FINE) + Decimal("1.5")
    assert readings["trading"].fields == ("total", "free", "frozen", "ordFrozen", "liab", "eq")
    assert Decimal((readings["trading"].values or {})["USD"]) > 0
    assert all(identity.venue_id for identity in identities)


async def test_bitget_walks_to_the_empty_page_and_leaves_out_the_master(
    simulator: Simulator, opened: Any
) -> None:
    client = await opened(simulator, "bitget", "spot")
    answers = await swept(client, [])
    done = only(Pass, answers)
    assert (done.complete, done.reason, len(done.seen)) == (True, "", 120)
    assert simulator.bitget.records.paths["/api/v2/spot/account/subaccount-assets"] == 4
    readings = of(Reading, answers)
    assert len(readings) == 120
    assert all(r.covers is Covers.NAMED and r.account.venue_id in done.seen for r in readings)
    assert all(done.seen[r.account.venue_id or ""] == set(r.rows) for r in readings)

    first = readings[0].account.venue_id
    client._master_id = first  # as if a row were the master's own
    answers = await swept(client, [])
    assert first not in only(Pass, answers).seen
    assert first not in {r.account.venue_id for r in of(Reading, answers)}


@pytest.mark.parametrize("kind", KINDS)
async def test_unchanged_answers_give_the_very_same_rows(
    simulator: Simulator, opened: Any, kind: str
) -> None:
    client = await opened(simulator, kind)
    identities = await listed(client)
    rows = []
    for _ in range(2):
        answers = await swept(client, identities)
        rows.append(
            {
                (r.account, r.wallet): r.rows
                for r in of(Reading, answers)
                if r.fields and r.account != MASTER_IDENTITY
            }
        )
    assert len(rows[0]) >= SUBS[kind]
    assert all(rows[1][key] is first for key, first in rows[0].items())


async def test_frozen_accounts_are_listed_as_frozen(simulator: Simulator, opened: Any) -> None:
    for kind, venue in simulator.venues.items():
        venue.freeze(venue.accounts[1].id)
        client = await opened(simulator, kind)
        listing = only(Listing, await gathered(client.listing()))
        assert [a.frozen for a in listing.accounts].count(True) == 1
        assert [a.frozen for a in listing.accounts].count(False) == SUBS[kind] - 1


async def test_a_deleted_virtual_account_is_not_in_the_listing(simulator: Simulator, opened: Any) -> None:
    simulator.bitget.remove(simulator.bitget.accounts[0].id, tombstone=True)
    client = await opened(simulator, "bitget")
    assert len(await listed(client)) == 119


async def test_rights_beyond_reading_are_named(simulator: Simulator, opened: Any) -> None:
    simulator.binance.set_rights({"enableWithdrawals": True, "ipRestrict": False})
    simulator.okx.set_rights({"perm": "read_only,withdraw,trade", "ip": ""})
    simulator.bitget.authorities = ["stor", "stow", "wwow", "trade", "readonly"]
    simulator.bitget.ips = ""
    found = {}
    for kind in KINDS:
        client = await opened(simulator, kind)
        seen = only(MasterSeen, await gathered(client.examine()))
        found[kind] = (seen.rights, seen.ip_bound)
    assert found == {
        "binance": (("enableWithdrawals",), False),
        "okx": (("withdraw", "trade"), False),
        "bitget": (("stow", "wwow", "trade"), False),
    }


OKX_SUB = '{"code":"0","msg":"","data":[{"uid":"1","mainUid":"2","type":"1","perm":"read_only","ip":""}]}'
BITGET_SUB = '{"code":"00000","msg":"ok","data":{"userId":"1","parentId":2,"ips":"","authorities":["stor"]}}'


@pytest.mark.parametrize("kind, path, body", [("okx", "*/config", OKX_SUB), ("bitget", "*/info", BITGET_SUB)])
async def test_the_key_of_a_sub_account_stops_the_exchange(
    simulator: Simulator, opened: Any, kind: str, path: str, body: str
) -> None:
    simulator.venues[kind].faults.add(Fault(path=path, body=body))
    client = await opened(simulator, kind)
    failure = only(Failure, await gathered(client.examine()))
    assert (failure.kind, failure.stops) == (FailureKind.KEY, True)
    assert "sub-account" in failure.reason
    before = simulator.venues[kind].records.total
    again = await swept(client, [Identity(email="a@b", name="a")])
    assert {a.stops for a in again} == {True}
    assert simulator.venues[kind].records.total == before


async def test_announced_maintenance_is_told(simulator: Simulator, opened: Any) -> None:
    for kind in ("binance", "okx"):
        simulator.venues[kind].under_maintenance = True
        client = await opened(simulator, kind)
        answers = await gathered(client.examine())
        assert only(Maintenance, answers).active is True


@pytest.mark.parametrize("kind, path", [("binance", "*/list"), ("bitget", "*virtual-subaccount-list")])
async def test_a_refused_list_is_said_once_and_gone_without(
    simulator: Simulator, opened: Any, kind: str, path: str
) -> None:
    if kind == "bitget":
        simulator.bitget.ips = ""
    else:
        simulator.binance.faults.add(Fault(path=path, status=401, body='{"code":-2015,"msg":"no"}'))
    client = await opened(simulator, kind)
    answers = await gathered(client.listing())
    failure = only(Failure, answers)
    assert (failure.kind, failure.stops, failure.account) == (FailureKind.ENDPOINT, False, None)
    sources = [listing.source for listing in of(Listing, answers)]
    assert sources == (["summary"] if kind == "binance" else [])
    again = await gathered(client.listing())
    assert of(Failure, again) == []
    assert [listing.source for listing in of(Listing, again)] == sources
    assert of(Failure, await swept(client, [])) == []


async def test_refused_rights_are_one_endpoints_trouble_but_a_refused_key_stops(
    simulator: Simulator, opened: Any
) -> None:
    simulator.binance.faults.add(
        Fault(path="*/apiRestrictions", status=401, body='{"code":-2015,"msg":"no"}')
    )
    client = await opened(simulator, "binance")
    assert [f.kind for f in of(Failure, await gathered(client.examine()))] == [FailureKind.ENDPOINT]

    simulator.binance.faults.add(Fault(path="*", status=401, body='{"code":-2015,"msg":"no"}', skip=2))
    client = await opened(simulator, "binance", name="other")
    failures = of(Failure, await gathered(client.examine()))
    assert [(f.kind, f.stops) for f in failures] == [(FailureKind.ENDPOINT, False), (FailureKind.KEY, True)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_secret_stops_with_a_hint_and_no_secret(
    simulator: Simulator, opened: Any, kind: str
) -> None:
    client = await opened(simulator, kind, secret="wrong-secret-text")
    failure = of(Failure, await gathered(client.examine()))[-1]
    assert (failure.kind, failure.stops) == (FailureKind.KEY, True)
    assert "api_secret" in failure.reason
    assert "wrong-secret-text" not in failure.reason
    assert simulator.credentials()[kind]["api_key"] not in failure.reason


async def test_a_mended_key_is_found_by_looking_at_it_again(simulator: Simulator, opened: Any) -> None:
    fault = simulator.okx.faults.add(Fault(path="*/config", status=401, body='{"code":"50110","msg":"ip"}'))
    client = await opened(simulator, "okx", "funding")
    assert of(Failure, await gathered(client.examine()))[0].stops
    simulator.okx.faults.clear(fault)
    assert of(Failure, await gathered(client.examine())) == []
    assert of(Failure, await swept(client, await listed(client))) == []


async def test_a_denied_account_is_told_apart_from_trouble(simulator: Simulator, opened: Any) -> None:
    for kind, ghost in (("binance", Identity(email="ghost@x.example")), ("okx", Identity(name="ghost123"))):
        client = await opened(simulator, kind, "assets" if kind == "binance" else "funding")
        failure = only(Failure, await swept(client, [ghost]))
        assert (failure.kind, failure.account) == (FailureKind.DENIED, ghost)


async def test_cancelled_readings_leave_no_trace(simulator: Simulator, opened: Any) -> None:
    simulator.okx.faults.add(Fault(path="*subaccount/balances", end="hang", times=3))
    client = await opened(simulator, "okx", "funding")
    identities = await listed(client)
    tasks = [asyncio.create_task(gathered(client.perform(t))) for t in client.tasks(identities)[:3]]
    while simulator.okx.faults.hits() < 3:
        await settle()
    for task in tasks:
        task.cancel()
    assert {type(r) for r in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}
    assert client._pools["funding"]._under_way == 0

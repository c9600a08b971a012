"""What moved, and prices: the clients against the simulator, whose histories are truth, late, short or refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from daemon.exchanges.base import Span
from daemon.simulator import Fault, Simulator
from rules.model import MASTER_IDENTITY, Failure, FailureKind, Identity, MasterSeen, Reading
from rules.statements import MovementKind, Prices, Transfers
from tests.contract.clients_support import client_of, gathered, now_ms, of, only

HOUR_MS = 3_600_000
VENUES = ("binance", "okx", "bitget")
FIRST = {"binance": "mm-1@desk.example", "okx": "deskmm1", "bitget": "mm-1"}
SECOND = {"binance": "mm-2@desk.example", "okx": "deskmm2", "bitget": "mm-2"}
TRANSFERS_PATH = {
    "binance": "/sapi/v1/sub-account/universalTransfer",
    "okx": "/api/v5/asset/subaccount/bills",
    "bitget": "/api/v2/spot/account/sub-main-trans-record",
}
TICKERS = {
    "binance": "/api/v3/ticker/price",
    "okx": "/api/v5/market/tickers",
    "bitget": "/api/v2/spot/market/tickers",
}
REFUSALS = {
    "binance": '{"code":-1002,"msg":"You are not authorized to execute this request."}',
    "okx": '{"code":"50120","msg":"This API key doesn\'t have permission","data":[]}',
    "bitget": '{"code":"40014","msg":"Incorrect permissions, need {wallet} permissions","data":null}',
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(3, 3, 3, limits_scale=1000) as simulator:
        yield simulator


@pytest.fixture
async def clients(simulator: Simulator) -> AsyncIterator[dict[str, Any]]:
    made = {kind: client_of(simulator, kind) for kind in VENUES}
    for made_one in made.values():
        await made_one.open()
    yield made
    for made_one in made.values():
        await made_one.close()


def identity(simulator: Simulator, kind: str, reference: str) -> Identity:
    account = simulator.venues[kind].account(reference)
    if account is simulator.venues[kind].master:
        return MASTER_IDENTITY
    match kind:
        case "binance":
            return Identity(email=account.name)
        case "okx":
            return Identity(name=account.name)
    return Identity(venue_id=account.id)


def span(simulator: Simulator, kind: str, *references: str) -> Span:
    names = references or ("master", FIRST[kind], SECOND[kind])
    accounts = tuple(identity(simulator, kind, name) for name in names)
    return Span(now_ms() - HOUR_MS, now_ms() + 1000, accounts)


def source(answers: list[Any], name: str) -> Transfers:
    return next(answer for answer in of(Transfers, answers) if answer.source == name)


def legs(answers: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (one.kind, one.asset, one.amount, one.giver, one.taker)
        for told in of(Transfers, answers)
        for one in told.transfers
    ]


@pytest.mark.parametrize("kind", VENUES)
async def test_a_transfer_is_told_from_both_ends_and_once(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    venue, first = simulator.venues[kind], FIRST[kind]
    venue.move("master", first, "USDT", "1000.000000000000000001")
    venue.move(first, "master", "USDT", "0.5")
    answers = await gathered(clients[kind].history(span(simulator, kind)))
    own = identity(simulator, kind, first)
    assert sorted(legs(answers), key=lambda leg: leg[2]) == [
        (MovementKind.INTERNAL, "USDT", "0.5", own, MASTER_IDENTITY),
        (MovementKind.INTERNAL, "USDT", "1000.000000000000000001", MASTER_IDENTITY, own),
    ]
    assert all(told.complete and not told.reason for told in of(Transfers, answers))
    assert not of(Failure, answers)
    assert not simulator.venues[kind].records.refused


@pytest.mark.parametrize("kind", ["binance", "bitget"])
async def test_a_transfer_between_two_sub_accounts_is_told(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    simulator.venues[kind].move(FIRST[kind], SECOND[kind], "BTC", "0.25")
    answers = await gathered(clients[kind].history(span(simulator, kind, SECOND[kind])))
    one, two = (identity(simulator, kind, name) for name in (FIRST[kind], SECOND[kind]))
    assert legs(answers) == [(MovementKind.INTERNAL, "BTC", "0.25", one, two)]


async def test_okx_names_no_transfer_between_two_sub_accounts(
    simulator: Simulator, clients: dict[str, Any]
) -> None:
    simulator.venues["okx"].move("deskmm1", "deskmm2", "BTC", "0.25")
    assert legs(await gathered(clients["okx"].history(span(simulator, "okx")))) == []


@pytest.mark.parametrize(
    "kind, left, fee",
    [
        ("binance", "10.5", "1.000000000000000001"),
        ("okx", "11.500000000000000001", ""),
        ("bitget", "10.5", "1.000000000000000001"),
    ],
)
async def test_a_withdrawal_has_its_fee_within_only_where_the_venue_says_so(
    simulator: Simulator, clients: dict[str, Any], kind: str, left: str, fee: str
) -> None:
    simulator.venues[kind].withdraw("master", "USDT", "10.5", fee="1.000000000000000001")
    answers = await gathered(clients[kind].history(span(simulator, kind)))
    assert legs(answers) == [(MovementKind.WITHDRAWAL, "USDT", left, MASTER_IDENTITY, None)]
    (told,) = [one for answer in of(Transfers, answers) for one in answer.transfers]
    assert told.fee == fee


@pytest.mark.parametrize("kind", VENUES)
async def test_a_deposit_of_the_master_is_told(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    simulator.venues[kind].deposit("master", "BTC", "0.000000000000000001")
    answers = await gathered(clients[kind].history(span(simulator, kind)))
    assert legs(answers) == [(MovementKind.DEPOSIT, "BTC", "0.000000000000000001", None, MASTER_IDENTITY)]


@pytest.mark.parametrize("kind", ["binance", "bitget"])
async def test_a_deposit_of_a_sub_account_is_told(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    simulator.venues[kind].deposit(FIRST[kind], "ETH", "3")
    answers = await gathered(clients[kind].history(span(simulator, kind)))
    own = identity(simulator, kind, FIRST[kind])
    assert legs(answers) == [(MovementKind.DEPOSIT, "ETH", "3", None, own)]


@pytest.mark.parametrize("kind", VENUES)
async def test_more_than_a_page_of_transfers_is_told_whole(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    for _ in range(612):
        simulator.venues[kind].move("master", FIRST[kind], "USDT", "1")
    answers = await gathered(clients[kind].history(span(simulator, kind)))
    told = source(answers, "transfers")
    assert len({one.id for one in told.transfers}) == 612
    assert len(legs(answers)) == 612
    assert told.complete, told.reason


@pytest.mark.parametrize("kind", VENUES)
async def test_a_history_that_lags_says_nothing_yet_and_all_later(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    venue = simulator.venues[kind]
    venue.movements.lag_ms = HOUR_MS
    venue.move("master", FIRST[kind], "USDT", "7")
    assert legs(await gathered(clients[kind].history(span(simulator, kind)))) == []
    venue.movements.lag_ms = 0
    assert len(legs(await gathered(clients[kind].history(span(simulator, kind))))) == 1


@pytest.mark.parametrize("kind", VENUES)
async def test_a_refused_history_stops_only_itself_and_asks_for_no_right(
    simulator: Simulator, clients: dict[str, Any], kind: str
) -> None:
    venue, client = simulator.venues[kind], clients[kind]
    venue.deposit("master", "USDT", "5")
    venue.faults.add(Fault(path=TRANSFERS_PATH[kind], status=403, body=REFUSALS[kind], name="refused"))
    answers = await gathered(client.history(span(simulator, kind)))
    failure = only(Failure, answers)
    assert (failure.kind, failure.stops, failure.account) == (FailureKind.ENDPOINT, False, None)
    assert "give the key" not in failure.reason
    assert "lacks" not in failure.reason
    told = source(answers, "transfers")
    assert (told.complete, told.transfers) == (False, ())
    assert told.reason
    assert (MovementKind.DEPOSIT, "USDT", "5", None, MASTER_IDENTITY) in legs(answers)
    # What is watched goes on, and the refusal is neither repeated nor told again.
    assert only(MasterSeen, await gathered(client.examine()))
    again = await gathered(client.history(span(simulator, kind)))
    assert not of(Failure, again)
    assert venue.faults.hits("refused") == 1
    task = next(
        task for task in client.tasks([identity(simulator, kind, FIRST[kind])]) if task.name != "master"
    )
    assert of(Reading, await gathered(client.perform(task)))


async def test_every_refused_history_is_told_once_and_the_exchange_goes_on(
    simulator: Simulator, clients: dict[str, Any]
) -> None:
    for kind in VENUES:
        refusal = Fault(path="*", status=401, body=REFUSALS[kind], name="refused")
        for endpoint in clients[kind].ENDPOINTS.values():
            if endpoint.local and endpoint.signed:
                simulator.venues[kind].faults.add(replace(refusal, path=endpoint.path))
        answers = await gathered(clients[kind].history(span(simulator, kind)))
        refused, told = of(Failure, answers), of(Transfers, answers)
        assert len(refused) == len(told)
        assert {failure.kind for failure in refused} == {FailureKind.ENDPOINT}
        assert not any(one.complete or one.transfers for one in told)
        assert of(Failure, await gathered(clients[kind].history(span(simulator, kind)))) == []
        assert only(MasterSeen, await gathered(clients[kind].examine()))


@pytest.mark.parametrize("kind", VENUES)
@pytest.mark.parametrize("body", ["<html>nope</html>", "[]]", '{"code":"0","data":{}}', "[{}]"])
async def test_nonsense_is_incomplete_and_never_an_empty_history(
    simulator: Simulator, clients: dict[str, Any], kind: str, body: str
) -> None:
    simulator.venues[kind].faults.add(Fault(path=TRANSFERS_PATH[kind], status=200, body=body))
    told = source(await gathered(clients[kind].history(span(simulator, kind))), "transfers")
    assert not told.complete
    assert told.reason


async def test_what_was_found_before_a_page_failed_is_told(
    simulator: Simulator, clients: dict[str, Any]
) -> None:
    venue = simulator.venues["okx"]
    for _ in range(150):
        venue.move("master", "deskmm1", "USDT", "1")
    venue.faults.add(Fault(path=TRANSFERS_PATH["okx"], skip=1, status=500, body="oops"))
    told = source(await gathered(clients["okx"].history(span(simulator, "okx"))), "transfers")
    assert not told.complete
    assert 0 < len(told.transfers) < 150


async def test_the_time_of_the_venue_is_told_in_our_own(simulator: Simulator) -> None:
    venue = simulator.venues["okx"]
    venue.clock_offset_ms = 20_000
    client = client_of(simulator, "okx")
    await client.open()
    try:
        await gathered(client.examine())
        before_ms = now_ms()
        venue.move("master", "deskmm1", "USDT", "1")
        # The simulator writes its history in the time of its own machine: move it into the venue's.
        moved = venue.movements._all.pop()
        venue.movements._all.append(replace(moved, at_ms=moved.at_ms + 20_000))
        venue.movements.lag_ms = -60_000
        told = source(await gathered(client.history(span(simulator, "okx"))), "transfers")
        assert abs(told.transfers[0].at_ms - before_ms) < 2_000
    finally:
        await client.close()


async def test_prices_are_of_the_assets_that_are_asked_for(
    simulator: Simulator, clients: dict[str, Any]
) -> None:
    for kind in VENUES:
        told = only(Prices, await gathered(clients[kind].prices(["ETH", "NOPE"], ["USDT", "BTC"])))
        assert set(told.prices) == {("BTC", "USDT"), ("ETH", "USDT"), ("ETH", "BTC")}
        assert told.prices["BTC", "USDT"] == "97350.25000000"
        assert told.began_ms <= told.ended_ms


@pytest.mark.parametrize("last", ["", "0", "0.00000000"])
async def test_a_market_that_was_never_traded_has_no_price(
    simulator: Simulator, clients: dict[str, Any], last: str
) -> None:
    bodies = {
        "binance": [{"symbol": "NEWUSDT", "price": last}, {"symbol": "BTCUSDT", "price": "5"}],
        "okx": [{"instId": "NEW-USDT", "last": last}, {"instId": "BTC-USDT", "last": "5"}],
        "bitget": [{"symbol": "NEWUSDT", "lastPr": last}, {"symbol": "BTCUSDT", "lastPr": "5"}],
    }
    for kind, rows in bodies.items():
        body = rows if kind == "binance" else {"code": "0" if kind == "okx" else "00000", "data": rows}
        simulator.venues[kind].faults.add(Fault(path=TICKERS[kind], status=200, body=json.dumps(body)))
        told = only(Prices, await gathered(clients[kind].prices(["NEW"], ["USDT", "BTC"])))
        assert told.prices == {("BTC", "USDT"): "5"}


@pytest.mark.parametrize(
    "last, bid, ask, less",
    [
        ("2", "0.001", "2.1", "0.001"),  # who bought dear made the last price himself
        ("2", "2.05", "2.1", None),
        ("2", "", "2.1", "0"),  # nobody bids
        ("2", "0", "2.1", "0"),
        ("2", "0", "0", None),  # as the pages show it: nothing is told of the book
        ("2", None, None, None),
    ],
)
async def test_what_is_bid_is_told_beside_the_last_price_where_it_is_less(
    simulator: Simulator,
    clients: dict[str, Any],
    last: str,
    bid: str | None,
    ask: str | None,
    less: str | None,
) -> None:
    bodies = {
        "okx": {"code": "0", "data": [{"instId": "NEW-USDT", "last": last, "bidPx": bid, "askPx": ask}]},
        "bitget": {
            "code": "00000",
            "data": [{"symbol": "NEWUSDT", "lastPr": last, "bidPr": bid, "askPr": ask}],
        },
    }
    for kind, body in bodies.items():
        simulator.venues[kind].faults.add(Fault(path=TICKERS[kind], status=200, body=json.dumps(body)))
        told = only(Prices, await gathered(clients[kind].prices(["NEW"], ["USDT"])))
        assert told.prices == {("NEW", "USDT"): last}
        assert told.bids == ({} if less is None else {("NEW", "USDT"): less})


@pytest.mark.parametrize("last", ["5,0", "-5", "NaN", "1e999999"])
async def test_prices_that_cannot_be_read_are_none_and_say_why(
    simulator: Simulator, clients: dict[str, Any], last: str
) -> None:
    bodies = {
        "binance": f'[{{"symbol":"BTCUSDT","price":"{last}"}}]',
        "okx": f'{{"code":"0","data":[{{"instId":"BTC-USDT","last":"{last}"}}]}}',
        "bitget": f'{{"code":"00000","data":[{{"symbol":"BTCUSDT","lastPr":"{last}"}}]}}',
    }
    for kind, body in bodies.items():
        simulator.venues[kind].faults.add(Fault(path=TICKERS[kind], status=200, body=body))
        failure = only(Failure, await gathered(clients[kind].prices(["BTC"], ["USDT"])))
        assert "is not a price" in failure.reason
        assert not failure.stops


async def test_refused_prices_stop_nothing_and_are_told_once(
    simulator: Simulator, clients: dict[str, Any]
) -> None:
    codes = {"binance": "0", "okx": "50038", "bitget": "40068"}
    for kind, code in codes.items():
        body = json.dumps({"code": code, "msg": "restricted location"})
        simulator.venues[kind].faults.add(Fault(path=TICKERS[kind], status=451, body=body))
        failure = only(Failure, await gathered(clients[kind].prices(["ETH"], ["USDT"])))
        assert failure.kind is FailureKind.ENDPOINT
        assert not failure.stops
        assert await gathered(clients[kind].prices(["ETH"], ["USDT"])) == []


async def test_law_11_prices_keep_to_the_limits_of_the_venue() -> None:
    async with Simulator(1, 1, 1) as simulator:
        for kind in ("okx", "bitget"):
            client = client_of(simulator, kind)
            await client.open()
            try:
                asked = [asyncio.create_task(gathered(client.prices(["ETH"], ["USDT"]))) for _ in range(30)]
                for answers in await asyncio.gather(*asked):
                    assert only(Prices, answers).prices["ETH", "USDT"]
            finally:
                await client.close()
            assert not simulator.venues[kind].records.refused


async def test_law_11_histories_keep_to_the_limits_of_the_venue() -> None:
    async with Simulator(6, 6, 6) as simulator:
        for kind in VENUES:
            client = client_of(simulator, kind)
            await client.open()
            try:
                names = [account.name for account in simulator.venues[kind].accounts]
                wanted = span(simulator, kind, "master", *names)
                asked = [asyncio.create_task(gathered(client.history(wanted))) for _ in range(2)]
                for answers in await asyncio.gather(*asked):
                    assert all(told.complete for told in of(Transfers, answers))
            finally:
                await client.close()
            assert not simulator.venues[kind].records.refused

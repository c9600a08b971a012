"""Law 11 over real HTTP: Retry-After and bans are honoured to the second with zero calls."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from daemon.exchanges.shared import Shared
from daemon.simulator import Fault, ManualClock, Simulator
from rules.model import Failure, FailureKind, Identity, Reading
from tests.contract.clients_support import HandTime, client_of, gathered, of, only

ASSETS = "/sapi/v4/sub-account/assets"


class World:
    """The simulator, the clients' timeline and the wall clock, all moved together."""

    def __init__(self) -> None:
        self.hand = HandTime()
        self.clock = ManualClock()
        self.shared = Shared(self.hand)
        self.simulator = Simulator(6, 4, 6, clock=self.clock)
        self.clients: list[Any] = []

    async def client(self, kind: str, *read: str, shared: Shared | None = None, name: str = "") -> Any:
        client = client_of(
            self.simulator, kind, *read, shared=shared or self.shared, clock=self.clock.now_ms, name=name
        )
        self.clients.append(client)
        await client.open()
        return client

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.hand.advance(seconds)

    def calls(self, kind: str, path: str = "") -> int:
        paths = self.simulator.venues[kind].records.paths
        return paths[path] if path else paths.total()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with world.simulator:
        yield world
        for client in world.clients:
            await client.close()


def tasks_of(world: World, client: Any, kind: str) -> list[Any]:
    accounts = world.simulator.venues[kind].accounts
    identities = [Identity(email=a.name) if kind == "binance" else Identity(name=a.name) for a in accounts]
    return [task for task in client.tasks(identities) if task.account in identities]


async def one(client: Any, task: Any) -> Any:
    answers = await gathered(client.perform(task))
    assert len(answers) == 1
    return answers[0]


async def idle() -> None:
    """Long enough for any call that could go out to have gone out."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_law_11_retry_after_is_honoured_to_the_second_by_that_endpoint_alone(world: World) -> None:
    client = await world.client("binance")
    first, second, *_ = tasks_of(world, client, "binance")
    assert isinstance(await one(client, first), Reading)
    body = '{"code":-1003,"msg":"Too many requests; current request has limited."}'
    world.simulator.binance.faults.add(
        Fault(path=ASSETS, times=1, status=429, body=body, headers={"Retry-After": "37"})
    )
    failure = await one(client, first)
    assert (failure.kind, failure.account, failure.stops) == (FailureKind.LIMITED, None, False)
    assert failure.until_ms is not None
    assert 37_000 <= failure.until_ms - failure.at_ms <= 37_001
    before = world.calls("binance", ASSETS)
    waiting = asyncio.create_task(one(client, second))
    await world.advance(36.9)
    await idle()
    assert world.calls("binance", ASSETS) == before
    assert of(Failure, await gathered(client.listing())) == []  # the other endpoints go on
    await world.advance(0.2)
    assert isinstance(await waiting, Reading)


@pytest.mark.parametrize("headers", [{"Retry-After": "120"}, {}])
async def test_law_11_a_ban_stops_every_call_to_the_host_until_its_second(
    world: World, headers: dict[str, str]
) -> None:
    client = await world.client("binance")
    other = await world.client("binance", name="same-key")
    task = tasks_of(world, client, "binance")[0]
    assert isinstance(await one(client, task), Reading)
    until_ms = world.clock.now_ms() + 120_000
    body = f'{{"code":-1003,"msg":"Way too much request weight used; IP banned until {until_ms}. Please"}}'
    world.simulator.binance.faults.add(Fault(times=1, status=418, body=body, headers=headers))
    failure = await one(client, task)
    assert failure.kind is FailureKind.BANNED
    assert failure.until_ms is not None
    assert 120_000 <= failure.until_ms - failure.at_ms <= 121_000
    assert only(Failure, await gathered(other.listing())).kind is FailureKind.BANNED  # told, without a call

    before = world.calls("binance")
    waiting = [asyncio.create_task(gathered(c.listing())) for c in (client, other)]
    waiting.append(asyncio.create_task(gathered(client.perform(task, urgent=True))))
    await world.advance(119.9)
    await idle()
    assert world.calls("binance") == before
    okx = await world.client("okx")
    assert isinstance(await one(okx, tasks_of(world, okx, "okx")[0]), Reading)  # other venues are unaffected
    await world.advance(1)
    assert all(of(Failure, answers) == [] for answers in await asyncio.gather(*waiting))


async def test_law_11_a_ban_outlives_the_process(world: World) -> None:
    client = await world.client("binance")
    task = tasks_of(world, client, "binance")[0]
    world.simulator.binance.ban(300)
    failure = only(Failure, await gathered(client.examine()))
    assert failure.kind is FailureKind.BANNED
    spent = client.spent()
    await world.advance(100)
    later = await world.client("binance", shared=Shared(world.hand))
    later.restore(spent)
    before = world.calls("binance")
    assert (await one(later, task)).kind is FailureKind.BANNED
    waiting = asyncio.create_task(one(later, task))
    await world.advance(199)
    await idle()
    assert world.calls("binance") == before
    await world.advance(2)
    assert isinstance(await waiting, Reading)
    assert world.simulator.binance.records.reasons["ban"] == 1


async def test_without_retry_after_okx_waits_a_window_and_longer_each_time(world: World) -> None:
    client = await world.client("okx", "funding")
    tasks = tasks_of(world, client, "okx")
    fault = world.simulator.okx.faults.add(
        Fault(path="*subaccount/balances", status=429, body='{"msg":"Too Many Requests","code":"50011"}')
    )
    waits = []
    for _ in range(5):
        failure = await one(client, tasks[0])
        assert failure.kind is FailureKind.LIMITED
        assert failure.until_ms is not None
        waits.append((failure.until_ms - failure.at_ms) // 1000)
        await world.advance(waits[-1] + 0.1)
    assert waits == [2, 4, 8, 16, 32]
    world.simulator.okx.faults.clear(fault)
    assert isinstance(await one(client, tasks[0]), Reading)


async def test_bitgets_repeated_429_is_taken_for_the_ip_limit(world: World) -> None:
    client = await world.client("bitget", "spot")
    task = client.tasks([])[0]
    world.simulator.bitget.faults.add(
        Fault(path="*subaccount-assets", status=429, body='{"code":"429","msg":"Too Many Requests"}')
    )
    waits = []
    for _ in range(6):
        failure = of(Failure, await gathered(client.perform(task)))[0]
        waits.append(((failure.until_ms or 0) - failure.at_ms) // 1000)
        await world.advance(waits[-1] + 0.1)
    assert waits == [1, 2, 4, 8, 15, 300]
    assert failure.kind is FailureKind.BANNED


async def test_an_outage_yields_few_failures_and_few_calls(world: World) -> None:
    client = await world.client("binance", "assets")
    tasks = tasks_of(world, client, "binance")
    assert isinstance(await one(client, tasks[0]), Reading)
    for number in range(294):
        world.simulator.binance.add(f"more-{number}@desk.example")
    tasks = tasks_of(world, client, "binance")
    fault = world.simulator.binance.faults.add(Fault(status=503, body="<html>503</html>"))
    failures: list[Any] = []

    async def poll(task: Any) -> None:
        failures.extend(of(Failure, await gathered(client.perform(task))))

    running: set[asyncio.Task[None]] = set()
    queue = list(tasks)
    before = world.calls("binance")
    for _ in range(60):
        while queue and len(running) < client.width("assets"):
            running.add(asyncio.create_task(poll(queue.pop(0))))
        await idle()
        running = {task for task in running if not task.done()}
        await world.advance(1)
    assert world.calls("binance") - before <= client.width("assets") + 20
    assert len(failures) <= client.width("assets") + 20
    world.simulator.binance.faults.clear(fault)
    for _ in range(60):
        if not running:
            break
        await idle()
        await world.advance(1)
        running = {task for task in running if not task.done()}
    assert not running


@pytest.mark.parametrize("kind", ["binance", "okx"])
async def test_law_11_a_thousand_readings_draw_no_refusal(world: World, kind: str) -> None:
    client = await world.client(kind, "assets" if kind == "binance" else "funding")
    tasks = tasks_of(world, client, kind)
    assert isinstance(await one(client, tasks[0]), Reading)
    wanted = 3000 if kind == "binance" else 60
    done = 0
    waiting = wanted

    async def poll() -> None:
        nonlocal done, waiting
        while waiting > 0:
            waiting -= 1
            answer = await one(client, tasks[waiting % len(tasks)])
            assert isinstance(answer, Reading), answer
            done += 1

    running = [asyncio.create_task(poll()) for _ in range(client.width(tasks[0].pool))]
    while not all(task.done() for task in running):
        await idle()
        if client._pools[tasks[0].pool]._under_way == 0:
            await world.advance(0.5)
    await asyncio.gather(*running)
    assert done == wanted
    assert world.simulator.venues[kind].records.refused == 0


async def test_law_11_who_eats_half_of_a_users_budget_is_noticed_and_yielded_to(world: World) -> None:
    """Another program under the same user, known by nothing but the usage headers."""
    client = await world.client("binance", "assets")
    other = await world.client("binance", "assets", shared=Shared(world.hand), name="another program")
    other._observe = lambda *_said: None  # it takes no heed of anybody
    task, theirs = (tasks_of(world, one_, "binance")[0] for one_ in (client, other))
    pool, running, done = client._pools[task.pool], list[asyncio.Task[None]](), 0
    half = pool.slots // 2 // 60  # calls of the other a second

    async def read_on() -> None:
        nonlocal done
        while True:
            assert isinstance(await one(client, task), Reading)
            done += 1

    async def seconds(count: int) -> None:
        for _ in range(count):
            for _ in range(half):
                assert isinstance(await one(other, theirs), Reading)
            before = None
            while (done, pool._under_way) != before or pool._under_way:  # until only time brings the next one
                before = done, pool._under_way
                await idle()
            assert [task.exception() for task in running if task.done()] == []
            await world.advance(1)

    await seconds(60)
    running += [asyncio.create_task(read_on()) for _ in range(client.width(task.pool))]
    try:
        await seconds(59)
        assert pool.slots * 0.4 < done <= pool.slots * 0.6
        done = 0
        await seconds(31)
        assert pool.slots * 0.4 < done <= pool.slots * 0.6, "minute for minute, and none rests for good"
    finally:
        for reader in running:
            reader.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert world.simulator.binance.records.refused == 0


async def test_while_something_is_to_be_told_no_reading_begins_but_one_that_confirms(world: World) -> None:
    until = world.hand.now
    shared = Shared(world.hand, lambda: max(0.0, until - world.hand.now))
    client = await world.client("okx", "funding", shared=shared)
    first, second, *_ = tasks_of(world, client, "okx")
    await one(client, first)  # the clock is known
    before, until = world.calls("okx"), world.hand.now + 0.015
    reading = asyncio.create_task(one(client, first))
    await asyncio.sleep(0.05)
    assert world.calls("okx") == before
    await gathered(client.perform(second, urgent=True))
    assert world.calls("okx") == before + 1
    await world.advance(0.02)
    async with asyncio.timeout(5):
        await reading
    assert world.calls("okx") == before + 2


async def test_a_key_in_doubt_rests_alone_on_a_shared_address(world: World) -> None:
    client, other = await world.client("binance"), await world.client("binance", name="other")
    other._key_gate = world.shared.gate("another", "key")  # as if its key were another
    task = tasks_of(world, client, "binance")[0]
    assert isinstance(await one(client, task), Reading)
    world.simulator.binance.faults.add(
        Fault(path=ASSETS, times=1, status=401, body='{"code":-2015,"msg":"no"}')
    )
    assert (await one(client, task)).kind is FailureKind.KEY
    before = world.calls("binance")
    waiting = asyncio.create_task(gathered(client.listing()))
    await world.advance(59)
    await idle()
    assert world.calls("binance") == before
    assert of(Failure, await gathered(other.listing())) == []
    await world.advance(2)
    assert of(Failure, await waiting) == []


@pytest.mark.parametrize("gate", ["_host_gate", "_key_gate"])
async def test_law_11_a_gate_that_closes_while_the_slot_of_the_host_is_waited_for_is_no_call(
    world: World, gate: str
) -> None:
    client = await world.client("bitget")
    await gathered(client.listing())
    await gathered(client.perform(client.tasks([])[0]))
    pool = client._ip_pool
    taken = []
    while (ticket := pool.take_free()) is not None:
        taken.append(ticket)
        if len(taken) % 10 == 0:
            await world.advance(0.03)
    waiting = asyncio.create_task(gathered(client.perform(client.tasks([])[0])))
    await idle()
    before = world.calls("bitget")
    getattr(client, gate).hold(world.hand.now + 30)
    for ticket in taken:
        pool.give_back(ticket)
    await idle()
    assert not waiting.done()
    await world.advance(29)
    await idle()
    assert world.calls("bitget") == before
    await world.advance(2)
    await waiting
    assert world.calls("bitget") > before
    assert (client._pools["assets"]._under_way, pool._under_way) == (0, 0)


@pytest.mark.parametrize("kind, pool", [("okx", "funding"), ("bitget", "assets")])
async def test_law_11_all_keys_of_one_user_share_what_the_venue_counts_by_user(
    world: World, kind: str, pool: str
) -> None:
    one_, two = await world.client(kind), await world.client(kind, name="two")
    two._pools = {}
    two._share(Shared(world.hand), Decimal("0.8"), two._host)  # until now as if its key were another
    two._shared = world.shared
    by_address = two._pools["time"]
    assert of(Failure, await gathered(one_.examine())) == []
    await world.advance(10)
    (await two._pools[pool].take()).close()
    assert of(Failure, await gathered(two.examine())) == []
    assert two._pools[pool] is one_._pools[pool]
    assert one_._pools[pool].used == 1, "what was spent before that was known is spent"
    assert two._pools["time"] is by_address, "which the venue counts by address"
    three = await world.client(kind, name="three")
    assert three._pools[pool] is one_._pools[pool], (
        "a key of which it is known draws on them from its first call on"
    )


@pytest.mark.parametrize("under_way", [True, False])
async def test_law_11_retry_after_is_honoured_and_told_once_where_the_pools_turn_out_to_be_anothers(
    world: World,
    under_way: bool,  # noqa: FBT001
) -> None:
    """`under_way`: the call that was refused began before that was known; else all of it came before."""
    client = await world.client("okx", "funding")
    first, second, *_ = tasks_of(world, client, "okx")
    assert isinstance(await one(client, first), Reading)
    world.simulator.okx.faults.add(
        Fault(
            path="*subaccount/balances",
            times=1,
            status=429,
            body='{"msg":"Too Many Requests","code":"50011"}',
            headers={"Retry-After": "60"},
        )
    )
    if under_way:
        get = client._http.get

        async def moving(*given: Any) -> Any:
            answer = await get(*given)
            client._belongs_to("77")
            return answer

        client._http.get = moving
    failure = await one(client, first)
    assert failure.kind is FailureKind.LIMITED
    assert 60_000 <= failure.until_ms - failure.at_ms <= 60_001
    client._belongs_to("77")
    before = world.calls("okx")
    waiting = asyncio.create_task(one(client, second))
    await world.advance(59.9)
    await idle()
    assert (world.calls("okx"), waiting.done()) == (before, False)
    await world.advance(0.2)
    assert isinstance(await waiting, Reading)


async def test_what_exchanges_of_one_key_spent_together_counts_once_where_the_pools_turn_out_to_be_anothers(
    world: World,
) -> None:
    clients = [await world.client("okx", "funding", name=name) for name in ("one", "two", "three")]
    for _ in range(2):
        (await clients[0]._pools["funding"].take()).close()
    clients[1]._belongs_to("77")
    assert {client._pools["funding"] for client in clients} == {clients[0]._pools["funding"]}
    assert clients[0]._pools["funding"].used == 2

import asyncio
import inspect
import threading
from pathlib import Path

import pytest

from rules.ruleset import Ruleset
from state import AsyncStore, Store
from state.errors import MissingError
from tests.unit.test_state_support import absorb, notification, reading, same


async def test_prepare_here_and_write_there(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    world = await store.load(Ruleset())
    prepared = store.prepare([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
    writing = asyncio.ensure_future(store.write(prepared))
    second = store.prepare([absorb(world, reading({"BTC": ("2", "0")}, 2_000), 2_000)], world)
    await writing
    await store.write(second)
    assert same(await store.load(Ruleset()), world)
    await store.close()


@pytest.mark.parametrize("still_seconds", [0.0, 0.01, 30.0])
async def test_what_is_written_at_once_is_durable_when_it_returns(
    tmp_path: Path, still_seconds: float
) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    world = await store.load(Ruleset())
    prepared = store.prepare([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
    assert await store.write(prepared, [], still_seconds) == []
    assert same(await store.load(Ruleset()), world)
    await store.close()


async def test_the_loop_stands_still_for_no_slow_disk(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    world = await store.load(Ruleset())
    prepared = store.prepare([absorb(world, reading({"BTC": ("1", "0")}), 1_000)], world)
    slow = threading.Event()
    before = asyncio.ensure_future(store.run(lambda _: slow.wait(60)))
    await asyncio.sleep(0)
    writing = asyncio.ensure_future(store.write(prepared, [], 0.001))
    await asyncio.sleep(0)  # it returns although the write waits for what is on the thread
    assert not writing.done()
    slow.set()
    assert await writing == []
    assert await before
    await store.close()


async def test_all_calls_run_on_one_thread_which_is_not_the_loops(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    found = await asyncio.gather(*(store.run(lambda _: threading.get_ident()) for _ in range(5)))
    await store.close()
    assert len(set(found)) == 1
    assert found[0] != threading.get_ident()


async def test_the_outbox_is_awaited(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await store.tell([notification()])
    message = await store.claim("slack", 1_000, 15_000, 10)
    assert message is not None
    await store.delivered(message.id, 1_001)
    assert await store.due(1_001, 15_000) == {}
    await store.close()


async def test_errors_arrive_where_they_are_awaited(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        await AsyncStore.open(tmp_path / "subtally.db")


def test_every_method_of_the_store_is_there() -> None:
    public = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}
    assert public - set(dir(AsyncStore)) == {
        "commit",
        "log",
        "log_span",
        "origin",
    }  # of tools that have a thread of their own

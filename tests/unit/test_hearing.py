"""What commands order while the daemon runs: heard within a look, and nothing is read while nobody writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from daemon.engine import Engine
from daemon.hearing import Hearing
from rules.model import Start
from rules.ruleset import Ruleset, Silence
from state import AsyncStore, Store
from state.errors import BusyError
from state.orders import Order
from state.prepared import Entry


@dataclass
class House:
    store: AsyncStore
    engine: Engine
    hearing: Hearing
    woken: list[str] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    changed: bool = True

    def perhaps_changed(self, _now_ns: int) -> bool:
        changed, self.changed = self.changed, False
        return changed


@asynccontextmanager
async def a_house(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    store = await AsyncStore.open(folder / "subtally.db", migrate=True)
    engine = Engine(await store.load(Ruleset()), store)
    engine.start()
    house = House(store, engine, Hearing(engine, store, lambda: house.woken.append("lanes")))
    ask = store.orders_after

    async def orders_after(seq: int) -> list[Order]:
        house.looks.append(seq)
        return await ask(seq)

    monkeypatch.setattr(store, "orders_after", orders_after)
    monkeypatch.setattr(store, "perhaps_changed", house.perhaps_changed)
    try:
        yield house
    finally:
        await engine.close()
        await store.close()


def silence(folder: Path) -> None:
    """As a command in another process does it."""
    with Store.open(folder / "subtally.db") as other:
        other.silence(Silence("", "rest", "me", until_ms=2_000_000_000_000), 1_790_000_000_000)


async def test_nothing_is_read_while_nobody_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_house(tmp_path, monkeypatch) as house:
        for _ in range(5):
            await house.hearing.listen()
        assert len(house.looks) == 1  # what was there before the start
        assert house.woken == []


async def test_an_order_is_heard_and_may_make_something_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(tmp_path, monkeypatch) as house:
        await house.hearing.listen()
        silence(tmp_path)
        house.changed = True
        await house.hearing.listen()
        assert house.engine.world.orders_seq == 1
        assert house.woken == ["lanes"]
        await house.hearing.listen()  # there might have been more than one look takes
        await house.hearing.listen()
        assert len(house.looks) == 3


async def test_an_order_that_a_busy_state_hid_is_heard_by_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_house(tmp_path, monkeypatch) as house:
        await house.hearing.listen()
        silence(tmp_path)
        house.changed = True

        async def busy(_seq: int) -> list[Order]:
            raise BusyError("read", house.store.path, "locked", "wait")

        with monkeypatch.context() as held:
            held.setattr(house.store, "orders_after", busy)
            with pytest.raises(BusyError):
                await house.hearing.listen()
        await house.hearing.listen()
        assert house.engine.world.orders_seq == 1


async def test_law_6_a_commit_keeps_the_number_of_an_order_and_the_order_or_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.gathering.MOST_WAITING", 1)
    async with a_house(tmp_path, monkeypatch) as house:
        kept: list[tuple[int, list[str]]] = []

        def on_commit(batch: Sequence[Entry]) -> None:
            with Store.open(tmp_path / "subtally.db", readonly=True) as other:
                seq = other.load(Ruleset()).orders_seq
            kept.append((seq, [type(entry.input).__name__ for entry in batch]))

        silence(tmp_path)
        house.engine.on_commit.append(on_commit)
        ask = house.store.orders_after

        async def behind(seq: int) -> list[Order]:
            found = await ask(seq)
            house.engine.judge_now(Start(1_790_000_000_000))  # the disk is behind: readers wait
            return found

        monkeypatch.setattr(house.store, "orders_after", behind)
        await house.hearing.listen()
        await house.engine.settled()
        heard = [name for _, names in kept for name in names]
        assert "SilenceMade" in heard
        for number, (seq, _) in enumerate(kept):
            assert (seq == 1) == (
                "SilenceMade" in [name for _, names in kept[: number + 1] for name in names]
            )

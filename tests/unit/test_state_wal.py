"""The write-ahead log goes into the file beside the commits, and begins anew."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from state import AsyncStore, Store, wal
from state.connection import connect

LARGE = '"' + 60_000 * "x" + '"'


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "EVERY_SECONDS", 0.0)


async def carried(store: AsyncStore) -> None:
    """What was asked for so far is done."""
    assert store._wal is not None
    await asyncio.to_thread(store._wal.wait)


def in_the_file_alone(path: Path, folder: Path) -> list[str]:
    """The limits that somebody finds who has the file without what lies beside it."""
    copy = folder / "alone.db"
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        return [scope for (scope,) in db.execute("SELECT scope FROM limits ORDER BY scope")]


async def test_what_was_committed_is_carried_into_the_file_beside_the_commits(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await store.save_limits("desk", "{}", 1)
    await carried(store)
    found = await asyncio.to_thread(in_the_file_alone, tmp_path / "subtally.db", tmp_path)
    await store.close()
    assert found == ["desk"]


async def test_no_commit_of_the_daemon_carries_the_log_before_it_is_very_long(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    (pages,) = await store.run(lambda one: one._db.conn.execute("PRAGMA wal_autocheckpoint").fetchone())
    await store.close()
    assert pages == wal.LONGEST_PAGES


async def test_the_log_does_not_grow_however_long_one_writes(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    sizes = []
    for number in range(60):
        await store.save_limits("desk", LARGE, number)
        await carried(store)
        sizes.append((tmp_path / "subtally.db-wal").stat().st_size)
    await store.close()
    assert sizes[-1] == sizes[10] < 10 * len(LARGE)


async def test_a_reader_that_holds_an_old_moment_is_no_fault_and_the_log_follows_when_it_ends(
    tmp_path: Path,
) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await store.save_limits("before", "{}", 1)
    reader = connect(tmp_path / "subtally.db", create=False, readonly=True).conn
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM limits").fetchall()
    await store.save_limits("after", "{}", 2)
    await carried(store)
    assert reader.execute("SELECT count(*) FROM limits").fetchone() == (1,)
    reader.execute("ROLLBACK")
    reader.close()
    await store.save_limits("later", "{}", 3)
    await carried(store)
    found = await asyncio.to_thread(in_the_file_alone, tmp_path / "subtally.db", tmp_path)
    await store.close()
    assert found == ["after", "before", "later"]


async def test_a_log_that_cannot_be_carried_fails_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(wal, "connect", refused)
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    for number in range(3):
        await store.save_limits("desk", str(number), number)
        await carried(store)
    assert await store.limits("desk") == "2"
    await store.close()
    with Store.open(tmp_path / "subtally.db", readonly=True) as found:
        assert found.limits("desk") == "2"


async def test_a_close_leaves_one_file_and_all_of_it(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await store.save_limits("desk", LARGE, 1)
    await store.close()
    assert not (tmp_path / "subtally.db-wal").exists()
    assert await asyncio.to_thread(in_the_file_alone, tmp_path / "subtally.db", tmp_path) == ["desk"]

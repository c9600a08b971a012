"""The write-ahead log goes into the file between two commits, and begins anew."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from state import AsyncStore
from state.connection import connect
from state.wal import EVERY_WRITES, LONGEST_PAGES

LARGE = '"' + 30_000 * "x" + '"'


async def written(store: AsyncStore, scope: str, body: str = "{}") -> None:
    """So often that the log is carried, and that is done."""
    for number in range(EVERY_WRITES):
        await store.save_limits(scope, body, number)
    await store.run(lambda _: None)  # after what was asked for before


def in_the_file_alone(path: Path, folder: Path) -> list[str]:
    """The limits that somebody finds who has the file without what lies beside it."""
    copy = folder / "alone.db"
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        return [scope for (scope,) in db.execute("SELECT scope FROM limits ORDER BY scope")]


async def test_what_was_committed_is_carried_into_the_file(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await written(store, "desk")
    found = await asyncio.to_thread(in_the_file_alone, tmp_path / "subtally.db", tmp_path)
    await store.close()
    assert found == ["desk"]


async def test_no_commit_of_the_daemon_carries_the_log_before_it_is_very_long(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    (pages,) = await store.run(lambda one: one.connection.execute("PRAGMA wal_autocheckpoint").fetchone())
    await store.close()
    assert pages == LONGEST_PAGES


async def test_the_log_is_carried_once_in_so_many_commits_and_after_the_last_of_them(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    done: list[str] = []
    await store.run(lambda one: one.connection.set_trace_callback(done.append))
    await written(store, "desk")
    await store.close()
    steps = [text for text in done if text == "COMMIT" or "wal_checkpoint" in text]
    assert steps == ["COMMIT"] * EVERY_WRITES + ["PRAGMA wal_checkpoint(PASSIVE)"]


async def test_the_log_does_not_grow_however_long_one_writes(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    sizes = []
    for number in range(8):
        await written(store, "desk", LARGE + " " * number)
        sizes.append((tmp_path / "subtally.db-wal").stat().st_size)
    await store.close()
    assert sizes[-1] < sizes[0] * 1.2


async def test_a_reader_that_holds_an_old_moment_is_no_fault_and_the_log_follows_when_it_ends(
    tmp_path: Path,
) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await written(store, "before")
    reader = connect(tmp_path / "subtally.db", create=False, readonly=True).conn
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM limits").fetchone() == (1,)
    await written(store, "meanwhile")
    assert reader.execute("SELECT count(*) FROM limits").fetchone() == (1,)
    reader.execute("ROLLBACK")
    reader.close()
    await written(store, "later")
    found = await asyncio.to_thread(in_the_file_alone, tmp_path / "subtally.db", tmp_path)
    await store.close()
    assert found == ["before", "later", "meanwhile"]


async def test_a_close_leaves_one_file_and_all_of_it(tmp_path: Path) -> None:
    store = await AsyncStore.open(tmp_path / "subtally.db", migrate=True)
    await store.save_limits("desk", LARGE, 1)
    await store.close()
    assert not (tmp_path / "subtally.db-wal").exists()
    assert await asyncio.to_thread(in_the_file_alone, tmp_path / "subtally.db", tmp_path) == ["desk"]

"""Backups: one whole file at one moment, over nothing, for its owner alone; made by itself before a migration."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from state import Store, schema
from state.backup import KEPT_AUTOMATIC_BACKUPS, back_up, back_up_beside
from state.backups import automatic_backups
from state.errors import CorruptError, MissingError, SchemaError, StateError
from tests.unit.test_state_support import fresh


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def ask(folder: Path, sql: str, name: str = "subtally.db") -> list[Any]:
    """What another program sees, or does, in the file."""
    with closing(sqlite3.connect(folder / name, isolation_level=None, timeout=0)) as connection:
        return connection.execute(sql).fetchall()


def test_a_backup_beside_an_open_writer_holds_what_was_committed_and_nothing_later(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        store.save_limits("before", "{}", 1)
        made = back_up(store.path, tmp_path / "copy.db")
        store.save_limits("after", "{}", 2)
    assert sorted(one.name for one in tmp_path.glob("copy.db*")) == ["copy.db"]
    with Store.open(made, readonly=True) as copied:
        assert (copied.limits("before"), copied.limits("after")) == ("{}", None)


def test_it_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    before = os.umask(0)
    try:
        assert mode_of(back_up(tmp_path / "subtally.db", tmp_path / "copy.db")) == 0o600
        assert mode_of(back_up_beside(tmp_path / "subtally.db")) == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("there", ["file", "link"])
def test_it_overwrites_nothing(tmp_path: Path, there: str) -> None:
    fresh(tmp_path).close()
    target = tmp_path / "copy.db"
    if there == "file":
        target.write_text("precious")
    else:
        target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MissingError, match="overwrites nothing"):
        back_up(tmp_path / "subtally.db", target)
    assert target.is_symlink() or target.read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("target", ["nowhere/copy.db", "folder"])
def test_a_place_that_takes_no_file_is_said_and_leaves_nothing(tmp_path: Path, target: str) -> None:
    fresh(tmp_path).close()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StateError):
        back_up(tmp_path / "subtally.db", tmp_path / target)
    assert list(tmp_path.rglob("*.partial")) == []


def test_what_is_no_state_of_ours_is_not_backed_up(tmp_path: Path) -> None:
    ask(tmp_path, "CREATE TABLE theirs (a)")
    with pytest.raises(CorruptError, match="another program"):
        back_up(tmp_path / "subtally.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def damage(path: Path) -> None:
    """Every page but the first, as a disk may lose them."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))


def test_a_damaged_state_makes_no_backup_and_the_newest_one_is_named(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    back_up_beside(tmp_path / "subtally.db")
    newest = back_up_beside(tmp_path / "subtally.db")
    damage(tmp_path / "subtally.db")
    with pytest.raises(CorruptError) as caught:
        back_up(tmp_path / "subtally.db", tmp_path / "copy.db")
    assert f"cp -p {newest} " in caught.value.hint
    assert list(tmp_path.glob("copy.db*")) == []


@pytest.mark.parametrize("backed_up", [True, False])
def test_a_damaged_state_is_told_as_such_with_the_way_back(tmp_path: Path, backed_up: bool) -> None:  # noqa: FBT001
    fresh(tmp_path).close()
    newest = back_up_beside(tmp_path / "subtally.db") if backed_up else None
    (tmp_path / "subtally.db").write_bytes(b"\0" * 8192)
    with pytest.raises(CorruptError) as caught:
        Store.open(tmp_path / "subtally.db", migrate=True)
    told = str(caught.value)
    assert "the way back: stop the daemon" in told
    assert f"rm -f {tmp_path / 'subtally.db'}-wal" in told
    assert (str(newest) if backed_up else "there is no backup beside it") in told


def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of today's schema, met by a program that is one further."""
    with fresh(tmp_path) as store:
        store.save_limits("kept", "{}", 1)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", schema.SCHEMA_VERSION + 1)


def test_a_migration_is_preceded_by_a_backup_of_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = schema.SCHEMA_VERSION
    older(tmp_path, monkeypatch)
    Store.open(tmp_path / "subtally.db", migrate=True).close()
    (made,) = automatic_backups(tmp_path / "subtally.db")
    assert mode_of(made) == 0o600
    assert ask(tmp_path, "PRAGMA user_version", made.name) == [(version,)]
    assert ask(tmp_path, "SELECT scope FROM limits", made.name) == [("kept",)]
    assert ask(tmp_path, "PRAGMA user_version") == [(version + 1,)]
    Store.open(tmp_path / "subtally.db", migrate=True).close()
    assert automatic_backups(tmp_path / "subtally.db") == [made]


def test_without_its_backup_nothing_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = schema.SCHEMA_VERSION
    older(tmp_path, monkeypatch)

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", no_room)
    with pytest.raises(StateError, match="No space"):
        Store.open(tmp_path / "subtally.db", migrate=True)
    assert ask(tmp_path, "PRAGMA user_version") == [(version,)]
    assert list(tmp_path.glob("*.partial")) == []


def test_an_older_program_refuses_the_newer_file_and_takes_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(tmp_path, monkeypatch)
    Store.open(tmp_path / "subtally.db", migrate=True).close()
    monkeypatch.undo()
    with pytest.raises(SchemaError, match="backup made before the update"):
        Store.open(tmp_path / "subtally.db", migrate=True)
    (made,) = automatic_backups(tmp_path / "subtally.db")
    made.rename(tmp_path / "subtally.db")
    with Store.open(tmp_path / "subtally.db", migrate=True) as store:
        assert store.limits("kept") == "{}"


def test_a_restored_backup_is_written_ahead_again(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    made = back_up_beside(tmp_path / "subtally.db")
    assert ask(tmp_path, "PRAGMA journal_mode", made.name) == [("delete",)]
    (tmp_path / "restored").mkdir()
    made.rename(tmp_path / "restored" / "subtally.db")
    Store.open(tmp_path / "restored" / "subtally.db", migrate=True).close()
    assert ask(tmp_path / "restored", "PRAGMA journal_mode") == [("wal",)]
    assert ask(tmp_path / "restored", "PRAGMA auto_vacuum") == [(2,)]


def test_automatic_backups_are_bounded_and_the_newest_are_kept(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    (tmp_path / "subtally.db.backup-by-hand").touch()
    made = [back_up_beside(tmp_path / "subtally.db") for _ in range(KEPT_AUTOMATIC_BACKUPS + 2)]
    assert automatic_backups(tmp_path / "subtally.db") == made[:1:-1]
    assert (tmp_path / "subtally.db.backup-by-hand").exists()


def test_what_an_interrupted_backup_left_is_removed_by_a_later_one(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    left = tmp_path / "subtally.db.backup-20260101T000000.000000Z.partial"
    left.touch()
    back_up_beside(tmp_path / "subtally.db")
    assert left.exists()
    os.utime(left, (0, 0))
    back_up_beside(tmp_path / "subtally.db")
    assert not left.exists()


def test_a_state_without_checkpoints_is_brought_up_to_date_and_keeps_what_it_knows(tmp_path: Path) -> None:
    with fresh(tmp_path) as store:
        store.save_rules((("rules.toml", "# text"),), "digest", 1_000)
    with sqlite3.connect(tmp_path / "subtally.db") as db:  # as version 1 left it
        db.execute("DROP TABLE checkpoints")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = '3 checkpoints'")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with fresh(tmp_path) as store:
        assert store.checkpointed_ms() is None
        accepted = store.accepted_rules()
    assert accepted is not None
    assert accepted.digest == "digest"
    assert len(list(tmp_path.glob("subtally.db.*"))) >= 1, "and a backup of what was there"

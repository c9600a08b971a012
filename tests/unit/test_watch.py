"""The watch over the files: whatever way an edit comes, it is seen once and only when it is at rest."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import daemon.watch
from daemon.watch import RulesWatch

MAIN = 'include = ["rules.d/*.toml"]\n'
RULE = '[[rule]]\nname = "floor"\ntype = "low_balance"\nasset = "USDT"\nbelow_by = "floors.csv"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(daemon.watch, "QUIET_SECONDS", 0.02)
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.toml").write_text(MAIN)
    (tmp_path / "rules.d/a.toml").write_text(RULE)
    (tmp_path / "floors.csv").write_text("account,below\na,1\n")
    return tmp_path


def rename_over(folder: Path) -> None:
    """As most editors do; size and time may stay the same."""
    new, old = folder / "new", folder / "rules.toml"
    new.write_text(old.read_text())
    os.utime(new, ns=(old.stat().st_atime_ns, old.stat().st_mtime_ns))
    new.replace(old)


EDITS: dict[str, Callable[[Path], object]] = {
    "in place": lambda folder: (folder / "rules.toml").write_text(MAIN + "# x\n"),
    "renamed over": rename_over,
    "removed": lambda folder: (folder / "rules.toml").unlink(),
    "an include": lambda folder: (folder / "rules.d/a.toml").write_text(""),
    "a new include": lambda folder: (folder / "rules.d/b.toml").write_text(""),
    "an include removed": lambda folder: (folder / "rules.d/a.toml").unlink(),
    "a CSV file": lambda folder: (folder / "floors.csv").write_text("account,below\na,2\n"),
    "a CSV file removed": lambda folder: (folder / "floors.csv").unlink(),
    "rights": lambda folder: (folder / "rules.toml").chmod(0o600),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
async def test_an_edit_is_seen_once(folder: Path, edit: Callable[[Path], object]) -> None:
    watch = RulesWatch(folder / "rules.toml")
    assert not await watch.changed()
    edit(folder)
    assert await watch.changed()
    watch.renew()
    assert not await watch.changed()


async def test_who_follows_is_called_for_an_edit_and_for_nothing_else(folder: Path) -> None:
    watch, told = RulesWatch(folder / "rules.toml"), asyncio.Event()
    looks = 0
    look = watch._signature

    def counted() -> daemon.watch.Signature:
        nonlocal looks
        looks += 1
        return look()

    watch._signature = counted  # type: ignore[method-assign]
    with watch.followed(0.005, told.set):
        while looks < 5:
            await asyncio.to_thread(lambda: None)
        assert not told.is_set()
        rename_over(folder)
        await asyncio.wait_for(told.wait(), 10)
        assert await watch.changed()


async def test_what_is_not_named_is_not_watched(folder: Path) -> None:
    watch = RulesWatch(folder / "rules.toml")
    (folder / "notes.txt").write_text("x")
    (folder / "rules.d/.a.toml.swp").write_text("x")
    (folder / "subtally.db").write_text("x")
    assert not await watch.changed()


async def test_a_swapped_link_to_a_folder_is_an_edit(tmp_path: Path, folder: Path) -> None:
    """As Kubernetes changes a ConfigMap: the files are links through one link, which is renamed over."""
    mount = tmp_path / "mount"
    for name in ("one", "two"):
        (mount / name).mkdir(parents=True)
        (mount / name / "rules.toml").write_text("# same\n")
    (mount / "..data").symlink_to("one")
    (mount / "rules.toml").symlink_to("..data/rules.toml")
    watch = RulesWatch(mount / "rules.toml")
    (mount / "..new").symlink_to("two")
    (mount / "..new").replace(mount / "..data")
    assert await watch.changed()


async def test_a_file_that_is_still_written_is_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    real = asyncio.sleep

    async def write_on(seconds: float) -> None:
        assert seconds == daemon.watch.QUIET_SECONDS
        if len(written) < 5:
            written.append("# more\n")
            (folder / "rules.toml").write_text(MAIN + "".join(written))
        await real(0)

    watch = RulesWatch(folder / "rules.toml")
    (folder / "rules.toml").write_text(MAIN[:9])
    monkeypatch.setattr("daemon.watch.asyncio.sleep", write_on)
    assert await watch.changed()
    assert len(written) == 5


async def test_who_writes_on_and_on_does_not_hold_it_up_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    async def write_on(seconds: float) -> None:
        looks.append(seconds)
        (folder / "rules.toml").write_text(MAIN + "# more\n" * len(looks))

    watch = RulesWatch(folder / "rules.toml")
    (folder / "rules.toml").write_text(MAIN + "#\n")
    monkeypatch.setattr("daemon.watch.asyncio.sleep", write_on)
    assert await watch.changed()
    assert len(looks) == daemon.watch.QUIET_LOOKS_MOST


async def test_after_a_bad_file_the_includes_are_still_watched(folder: Path) -> None:
    watch = RulesWatch(folder / "rules.toml")
    (folder / "rules.toml").write_text("include = [")
    assert await watch.changed()
    watch.renew()
    (folder / "rules.d/a.toml").write_text("# mended\n")
    assert await watch.changed()

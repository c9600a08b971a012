"""All books of the file: only those that a rule compares are read, and those that are gone are empty."""

from __future__ import annotations

import asyncio
from pathlib import Path

from daemon.books.shelf import Shelf
from daemon.config import Config, parse
from rules.statements import Books

HEAD = """
[[exchange]]
name = "okx-main"
kind = "okx"
api_key = { env = "KEY" }
api_secret = { env = "SECRET" }
passphrase = { env = "PASSPHRASE" }
"""
GOOD = "exchange,account,asset,amount,as_of\nokx-main,a,USDT,1,2026-01-02T03:04:05Z\n"


def books(name: str) -> str:
    return f'[[books]]\nname = "{name}"\nfile = "{name}.csv"\n'


def rule(name: str, *more: str) -> str:
    keys = "\n".join(more)
    return (
        f'[[rule]]\nname = "{name}"\ntype = "reconciliation"\ncheck = "expected"\nbooks = "{name}"\n{keys}\n'
    )


class Case:
    """A shelf whose books are told to a list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[Books] = []
        self.shelf = Shelf(self._take, lambda: 1_800_000_000_000)

    async def _take(self, told: Books) -> None:
        self.told.append(told)

    async def puts(self, text: str, *known: str) -> None:
        config: Config = parse((("rules.toml", HEAD + text),), self.folder)
        await self.shelf.put(config.books, config.ruleset, known)

    async def reads(self) -> list[tuple[str, int]]:
        self.told.clear()
        await self.shelf.read_due()
        await asyncio.gather(*self.shelf._running.values())
        return sorted((one.name, len(one.rows)) for one in self.told)


async def test_only_books_that_a_rule_compares_are_read(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.csv").write_text(GOOD)
    case = Case(tmp_path)
    await case.puts(books("a") + books("b") + books("c") + rule("a") + rule("b", "enabled = false"))
    assert await case.reads() == [("a", 1)]
    assert await case.reads() == []


async def test_books_that_are_gone_are_empty_from_then_on(tmp_path: Path) -> None:
    case = Case(tmp_path)
    await case.puts("", "once")
    assert case.told == [Books("once", 1_800_000_000_000, ())]


async def test_other_rules_are_told_everything_anew(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    case = Case(tmp_path)
    await case.puts(books("a") + rule("a"))
    assert await case.reads() == [("a", 1)]
    case.told.clear()
    await case.puts(books("a") + rule("a", "confirm = 3"), "a")
    assert case.told == []
    assert await case.reads() == [("a", 1)]


async def test_what_is_wrong_is_told_by_name_until_it_is_mended(tmp_path: Path) -> None:
    case = Case(tmp_path)
    await case.puts(books("a") + rule("a"))
    await case.reads()
    assert [(one.name, one.problem) for one in case.told] == [("a", "a.csv: there is no such file")]
    (tmp_path / "a.csv").write_text(GOOD)
    assert await case.reads() == [("a", 1)]
    assert [one.problem for one in case.told] == [""]
    await case.shelf.close()

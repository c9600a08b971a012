"""docs/reconciliation.md: its worked example gives what the page says, to the letter."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from daemon.books.rows import read_rows
from daemon.config import load
from rules.judge import Input, judge
from rules.model import Identity, ListedAccount, Listing, Reading, Row, Start
from rules.ruleset import RulesAccepted
from rules.statements import Books
from rules.world import World
from state import Entry, Store
from tests.unit.test_cli_support import subtally

PAGE = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text()
EXAMPLE = PAGE.partition("## A worked example")[2]
MINUTE_MS = 60_000
FIELDS = ("free", "locked", "frozen", "withdrawing")


def block(kind: str) -> str:
    found = re.findall(rf"```{kind}\n(.*?)```", EXAMPLE, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def totals() -> dict[str, dict[str, Row]]:
    """The table of what was read: account to asset to its row."""
    read: dict[str, dict[str, Row]] = {}
    for account, asset, total in re.findall(r"^\| (\S+@\S+) \| (\S+) \| (\S+) \|$", EXAMPLE, re.MULTILINE):
        read.setdefault(account, {})[asset] = (total, "0", "0", "0")
    return read


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"2030-06-01T{text}:00+00:00").timestamp()) * 1000


class Day:
    """A state that the engine made, minute by minute."""

    def __init__(self, folder: Path) -> None:
        (folder / "rules.toml").write_text(block("toml"))
        self.world = World()
        self.store = Store.open(folder / "subtally.db", migrate=True)
        self.now = at("11:30")
        self.take(RulesAccepted(self.now, load(folder / "rules.toml").ruleset), Start(self.now))

    def take(self, *events: Input) -> None:
        entries = [Entry(event, self.now, judge(self.world, event, self.now)) for event in events]
        self.store.commit(entries, self.world)

    def reads(self, account: str, rows: dict[str, Row]) -> None:
        identity = Identity(email=account)
        self.take(Reading.of("binance-main", identity, "spot", self.now - 100, self.now, FIELDS, rows))


def test_the_worked_example_gives_the_output_of_the_page(tmp_path: Path) -> None:
    day, read = Day(tmp_path), totals()
    accounts = tuple(ListedAccount(Identity(email=name)) for name in read)
    day.take(Listing("binance-main", "list", day.now, day.now, complete=True, accounts=accounts))
    for minute in range(10, 36):
        day.now = at("11:30") + minute * MINUTE_MS
        for account, rows in read.items():
            stops = account.startswith("cold-3")
            if minute == 10 if stops else minute >= 25:
                day.reads(account, rows)
    for _ in range(2):
        day.now += 5_000
        day.take(Books("treasury", day.now, read_rows(block("csv"))))
    day.store.close()
    result = subtally("-c", tmp_path / "rules.toml", "reconcile", "--csv")
    said = f"$ subtally reconcile --csv\n{result.stdout}"
    assert said == block("text")
    assert result.exit_code == 1
    assert "1 open break" in result.stderr

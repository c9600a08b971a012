"""What the tests of the commands share: a rules file, and a state that the engine itself made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.config import load
from rules.judge import Input, judge
from rules.model import Failure, FailureKind, Identity, ListedAccount, Listing, Reading, Row, Start
from rules.ruleset import RulesAccepted
from rules.world import World
from state import Entry, Store

RULES = """
[[exchange]]
name = "okx-main"
kind = "okx"
api_key = { env = "TEST_OKX_KEY" }
api_secret = { env = "TEST_OKX_SECRET" }
passphrase = { env = "TEST_OKX_PASSPHRASE" }
read = ["funding"]

[[exchange]]
name = "never-read"
kind = "binance"
api_key = { env = "TEST_OKX_KEY" }
api_secret = { env = "TEST_OKX_SECRET" }

[[notifier]]
name = "oncall"
url = { file = "oncall.url" }

[[rule]]
name = "USDT floor"
type = "low_balance"
account = "mm-*"
asset = "USDT"
below = { warning = 20_000.5, critical = 1_000 }
"""
FIELDS = ("free", "frozen", "total")
MM_1 = Identity("44705892343619584", None, "mm-1")
ARB = Identity("77705892343619584", "arb@desk.example", "[red]arb", "line\nbreak")
SMALL = "1234.000000000000000001"
LARGE = "1234567.123456789012345678"


def write_rules(folder: Path, text: str = RULES, url: str = "json://127.0.0.1:9/") -> Path:
    file = folder / "rules.toml"
    file.write_text(text)
    (folder / "oncall.url").write_text(url)
    return file


class Fed:
    """A state file filled as the daemon does it: judge, then commit. `now` starts ten minutes ago."""

    def __init__(self, folder: Path) -> None:
        self.now = time.time_ns() // 1_000_000 - 600_000
        self.world = World()
        self.store = Store.open(folder / "subtally.db", migrate=True)
        self.take(RulesAccepted(self.now, load(folder / "rules.toml").ruleset), Start(self.now))

    def take(self, *events: Input) -> None:
        self.store.commit(
            [Entry(event, self.now, judge(self.world, event, self.now)) for event in events], self.world
        )

    def read(self, who: Identity, rows: dict[str, Row]) -> None:
        self.now += 1_000
        self.take(Reading.of("okx-main", who, "funding", self.now - 100, self.now, FIELDS, rows))

    def list(self, *who: Identity) -> None:
        self.now += 1_000
        listed = tuple(ListedAccount(one) for one in who)
        self.take(
            Listing("okx-main", "subaccounts", self.now - 100, self.now, complete=True, accounts=listed)
        )

    def fail(
        self, kind: FailureKind, reason: str, *, stops: bool = False, until_ms: int | None = None
    ) -> None:
        self.now += 1_000
        self.take(Failure("okx-main", self.now, kind, reason, until_ms=until_ms, stops=stops))


@contextmanager
def fed(folder: Path, *, store_open: bool = False) -> Iterator[Fed]:
    """Two accounts, one firing alert, one unknown figure; the writer has left unless `store_open`."""
    if not (folder / "rules.toml").exists():
        write_rules(folder)
    made = Fed(folder)
    made.list(MM_1, ARB)
    for _ in range(2):
        made.read(MM_1, {"USDT": (SMALL, "0", SMALL), "BTC": (LARGE, "-0.50", LARGE)})
        made.read(ARB, {"USDT": ("", None, "5")})
    if not store_open:
        made.store.close()
    try:
        yield made
    finally:
        if store_open:
            made.store.close()


def subtally(*args: str | Path) -> Result:
    """The command in this process. What is no exit is a bug, and raised."""
    result = CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="subtally")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result

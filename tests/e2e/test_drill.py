"""`demo --incident`: the user's own rules on simulated venues, without a venue's key; nothing leaves unasked."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from daemon.config import load
from daemon.demo import drill as drilling
from daemon.demo import incidents
from daemon.demo.desk import desks_of, example_of
from daemon.demo.drill import Drill, senders_of
from daemon.errors import CannotRun
from tests.e2e.house import Recorder, recording
from tests.unit.test_cli_support import subtally

EXAMPLE = Path(__file__).parents[2] / "rules.example.toml"
RULES = """
[[exchange]]
name = "one"
kind = "binance"
api_key = { env = "NOT_SET_KEY" }
api_secret = { env = "NOT_SET_SECRET" }
[[exchange]]
name = "two"
kind = "binance"
api_key = { env = "NOT_SET_KEY" }
api_secret = { env = "NOT_SET_SECRET" }
accounts = ["mm-*"]
[[notifier]]
name = "oncall"
url = { file = "oncall.url" }
[[rule]]
name = "floor"
type = "low_balance"
account = ["mm-*", "arb@desk.example"]
asset = "USDT"
below = { warning = 5_000, critical = 1_000 }
for = "30m"
[[rule]]
name = "lost"
type = "account_disappeared"
[[rule]]
name = "status"
type = "account_status"
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "FIRST_SECONDS", 3.0)
    monkeypatch.setattr(drilling, "LONGEST_WAIT_MS", 4_000)


class Run:
    """A drill under way, and what it has printed."""

    def __init__(self, folder: Path, kind: str, *, send: bool = False) -> None:
        self.out = io.StringIO()
        self.stop = asyncio.Event()
        console = Console(file=self.out, soft_wrap=True, width=200)
        (folder / "drill").mkdir()
        self.drill = Drill(folder / "drill", load(folder / "rules.toml"), kind, 60.0, console, send=send)

    async def until(self, condition: Callable[[str], bool]) -> str:
        """Run until the output makes it true."""
        task = asyncio.create_task(self.drill.run(self.stop))
        while not condition(self.out.getvalue()) and not task.done():
            await asyncio.wait({task}, timeout=0.05)
        self.stop.set()
        await task
        return self.out.getvalue()


@pytest.mark.parametrize(
    "kind,words",
    [
        ("drain", ("to oncall: ", 'rule "floor"', "was drained")),
        ("freeze", ("was frozen by the venue",)),
        ("vanish", ("the venue no longer knows this sub-account", 'rule "lost"')),
    ],
)
async def test_a_drill_shows_what_would_arrive_without_any_secret(
    tmp_path: Path, kind: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    told = await Run(tmp_path, kind).until(lambda out: all(word in out for word in words))
    assert all(word in told for word in words), told
    assert "  one: arb, mm-1, desk-1\n" in told
    assert "  two: mm-1\n" in told
    assert "Nothing is sent." in told
    assert 'for 30m of "floor"' in told
    before = told.split("· one")[0]
    assert "▌" not in before, "nothing fires before the incident"


async def test_a_drill_that_is_cut_short_says_which_rules_waited(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    run = Run(tmp_path, "drain")
    told = await run.until(lambda _: "floor" in run.drill.pending.values())
    assert told.splitlines()[-1].endswith(
        'messages: none yet: the drill ended while "floor" waited to be sure.'
    )


async def test_a_sent_drill_says_that_it_is_one(tmp_path: Path) -> None:
    async with recording() as recorder:
        _write(tmp_path, recorder)
        told = await Run(tmp_path, "vanish", send=True).until(lambda out: "sent to oncall: delivered" in out)
    assert "sent to oncall: delivered" in told
    assert "Messages are SENT, marked as a drill." in told
    for message in recorder.messages:
        assert message.title.startswith("DRILL ")
        assert message.body.startswith("This is a drill (subtally demo --incident vanish)")
    assert "@d" in recorder.text


def test_only_a_drill_that_is_sent_needs_the_notifiers_secrets(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    config = load(tmp_path / "rules.toml")
    with pytest.raises(CannotRun, match=r"oncall.url(.|\n)*leave --send out"):
        senders_of(config)
    assert subtally("demo", "--send").exit_code == 2
    assert subtally("demo", "--incident", "drian").exit_code == 2


def test_the_accounts_are_those_that_the_rules_name_and_an_example_of_each_pattern() -> None:
    assert [example_of(one) for one in ("mm-*", "*", "arb@x.example", "d?sk[ab]")] == [
        "mm-1",
        "desk-1",
        "arb@x.example",
        "d1ska",
    ]
    config = load(EXAMPLE)
    binance, okx, bitget = (desks_of(config.ruleset, one.settings) for one in config.exchanges)
    assert [desk.name for desk in binance] == [
        "arb@desk.example",
        "mm-1@drill.example",
        "desk-1@drill.example",
        "cold-1@drill.example",
    ]
    assert [desk.label for desk in okx][:2] == ["payout1", "desk-1"]
    assert bitget
    for desk in (*binance, *okx, *bitget):
        for pocket in desk.pockets.values():
            assert pocket.least is None or pocket.free > pocket.least
            assert pocket.most is None or pocket.free < pocket.most


def _write(folder: Path, recorder: Recorder) -> None:
    (folder / "rules.toml").write_text(RULES)
    (folder / "oncall.url").write_text(recorder.url)

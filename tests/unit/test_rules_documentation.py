"""docs/rules.md: every example is accepted, every rule in it fires, and no type and no key is left out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon.config import parse
from daemon.config.books_models import Books, Expect
from daemon.config.models import EXCHANGE_MODELS, Daemon, Notifier
from daemon.config.rule_common import Tiers
from daemon.config.rule_models import RULE_MODELS
from daemon.config.silence_models import Allow, Silence
from daemon.config.tables import SecretReference
from daemon.config.translate import keys_of
from rules.judge import Input, judge
from rules.model import Failure, FailureKind, Identity, ListedAccount, Listing, Pass, Reading, Start, Tick
from rules.patterns import Patterns
from rules.ruleset import ExchangeSettings, Rule, RulesAccepted, Ruleset
from rules.types.base import Family
from rules.world import World

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "rules.md").read_text()
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
T0_MS = 1_790_000_000_000
POLL_MS = 30_000

EXCHANGES = """
[[exchange]]
name = "binance-main"
kind = "binance"
api_key = { env = "A" }
api_secret = { env = "B" }

[[exchange]]
name = "okx-main"
kind = "okx"
api_key = { env = "A" }
api_secret = { env = "B" }
passphrase = { env = "C" }

[[exchange]]
name = "bitget-main"
kind = "bitget"
api_key = { env = "A" }
api_secret = { env = "B" }
passphrase = { env = "C" }
"""
NOTIFIERS = "".join(
    f'\n[[notifier]]\nname = "{name}"\nurl = {{ env = "D" }}\n' for name in ("oncall", "boss")
)


def completed(block: str) -> str:
    """An example with what it takes for granted: exchanges and notifiers."""
    table = tomllib.loads(block)
    named = {one["name"] for one in table.get("notifier", ())}
    added = [EXCHANGES] if "exchange" not in table else []
    return "\n".join([block, *added, NOTIFIERS if not named else NOTIFIERS.partition("\n\n")[2]])


def accepted(block: str) -> Ruleset:
    return parse((("rules.toml", completed(block)),), ROOT, now_ms=T0_MS).ruleset


# Reconciliation has a page of its own, whose example is executed; what it compares is no single figure.
OTHER_PAGE = {Family.RECONCILIATION, Family.COMPOSITION}
RULES = [
    (rule.name, block)
    for block in BLOCKS
    for rule in accepted(block).rules
    if rule.spec.family not in OTHER_PAGE
]


class Story:
    """A world under the rules of one example: two accounts of every exchange, listed and read since long ago."""

    def __init__(self, ruleset: Ruleset, rule: Rule) -> None:
        self.rule = rule
        self.world = World()
        self.now = T0_MS
        self.fired = False
        self.names = [_name(rule), "zz-other"]
        self.exchanges = [one for one in ruleset.exchanges.values() if rule.exchange.match(one.name)]
        self.take(RulesAccepted(self.now, ruleset), Start(self.now))
        for exchange in ruleset.exchanges.values():
            self.lists(exchange, *self.names)

    def take(self, *events: Input) -> None:
        for event in events:
            outcome = judge(self.world, event, self.now)
            moved = (one for one in outcome.transitions if one.rule == self.rule.name)
            self.fired |= any(one.after == "firing" for one in moved)

    def lists(self, exchange: ExchangeSettings, *names: str, frozen: bool = False) -> None:
        self.now += 1_000
        listed = tuple(ListedAccount(identity(name), frozen=frozen) for name in names)
        self.take(Listing(exchange.name, "list", self.now - 500, self.now, complete=True, accounts=listed))

    def reads(self, amount: Decimal, *, names: list[str] | None = None) -> None:
        """Every wallet of every account, each field and each value at this amount."""
        self.now += POLL_MS
        text = format(amount, "f")
        fields = ("free", "locked", "frozen", "withdrawing", "total")
        coins = {asset.upper() for asset in self.rule.asset.literals} or {"USDT"}
        rows = {coin: (text,) * len(fields) for coin in sorted(coins)}
        for exchange in self.exchanges:
            for wallet in exchange.wallets:
                for name in self.names if names is None else names:
                    self.take(
                        Reading.of(
                            exchange.name,
                            identity(name),
                            wallet,
                            self.now - 100,
                            self.now,
                            fields,
                            rows,
                            values={"BTC": text, "USD": text},
                        )
                    )
            if exchange.kind == "bitget":
                seen = {f"id-{name}": frozenset(rows) for name in self.names}
                about = (exchange.name, "spot", self.now - 500, self.now)
                self.take(Pass(*about, complete=True, fields=fields, seen=seen))
        self.take(Tick(self.now))


def identity(name: str) -> Identity:
    return Identity(f"id-{name}", name, name)


def _name(rule: Rule) -> str:
    floors: tuple[Any, ...] = getattr(rule.spec, "floors", ())
    patterns: Patterns = floors[0].accounts if floors else rule.account
    return patterns.wanted[0].replace("*", "x")


def level(story: Story) -> None:
    """Quiet readings, then some beyond every threshold for as long as `for` asks."""
    tiers = [*getattr(story.rule.spec, "tiers", ())]
    tiers += [tier for floor in getattr(story.rule.spec, "floors", ()) for tier in floor.tiers]
    low = story.rule.type == "low_balance"
    quiet = max(tier.threshold for tier in tiers) * 10 if low else Decimal(0)
    broken = Decimal(0) if low else max(tier.threshold for tier in tiers) + 1_000_000_000
    for _ in range(3):
        story.reads(quiet)
    assert not story.fired
    for _ in range(story.rule.for_ms // POLL_MS + story.rule.confirm):
        story.reads(broken)


def runway(story: Story) -> None:
    """A quiet `over`, then falls by a tenth of what is there with each reading."""
    over_ms: int = getattr(story.rule.spec, "over_ms")  # noqa: B009  of this type alone
    amount = Decimal(1_000_000)
    for _ in range(over_ms // POLL_MS + 3):
        story.reads(amount)
    assert not story.fired
    for _ in range(200):
        amount -= amount / 10
        story.reads(amount)


def change(story: Story) -> None:
    for _ in range(3):
        story.reads(Decimal(1_000_000))
    assert not story.fired
    falls = getattr(story.rule.spec, "drop", None) is not None
    for _ in range(story.rule.confirm):
        story.reads(Decimal(0 if falls else 2_000_000))


def presence(story: Story) -> None:
    gone = story.rule.type == "account_disappeared"
    names = story.names[1:] if gone else [*story.names, "somebody new"]
    story.reads(Decimal(1))
    assert not story.fired
    for exchange in story.exchanges:
        for _ in range(exchange.confirm + 1):
            story.now += POLL_MS
            story.lists(exchange, *names)
            lost = identity(story.names[0])
            if gone:
                denied = Failure(
                    exchange.name, story.now, FailureKind.DENIED, "no such account", lost, exchange.wallets[0]
                )
                story.take(denied)


def status(story: Story) -> None:
    story.reads(Decimal(1))
    assert not story.fired
    for exchange in story.exchanges:
        for _ in range(exchange.confirm + 1):
            story.now += POLL_MS
            story.lists(exchange, *story.names, frozen=True)


def stale(story: Story) -> None:
    story.reads(Decimal(1))
    assert not story.fired
    while story.now < T0_MS + 2 * 3_600_000 and not story.fired:
        story.reads(Decimal(1), names=story.names[1:])


STORIES = {
    Family.LEVEL: level,
    Family.CHANGE: change,
    Family.PRESENCE: presence,
    Family.STATUS: status,
    Family.STALE: stale,
}


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_is_accepted(block: str) -> None:
    assert accepted(block).digest


@pytest.mark.parametrize("name, block", RULES, ids=[name for name, _ in RULES])
def test_every_rule_of_the_examples_fires_in_its_world(name: str, block: str) -> None:
    ruleset = accepted(block)
    rule = next(one for one in ruleset.rules if one.name == name)
    story = Story(ruleset, rule)
    (runway if rule.type == "runway" else STORIES[rule.spec.family])(story)
    assert story.fired


def written(section: str) -> Iterator[dict[str, Any]]:
    for block in BLOCKS:
        found = tomllib.loads(block).get(section, [])
        yield from found if isinstance(found, list) else [found]


def keys(value: Any) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = set(value) if isinstance(value, dict) else set()
    return own.union(*(keys(one) for one in inner))


@pytest.mark.parametrize("kind", RULE_MODELS)
def test_every_key_of_every_rule_type_is_shown(kind: str) -> None:
    common = set.intersection(*(set(keys_of(model)) for model in RULE_MODELS.values()))
    own = keys([one for one in written("rule") if one["type"] == kind])
    shared = keys(list(written("rule")))
    assert set(keys_of(RULE_MODELS[kind])) - common - own == set()
    assert common - shared == set()
    assert "type" in own


def test_every_key_of_the_other_sections_is_shown() -> None:
    assert set(keys_of(Daemon)) - keys(list(written("daemon"))) == set()
    for kind, model in EXCHANGE_MODELS.items():
        own = keys([one for one in written("exchange") if one["kind"] == kind])
        missing = set(keys_of(model)) - own
        assert missing <= set(keys_of(EXCHANGE_MODELS["binance"])), kind
    assert set(keys_of(EXCHANGE_MODELS["binance"])) - keys(list(written("exchange"))) == set()
    assert set(keys_of(Notifier)) - keys(list(written("notifier"))) == set()
    assert set(keys_of(Allow)) - keys(list(written("allow"))) == set()
    assert set(keys_of(Silence)) - keys(list(written("silence"))) == set()
    assert set(keys_of(Books)) - keys(list(written("books"))) == set()
    assert set(keys_of(Expect)) - keys(list(written("expect"))) == set()
    assert set(keys_of(Tiers)) - keys(list(written("rule"))) == set()
    assert set(keys_of(SecretReference)) - keys([*written("daemon"), *written("exchange")]) == set()


def test_the_documentation_names_every_rule_type_in_a_heading() -> None:
    headings = " ".join(re.findall(r"^###? (.+)$", TEXT, re.MULTILINE))
    assert [kind for kind in RULE_MODELS if f"`{kind}`" not in headings] == []

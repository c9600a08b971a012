"""A small language for tests of the judge: say what is read, listed and failed, and when; look at what is told.

    engine = Engine(low("floor", below="100"))
    engine.reads("mm-1", USDT="50")
    engine.reads("mm-1", USDT="50")
    assert engine.told() == ["firing floor mm-1 USDT 50"]

Every input happens at `engine.now_ms` and takes the clock one second on; `at` and `after` move it further.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from rules.judge import Input, judge
from rules.model import (
    MASTER,
    MASTER_IDENTITY,
    Acked,
    Covers,
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Pass,
    Reading,
    Severity,
    Start,
    Tick,
)
from rules.outcome import Notification, Outcome, Transition
from rules.patterns import Patterns
from rules.ruleset import (
    Allow,
    ExchangeSettings,
    Expect,
    NotifierSettings,
    Rule,
    RulesAccepted,
    Ruleset,
    Settings,
    Silence,
    SilenceMade,
)
from rules.types.account_status import AccountStatus
from rules.types.balance_change import BalanceChange
from rules.types.balance_change import Step as ChangeStep
from rules.types.composition_shift import CompositionShift
from rules.types.high_balance import HighBalance
from rules.types.levels import Floor, Tier
from rules.types.low_balance import LowBalance
from rules.types.presence import Presence
from rules.types.reconciliation import Check, Reconciliation, Tell, Tolerance
from rules.types.runway import Runway
from rules.types.stale import Stale
from rules.types.unexpected import Unexpected
from rules.world import Account, Alert, World

T0_MS = 1_790_000_000_000
UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
FIELDS = ("free", "locked", "frozen", "withdrawing")


def ms(duration: str | int) -> int:
    if isinstance(duration, int):
        return duration
    unit = duration.lstrip("0123456789")
    return int(duration.removesuffix(unit)) * UNITS_MS[unit]


def binance(name: str = "x", **more: Any) -> ExchangeSettings:
    given: dict[str, Any] = {
        "kind": "binance",
        "poll_every_ms": 60_000,
        "read": ("assets",),
        "wallets": ("spot",),
    }
    return ExchangeSettings(name, **{**given, **more})


def okx(name: str = "x", **more: Any) -> ExchangeSettings:
    given: dict[str, Any] = {
        "kind": "okx",
        "poll_every_ms": 60_000,
        "read": ("funding", "trading"),
        "wallets": ("funding", "trading"),
        "read_us": 416_667,
    }
    return ExchangeSettings(name, **{**given, **more})


def bitget(name: str = "x", **more: Any) -> ExchangeSettings:
    given: dict[str, Any] = {
        "kind": "bitget",
        "poll_every_ms": 60_000,
        "read": ("spot",),
        "wallets": ("spot",),
        "own_call": False,
        "lists_all_assets": False,
        "read_us": 2_500,
    }
    return ExchangeSettings(name, **{**given, **more})


def _rule(name: str, kind: str, spec: Any, more: dict[str, Any]) -> Rule:
    for key in ("exchange", "account", "asset", "wallet"):
        if isinstance(more.get(key), str | list):
            more[key] = Patterns.of(more[key])
    for key in ("for_", "keep_firing", "repeat_every", "escalate_after"):
        if key in more:
            more[key.rstrip("_") + "_ms"] = ms(more.pop(key))
    if "sum_over" in more:
        more["sum_over"] = frozenset(more["sum_over"])
    if "severity" in more:
        more["severity"] = Severity(more["severity"])
    return Rule(name, kind, spec, **more)


def tiers(limit: str | dict[str, str]) -> tuple[Tier, ...]:
    if isinstance(limit, str):
        return (Tier(Decimal(limit)),)
    return tuple(Tier(Decimal(text), Severity(name)) for name, text in limit.items())


def low(
    name: str,
    below: str | dict[str, str] = (),  # type: ignore[assignment]
    *,
    below_by: dict[str, str] | None = None,
    clear_at: str | None = None,
    field: str = "free",
    quote: str = "",
    **more: Any,
) -> Rule:
    floors = tuple(Floor(Patterns.of(who), tiers(limit)) for who, limit in (below_by or {}).items())
    end = None if clear_at is None else Decimal(clear_at)
    spec = LowBalance(tiers(below) if below else (), floors, field, end, quote)
    return _rule(name, "low_balance", spec, {"asset": "*" if field == "value" else "USDT", **more})


def high(
    name: str, above: str | dict[str, str], *, clear_at: str | None = None, field: str = "total", **more: Any
) -> Rule:
    end = None if clear_at is None else Decimal(clear_at)
    return _rule(name, "high_balance", HighBalance(tiers(above), field, end), {"asset": "USDT", **more})


def unexpected(name: str, field: str, above: str = "0", **more: Any) -> Rule:
    return _rule(name, f"unexpected_{field}", Unexpected(field, tiers(above)), more)


def change(name: str, within: str, drop: str = "", rise: str = "", field: str = "total", **more: Any) -> Rule:
    def step(text: str) -> ChangeStep | None:
        return ChangeStep(Decimal(text.rstrip("%")), text.endswith("%")) if text else None

    spec = BalanceChange(ms(within), step(drop), step(rise), field)
    return _rule(name, "balance_change", spec, {"asset": "USDT", **more})


def runway(
    name: str,
    over: str,
    within: str | dict[str, str],
    *,
    below: str = "0",
    field: str = "free",
    quote: str = "",
    **more: Any,
) -> Rule:
    limits = (
        (Tier(Decimal(ms(within))),)
        if isinstance(within, str)
        else tuple(Tier(Decimal(ms(text)), Severity(who)) for who, text in within.items())
    )
    spec = Runway(ms(over), limits, Decimal(below), field, quote)
    return _rule(name, "runway", spec, {"asset": "*" if field == "value" else "USDT", **more})


def appeared(name: str = "appeared", **more: Any) -> Rule:
    return _rule(name, "account_appeared", Presence(appeared=True), more)


def disappeared(name: str = "disappeared", **more: Any) -> Rule:
    return _rule(name, "account_disappeared", Presence(appeared=False), more)


def status(
    name: str = "status", on: Iterable[str] = ("frozen", "renamed", "unlisted", "drained"), **more: Any
) -> Rule:
    return _rule(name, "account_status", AccountStatus(frozenset(on)), more)


def stale(name: str, after: str, **more: Any) -> Rule:
    return _rule(name, "stale", Stale(ms(after)), more)


def reconciled(
    check: str,
    name: str = "",
    *,
    within: str | None = None,
    tell: str = "unmatched",
    max_skew: str = "5m",
    escalate_age: str | None = None,
    tolerance: dict[str, str] | None = None,
    books: str = "*",
    **more: Any,
) -> Rule:
    limits = {key: Decimal(text) if key != "quote" else text for key, text in (tolerance or {}).items()}
    spec = Reconciliation(
        Check(check),
        Tolerance(**limits),  # type: ignore[arg-type]
        None if within is None else ms(within),
        Tell(tell),
        ms(max_skew),
        Patterns.of(books),
        None if escalate_age is None else ms(escalate_age),
    )
    return _rule(name or check, "reconciliation", spec, more)


def shift(name: str = "shift", within: str = "10m", fall: str = "50", **more: Any) -> Rule:
    return _rule(name, "composition_shift", CompositionShift(ms(within), Decimal(fall)), more)


def allow(name: str, up_to: str, field: str = "withdrawing", until: str = "", **more: Any) -> Allow:
    for key in ("exchange", "account", "asset", "wallet"):
        if key in more:
            more[key] = Patterns.of(more[key])
    return Allow(name, field, Decimal(up_to), until_ms=T0_MS + ms(until) if until else None, **more)


def who(name: str | Identity) -> Identity:
    """A name is an e-mail with an id of its own; `id=…` is an id alone, `master` the master."""
    if isinstance(name, Identity):
        return name
    if name == MASTER:
        return MASTER_IDENTITY
    if name.startswith("id="):
        return Identity(venue_id=name.removeprefix("id="))
    return Identity(venue_id=f"id-{name}", email=name)


class Engine:
    """A World, a clock, and everything that was told. Rules are past their first judgement unless `first`."""

    def __init__(
        self,
        *rules: Rule,
        exchanges: Iterable[ExchangeSettings] = (),
        notifiers: Iterable[NotifierSettings] = (),
        allows: Iterable[Allow] = (),
        expects: Iterable[Expect] = (),
        first: bool = False,
        **settings: Any,
    ) -> None:
        self.world = World()
        self.now_ms = T0_MS - 2_000
        self.outcome = Outcome()
        self.inputs: list[tuple[Input, int]] = []
        self.notifications: list[Notification] = []
        self.transitions: list[Transition] = []
        self.ruleset = Ruleset(
            Settings(**settings),
            {one.name: one for one in (tuple(exchanges) or (binance(),))},
            {one.name: one for one in (tuple(notifiers) or (NotifierSettings("oncall", Severity.INFO),))},
            rules,
            tuple(allows),
            expects=tuple(expects),
        )
        self._unread = 0
        if not first:
            names = self.ruleset.exchanges
            self.world.judged_rules.restore({(name, rule.key): 0 for name in names for rule in rules})
        self.accepts(self.ruleset)
        self.says(Start(self.now_ms))

    # Time.

    def at(self, time: str | int) -> Engine:
        """Set the clock to so long after the beginning."""
        self.now_ms = T0_MS + ms(time)
        return self

    def after(self, time: str | int) -> Engine:
        """Let so much time pass since the last input."""
        self.now_ms += ms(time) - 1_000
        return self

    def ticks(self, time: str | int | None = None) -> Outcome:
        """One tick now, or one each second until so long after the beginning."""
        if time is None:
            return self.says(Tick(self.now_ms))
        gathered = Outcome()
        while self.now_ms <= T0_MS + ms(time):
            one = self.says(Tick(self.now_ms))
            gathered.notifications += one.notifications
        return gathered

    # Inputs.

    def says(self, event: Input) -> Outcome:
        """Any input, now."""
        self.inputs.append((event, self.now_ms))
        self.outcome = judge(self.world, event, self.now_ms)
        self.notifications += self.outcome.notifications
        self.transitions += self.outcome.transitions
        self.now_ms += 1_000
        return self.outcome

    def accepts(self, ruleset: Ruleset) -> Outcome:
        self.ruleset = ruleset
        return self.says(RulesAccepted(self.now_ms, ruleset))

    def edits(self, *rules: Rule, **more: Any) -> Outcome:
        """The same file with other rules, or other exchanges and notifiers."""
        for name in ("exchanges", "notifiers"):
            if name in more:
                more[name] = {one.name: one for one in more[name]}
        return self.accepts(replace(self.ruleset, rules=rules, **more))

    def restarts(self, downtime: str = "0s") -> Outcome:
        self.after(downtime)
        self.accepts(self.ruleset)
        return self.says(Start(self.now_ms))

    def reads(
        self,
        account: str | Identity,
        wallet: str = "spot",
        *,
        exchange: str = "x",
        fields: tuple[str, ...] = FIELDS,
        rows: dict[str, tuple[str | None, ...]] | None = None,
        covers: Covers = Covers.ALL,
        took: str = "100ms",
        values: dict[str, str] | None = None,
        **free: str,
    ) -> Outcome:
        """One reading; `USDT="100"` is 100 free and nothing else."""
        padding = ("0",) * (len(fields) - 1)
        given = {asset: (text, *padding) for asset, text in free.items()} if rows is None else rows
        return self.says(
            Reading.of(
                exchange,
                who(account),
                wallet,
                self.now_ms - ms(took),
                self.now_ms,
                fields,
                given,
                covers,
                values,
            )
        )

    def values(
        self, account: str | Identity, wallet: str = "spot", *, exchange: str = "x", **quotes: str
    ) -> Outcome:
        """A valuation alone."""
        return self.reads(account, wallet, exchange=exchange, fields=(), rows={}, values=quotes)

    def row(self, account: str, *, exchange: str = "x", **free: str) -> Outcome:
        """A row of a Bitget page: it proves only the coins that it names."""
        return self.reads(
            account, exchange=exchange, fields=("free", "locked", "frozen"), covers=Covers.NAMED, **free
        )

    def passes(
        self, exchange: str = "x", *, complete: bool = True, took: str = "3s", **seen: Iterable[str] | str
    ) -> Outcome:
        """The end of a Bitget pass: which coins each id's rows named."""
        named = {key: frozenset([coins] if isinstance(coins, str) else coins) for key, coins in seen.items()}
        fields = ("free", "locked", "frozen")
        return self.says(Pass(exchange, "spot", self.now_ms - ms(took), self.now_ms, complete, fields, named))

    def lists(
        self,
        *accounts: str | Identity,
        exchange: str = "x",
        source: str = "list",
        complete: bool = True,
        frozen: Iterable[str] = (),
        tells_frozen: bool = True,
    ) -> Outcome:
        """One listing. Listings count when they are 2 s apart: `lists` takes the clock on by so much."""
        rows = tuple(
            ListedAccount(who(name), (name in set(frozen)) if tells_frozen else None) for name in accounts
        )
        reason = "" if complete else "page 2 is missing"
        outcome = self.says(Listing(exchange, source, self.now_ms - 100, self.now_ms, complete, rows, reason))
        self.now_ms += 1_500
        return outcome

    def fails(
        self,
        account: str | Identity | None = None,
        kind: FailureKind = FailureKind.TRANSIENT,
        *,
        exchange: str = "x",
        reason: str = "HTTP 500",
        until: str | None = None,
        stops: bool = False,
    ) -> Outcome:
        until_ms = None if until is None else T0_MS + ms(until)
        about = None if account is None else who(account)
        return self.says(Failure(exchange, self.now_ms, kind, reason, about, "spot", until_ms, stops))

    def acks(self, rule: str, by: str = "ann") -> Outcome:
        """A person has seen the one open alert of a rule."""
        return self.says(Acked(self.now_ms, self.alert(rule).id, by))

    def silences(self, ident: str = "S1A", until: str = "", **more: Any) -> Outcome:
        """A person makes a silence."""
        until_ms = T0_MS + ms(until) if until else None
        return self.says(SilenceMade(self.now_ms, Silence(ident, "works", "ann", until_ms=until_ms, **more)))

    def denies(self, account: str | Identity, *, exchange: str = "x") -> Outcome:
        """The account's own call says that it does not exist."""
        return self.fails(account, FailureKind.DENIED, exchange=exchange, reason="does not exist")

    # What came of it.

    def told(self) -> list[str]:
        """What was told since the last look, as `kind rule label asset value`, without what is empty."""
        new = self.notifications[self._unread :]
        self._unread = len(self.notifications)
        return [line(one) for one in new]

    def states(self) -> list[str]:
        """The open alerts, as `state rule label asset`."""
        alerts = sorted(self.world.alerts.values(), key=lambda alert: (alert.since_ms, alert.key))
        return [" ".join(filter(None, (a.state, a.rule, a.facts.label, a.facts.asset))) for a in alerts]

    def alert(self, rule: str) -> Alert:
        """The one open alert of a rule."""
        (found,) = [alert for alert in self.world.alerts.values() if alert.rule == rule]
        return found

    def account(self, name: str) -> Account:
        (found,) = [one for one in self.world.accounts.values() if name in one.identity.identifiers]
        return found

    def rechecks(self) -> list[str]:
        return [f"{self.world.accounts[one.account].label} {one.wallet}" for one in self.outcome.rechecks]

    def untouched(self) -> bool:
        """Whether no table was touched since `forget_touched`."""
        return not any(table.touched for table in tables(self.world))

    def forget_touched(self) -> None:
        for table in tables(self.world):
            table.take()


def tables(world: World) -> list[Any]:
    found = (getattr(world, name) for name in World.__dataclass_fields__)
    return [table for table in found if hasattr(table, "touched")]


def line(one: Notification) -> str:
    facts = one.facts
    words = (one.kind.value, facts.rule, facts.label, facts.asset, facts.value or "")
    return " ".join(word for word in words if word)

"""The venues of one case, step by step: what is listed and read when, as a daemon that polls them would hear it.

What a case does not mention is empty and healthy. A confirming read comes a second after it is asked for, a second
listing two seconds after; Bitget has neither, there it is the next pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from itertools import count
from typing import NamedTuple

from daemon.exchanges import binance_wire, bitget_wire, okx_wire
from daemon.ruletest.load import Story
from daemon.ruletest.models import AccountRow, OutageRow
from daemon.ruletest.notation import Said, Token
from rules.judge import Input
from rules.model import (
    MASTER,
    MASTER_IDENTITY,
    Covers,
    Failure,
    FailureKind,
    Identity,
    ListedAccount,
    Listing,
    Maintenance,
    Pass,
    Reading,
    Row,
    Start,
)
from rules.outcome import Outcome
from rules.plan import quantity_wallets
from rules.ruleset import ExchangeSettings, RulesAccepted, Ruleset
from rules.values import SUMMED, add
from rules.world import World

CONFIRM_MS = 1_000
RELIST_MS = 2_000


class Order(IntEnum):
    """What comes first of what happens at one moment."""

    EDGE = 0
    LIST = 1
    SET = 2
    READ = 3
    PASS = 4
    ACK = 5


class Pocket(NamedTuple):
    """One wallet of one account, and whether it is the venue's valuation that is read."""

    exchange: str
    account: str
    wallet: str
    valued: bool = False


@dataclass(slots=True)
class Contents:
    """What a pocket would answer now. A failed or a silent one answers so until its next figure."""

    figures: dict[str, dict[str, str]] = field(default_factory=dict)
    failed_ms: int = -1
    silent_ms: int = -1
    said_ms: int = -1

    @property
    def fails(self) -> bool:
        return self.failed_ms >= self.said_ms and self.failed_ms >= 0

    @property
    def is_silent(self) -> bool:
        return self.silent_ms > max(self.said_ms, self.failed_ms)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: of `kind`, to an exchange, a pocket, or a place in the case's tables."""

    kind: Order
    exchange: str = ""
    pocket: Pocket | None = None
    asset: str = ""
    name: str = ""
    token: Token | None = None
    place: int = -1


class Scene:
    """One case as a queue of steps; `inputs` turns each into what the engine hears. Times count from its begin."""

    def __init__(self, ruleset: Ruleset, story: Story, start_ms: int) -> None:
        self._ruleset = ruleset
        self._story = story
        self._start_ms = start_ms
        self._queue: list[tuple[int, Order, int, Step]] = []
        self._numbers = count()
        self._pockets: dict[Pocket, Contents] = {}
        self._queued: set[tuple[int, Pocket]] = set()
        self._failed_at: dict[str, int] = {}
        self._read_at: dict[str, int] = {}
        self._accounts = _accounts_of(story)
        self.end_ms = self._end()
        self._fill()

    def steps(self) -> Iterator[tuple[int, Step]]:
        """Each step with its time; more may be queued while they are taken."""
        while self._queue and self._queue[0][0] <= self.end_ms:
            at_ms, _, _, step = heapq.heappop(self._queue)
            if not self._is_down(at_ms) or step.kind is Order.EDGE:
                yield at_ms, step

    def inputs(self, at_ms: int, step: Step) -> list[Input]:
        """What the engine hears of one step."""
        match step.kind:
            case Order.SET:
                self._set(at_ms, step)
                return []
            case Order.READ if step.pocket is not None:
                return self._read(at_ms, step.pocket)
            case Order.LIST:
                return self._list(at_ms, self._ruleset.exchanges[step.exchange])
            case Order.PASS:
                return self._pass(at_ms, self._ruleset.exchanges[step.exchange])
            case Order.EDGE:
                return self._edge(at_ms, step)
        return []

    def answer(self, at_ms: int, outcome: Outcome, world: World) -> None:
        """Queue the confirming reads and listings that an outcome asks for, as pollers do."""
        for recheck in outcome.rechecks:
            settings = self._ruleset.exchanges.get(recheck.exchange)
            account = world.accounts[recheck.account]
            name = MASTER if account.master else (account.identity.venue_id or "").removeprefix("id-")
            if settings is None or (settings.kind == "bitget" and name != MASTER):
                continue
            pocket = Pocket(recheck.exchange, name, recheck.wallet, recheck.valued)
            if pocket not in self._pockets:
                wallets = quantity_wallets(settings)
                pocket = pocket._replace(wallet=wallets[0] if wallets else "spot", valued=False)
            self._queue_read(at_ms + CONFIRM_MS, pocket)
        for relist in outcome.relists:
            self._push(at_ms + RELIST_MS, Step(Order.LIST, relist.exchange))

    # What is planned

    def _end(self) -> int:
        story = self._story
        if story.case.until is not None:
            return story.case.until
        ends = [one.at + one.within for one in story.expects]
        ends += [row.at + (len(row.values) - 1) * (row.every or story.every_ms) for row in story.series]
        ends += [row.at for row in story.readings] + [row.at for row in story.acks]
        ends += [row.at + row.for_ms for row in story.outages] + [row.at + row.down for row in story.restarts]
        for account in story.accounts:
            times = (account.appears, account.vanishes, account.unlisted, account.frozen, account.renamed)
            ends += [at for at in times if at is not None]
        return max(ends, default=0) + CONFIRM_MS + RELIST_MS

    def _fill(self) -> None:
        story = self._story
        for place, outage in enumerate(story.outages):
            self._push(outage.at, Step(Order.EDGE, outage.exchange, name="outage", place=place))
            self._push(outage.at + outage.for_ms, Step(Order.EDGE, outage.exchange, name="over", place=place))
        for place, restart in enumerate(story.restarts):
            self._push(restart.at + restart.down, Step(Order.EDGE, name="restart", place=place))
        for place, ack in enumerate(story.acks):
            self._push(ack.at, Step(Order.ACK, place=place))
        for series in story.series:
            pocket = Pocket(series.exchange, series.account, series.wallet, series.field == "value")
            self._pockets.setdefault(pocket, Contents())
            for number, token in enumerate(series.values):
                at_ms = series.at + number * (series.every or story.every_ms)
                step = Step(Order.SET, series.exchange, pocket, series.asset, name=series.field, token=token)
                self._push(at_ms, step)
        for place, reading in enumerate(story.readings):
            pocket = Pocket(reading.exchange, reading.account, reading.wallet)
            self._pockets.setdefault(pocket, Contents())
            self._push(reading.at, Step(Order.SET, reading.exchange, pocket, place=place))
        self._fill_the_rest()

    def _fill_the_rest(self) -> None:
        """Listings, and the wallets that the case does not speak of: read every step, and empty."""
        described = set(self._pockets)
        rest = [
            pocket
            for (exchange, name) in self._accounts
            for wallet in quantity_wallets(self._ruleset.exchanges[exchange])
            if (pocket := Pocket(exchange, name, wallet)) not in described
        ]
        self._pockets.update((pocket, Contents()) for pocket in rest)
        for at_ms in range(0, self.end_ms + 1, self._story.every_ms):
            for settings in self._ruleset.exchanges.values():
                self._push(at_ms, Step(Order.LIST, settings.name))
                if not settings.lists_all_assets:
                    self._push(at_ms, Step(Order.PASS, settings.name))
            for pocket in rest:
                self._queue_read(at_ms, pocket)

    def _push(self, at_ms: int, step: Step) -> None:
        heapq.heappush(self._queue, (at_ms, step.kind, next(self._numbers), step))

    def _queue_read(self, at_ms: int, pocket: Pocket) -> None:
        if (at_ms, pocket) not in self._queued:
            self._queued.add((at_ms, pocket))
            self._push(at_ms, Step(Order.READ, pocket.exchange, pocket))

    # What happens

    def _set(self, at_ms: int, step: Step) -> None:
        if step.pocket is None:
            return
        contents = self._pockets[step.pocket]
        if step.token is None:
            contents.figures = {
                asset: dict(row) for asset, row in self._story.readings[step.place].assets.items()
            }
            contents.said_ms = at_ms
            self._queue_read(at_ms, step.pocket)
            return
        match step.token.said:
            case Said.MISSING:
                contents.silent_ms = at_ms
                return
            case Said.FAILED:
                contents.failed_ms = at_ms
            case Said.ABSENT:
                contents.figures.pop(step.asset, None)
                contents.said_ms = at_ms
            case Said.UNKNOWN:
                contents.figures.setdefault(step.asset, {})[step.name] = ""
                contents.said_ms = at_ms
            case Said.FIGURE:
                contents.figures.setdefault(step.asset, {})[step.name] = step.token.figure
                contents.said_ms = at_ms
        self._queue_read(at_ms, step.pocket)

    def _read(self, at_ms: int, pocket: Pocket) -> list[Input]:
        contents = self._pockets.get(pocket)
        if contents is None or contents.is_silent or not self._has_appeared(pocket, at_ms):
            return []
        self._read_at[pocket.exchange] = at_ms
        settings = self._ruleset.exchanges[pocket.exchange]
        outage = self._outage(pocket.exchange, at_ms)
        if outage is not None or contents.fails:
            self._failed_at[pocket.exchange] = at_ms
            kind = FailureKind.TRANSIENT if outage is None else FailureKind(outage.kind)
            until_ms = None if outage is None else _until(kind, self._start_ms + outage.at + outage.for_ms)
            return [self._failure(pocket, at_ms, kind, "no answer", until_ms)]
        if self._has_vanished(pocket, at_ms):
            denied = "the venue does not know this account"
            return [self._failure(pocket, at_ms, FailureKind.DENIED, denied)] if settings.own_call else []
        return self._answer_of(pocket, contents, settings, at_ms)

    def _failure(
        self, pocket: Pocket, at_ms: int, kind: FailureKind, reason: str, until_ms: int | None = None
    ) -> Failure:
        who = self._who(pocket, at_ms)
        now_ms = self._start_ms + at_ms
        return Failure(pocket.exchange, now_ms, kind, reason, who, pocket.wallet, until_ms)

    def _answer_of(
        self, pocket: Pocket, contents: Contents, settings: ExchangeSettings, at_ms: int
    ) -> list[Input]:
        who, now_ms = self._who(pocket, at_ms), self._start_ms + at_ms
        if pocket.valued:
            values = {quote: row.get("value", "") for quote, row in contents.figures.items()}
            return [Reading.of(pocket.exchange, who, pocket.wallet, now_ms, now_ms, (), {}, values=values)]
        fields = _fields(settings.kind, pocket.wallet)
        rows = {asset: _row(fields, figures) for asset, figures in contents.figures.items()}
        named = not settings.lists_all_assets and pocket.account != MASTER
        if named and not rows:
            return []
        covers = Covers.NAMED if named else Covers.ALL
        return [Reading.of(pocket.exchange, who, pocket.wallet, now_ms, now_ms, fields, rows, covers)]

    def _list(self, at_ms: int, settings: ExchangeSettings) -> list[Input]:
        now_ms = self._start_ms + at_ms
        outage = self._outage(settings.name, at_ms)
        if outage is not None:
            kind = FailureKind(outage.kind)
            until_ms = _until(kind, self._start_ms + outage.at + outage.for_ms)
            return [Failure(settings.name, now_ms, kind, "no answer", until_ms=until_ms)]
        listed = []
        for (exchange, name), account in self._accounts.items():
            pocket = Pocket(exchange, name, "")
            if exchange != settings.name or not self._has_appeared(pocket, at_ms):
                continue
            if self._has_vanished(pocket, at_ms) or _is_past(account.unlisted, at_ms):
                continue
            listed.append(ListedAccount(self._who(pocket, at_ms), _is_past(account.frozen, at_ms)))
        source = "virtual" if settings.kind == "bitget" else "list"
        return [Listing(settings.name, source, now_ms, now_ms, complete=True, accounts=tuple(listed))]

    def _pass(self, at_ms: int, settings: ExchangeSettings) -> list[Input]:
        """The end of a pass: complete unless a row of it failed; none where nobody read."""
        now_ms = self._start_ms + at_ms
        pockets = [pocket for pocket in self._pockets if pocket.exchange == settings.name]
        if self._outage(settings.name, at_ms) or (pockets and self._read_at.get(settings.name) != at_ms):
            return []
        seen = {
            f"id-{pocket.account}": frozenset(self._pockets[pocket].figures)
            for pocket in pockets
            if pocket.account != MASTER
            and self._pockets[pocket].figures
            and self._has_appeared(pocket, at_ms)
            and not self._has_vanished(pocket, at_ms)
        }
        complete = self._failed_at.get(settings.name) != at_ms
        reason = "" if complete else "a page did not answer"
        fields = _fields(settings.kind, "spot")
        return [Pass(settings.name, "spot", now_ms, now_ms, complete, fields, seen, reason)]

    def _edge(self, at_ms: int, step: Step) -> list[Input]:
        now_ms = self._start_ms + at_ms
        if step.name == "restart":
            return [RulesAccepted(now_ms, self._ruleset), Start(now_ms)]
        if self._story.outages[step.place].kind != "maintenance":
            return []
        return [Maintenance(step.exchange, now_ms, active=step.name == "outage", reason="announced")]

    # What is so

    def _is_down(self, at_ms: int) -> bool:
        return any(row.at <= at_ms < row.at + row.down for row in self._story.restarts)

    def _outage(self, exchange: str, at_ms: int) -> OutageRow | None:
        return next(
            (
                row
                for row in self._story.outages
                if row.exchange == exchange and row.at <= at_ms < row.at + row.for_ms
            ),
            None,
        )

    def _has_appeared(self, pocket: Pocket, at_ms: int) -> bool:
        account = self._accounts.get((pocket.exchange, pocket.account))
        return account is None or account.appears <= at_ms

    def _has_vanished(self, pocket: Pocket, at_ms: int) -> bool:
        account = self._accounts.get((pocket.exchange, pocket.account))
        return account is not None and _is_past(account.vanishes, at_ms)

    def _who(self, pocket: Pocket, at_ms: int) -> Identity:
        if pocket.account == MASTER:
            return MASTER_IDENTITY
        account = self._accounts[pocket.exchange, pocket.account]
        name = account.new_name if _is_past(account.renamed, at_ms) else account.name
        ident = f"id-{account.name}"
        return Identity(ident, email=name) if "@" in name else Identity(ident, name=name)


def _accounts_of(story: Story) -> dict[tuple[str, str], AccountRow]:
    """The sub-accounts that the case names, each with its own table or one that says nothing."""
    found = {(row.exchange, row.name): row for row in story.accounts}
    named = [(row.exchange, row.account) for row in story.series]
    named += [(row.exchange, row.account) for row in story.readings]
    for exchange, name in named:
        if name != MASTER:
            found.setdefault((exchange, name), AccountRow(name=name, exchange=exchange))
    return found


def _is_past(time_ms: int | None, at_ms: int) -> bool:
    return time_ms is not None and time_ms <= at_ms


def _until(kind: FailureKind, until_ms: int | None) -> int | None:
    return until_ms if kind in {FailureKind.BANNED, FailureKind.LIMITED} else None


def _fields(kind: str, wallet: str) -> tuple[str, ...]:
    """What the venue gives of an asset, as its client reads it."""
    if kind == "okx":
        return okx_wire.TRADING_FIELDS if wallet == "trading" else okx_wire.FUNDING_FIELDS
    return binance_wire.FIELDS if kind == "binance" else bitget_wire.FIELDS


def _row(fields: tuple[str, ...], figures: dict[str, str]) -> Row:
    """The venue's row: what the case does not say is zero, and a total is the sum of its parts."""
    given = dict(figures)
    total = given.pop("total", None) if "total" not in fields else None
    if total is not None:
        given.setdefault("free", total)
    if "total" in fields and "total" not in given:
        parts = [given[name] for name in SUMMED if name in given]
        given["total"] = "" if "" in parts else format(add(Decimal(part) for part in parts), "f")
    elif "total" in fields:
        given.setdefault("free", given["total"])
    return tuple(given.get(name, "0") for name in fields)
